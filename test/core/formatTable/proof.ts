import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { compareTensors } from "../../../src/core/analysis/compareTensors";
import { measureTensor } from "../../../src/core/analysis/measureTensor";
import { PlainKernels } from "../../../src/core/analysis/plainKernels";
import type { Files } from "../../../src/core/bytes/files";
import { TensorReader } from "../../../src/core/checkpoint/tensorReader";
import type { Problem } from "../../../src/core/problem/problem";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { unreadablePart } from "../../../src/core/tensors/assembly";
import type { WritableDtype } from "../../../src/core/tensors/encode";
import { rowsOf } from "../../../src/core/tensors/packed/packedWeight";
import type { ReadTensorRange } from "../../../src/core/tensors/readTensorRange";
import { readAllValues } from "../../../src/core/tensors/readValues";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { convert } from "../../../src/core/transform/model/convert";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import type { MemoryContent } from "../../support/memoryFiles";
import { MemoryFiles } from "../../support/memoryFiles";
import { openTensors } from "../../support/openTensors";
import { projectRoot } from "../../support/projectRoot";
import { folderInMemory } from "../resume/resumeFiles";
import type { Column } from "./readmeTable";

/** Opens a fixture that the project makes itself, as users do, and holds what is found against what it was made of. */
export type Proof = () => Promise<void>;

/** A proof for each claim of a row of the README's table. */
export type RowProofs = Readonly<Record<Column, Readonly<Record<string, Proof>>>>;

export interface WantedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Of the values as the library that wrote the file reads them. */
  readonly sha256: string;
}

export const open = (files: Files, path: string) => CheckpointSession.open(files, path, () => undefined);

/** A folder or file of test/fixtures at `/f`. */
export function fixture(name: string): MemoryFiles {
  return folderInMemory(join(projectRoot, "test/fixtures", name), "/f");
}

export function fixtureBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(projectRoot, "test/fixtures", name)));
}

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(projectRoot, "test/fixtures", name), "utf8"));
}

/** One file of test/fixtures, and others beside it, in `/f`. */
export function oneFile(name: string, beside: Readonly<Record<string, MemoryContent>> = {}): MemoryFiles {
  const last = name.slice(name.lastIndexOf("/") + 1);
  return new MemoryFiles({ [`/f/${last}`]: fixtureBytes(name), ...beside });
}

/** The tensors have their values, and no problem of weight is told but `problems`, by their codes. */
export async function holds(
  files: MemoryFiles,
  path: string,
  wanted: Readonly<Record<string, WantedTensor>>,
  problems: readonly string[] = [],
): Promise<void> {
  const { checkpoint, tensors } = await openTensors(files, path);
  for (const [name, { dtype, shape, sha256 }] of Object.entries(wanted))
    expect(tensors[name], name).toEqual({ dtype, shape, sha256 });
  expect(Object.keys(wanted).length).toBeGreaterThan(0);
  expect(told(checkpoint.problems)).toEqual(problems);
}

/** The end of a tensor costs its own bytes: nothing before it is read, and at most `slack` bytes about it. */
export async function readsByRange(files: MemoryFiles, path: string, slack = 0): Promise<void> {
  const { checkpoint } = await open(files, path);
  const reader = new TensorReader(files, checkpoint);
  const whole = checkpoint.tensors.filter(
    (tensor) => tensor.byteSize >= 8 && unreadablePart(tensor) === undefined,
  );
  expect(whole.length).toBeGreaterThan(0);
  for (const tensor of whole) {
    const before = files.counts.bytesRead;
    const end = await reader.readRange(tensor, tensor.byteSize - 4, 4);
    expect(end).toHaveLength(4);
    expect(files.counts.bytesRead - before, tensor.name).toBeLessThanOrEqual(4 + slack);
  }
  await reader.close();
}

/**
 * What is read is measured, compared and converted alike: statistics are those of the values, a tensor equals itself and
 * differs from zeros by its own values, and written as safetensors and read again it is the same.
 */
export async function isReadAlike(files: MemoryFiles, path: string, dtype?: WritableDtype): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "table-"));
  try {
    await writeBelow(folder, files);
    const session = await open(nodeFiles, join(folder, path));
    await convertsTo(session, folder, await isMeasuredAndCompared(session), dtype);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function isMeasuredAndCompared(
  session: CheckpointSession,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const reader = session.tensorReader();
  const read = (tensor: Tensor, offset: number, length: number) => reader.readRange(tensor, offset, length);
  const zeros = async (_: Tensor, __: number, length: number) => new Uint8Array(length);
  const kernels = new PlainKernels();
  const found = new Map<string, readonly number[]>();
  for (const tensor of await session.weights()) {
    const values = await valuesOf(session, tensor, read);
    if (values.length === 0) continue;
    found.set(tensor.name, values);
    const finite = values.filter(Number.isFinite);
    const [min, max] = [Math.min(...finite), Math.max(...finite)];
    const absMax = Math.max(Math.abs(min), Math.abs(max));
    const numbers = await measureTensor(tensor, read, kernels);
    expect(numbers?.statistics, tensor.name).toMatchObject({ min, max, absMax });
    const same = await compareTensors([tensor, tensor], [read, read], kernels);
    expect(same?.maxAbs, tensor.name).toBe(0);
    const other = await compareTensors([tensor, tensor], [zeros, read], kernels);
    if (finite.length === values.length) expect(other?.maxAbs, tensor.name).toBe(absMax);
  }
  expect(found.size).toBeGreaterThan(0);
  await reader.close();
  return found;
}

/** None where it holds no floats, and no codes of such. */
async function valuesOf(
  session: CheckpointSession,
  tensor: Tensor,
  read: ReadTensorRange,
): Promise<readonly number[]> {
  if (/^(?:BF|F)\d+$/.test(tensor.dtype)) return [...(await readAllValues(tensor, read))];
  const packed = await session.packedWeight(tensor);
  if (packed === undefined) return [];
  return [...(await packed.readRows(0, rowsOf(packed.shape).rows, read))];
}

async function convertsTo(
  source: CheckpointSession,
  folder: string,
  values: ReadonlyMap<string, readonly number[]>,
  dtype?: WritableDtype,
): Promise<void> {
  const { path } = await convert({
    files: nodeFiles,
    sink: nodeSink,
    source,
    options: { only: "model", ...(dtype === undefined ? {} : { dtype }) },
    path: join(folder, "converted"),
    replace: false,
    maxShardBytes: 5e9,
    toolVersion: "0",
    now: new Date(0),
  });
  const written = await open(nodeFiles, path);
  const reader = written.tensorReader();
  // A model that a file keeps under a key is written under the names that it has itself.
  const wantedOf = (name: string) => {
    const exact = values.get(name);
    return exact === undefined
      ? [...values].filter(([key]) => key.endsWith(`.${name}`)).map(([, wanted]) => wanted)
      : [exact];
  };
  let same = 0;
  for (const tensor of written.checkpoint.tensors) {
    const wanted = wantedOf(tensor.name);
    if (wanted.length === 0) continue;
    const all = await readAllValues(tensor, (...range) => reader.readRange(...range));
    expect(wanted, tensor.name).toContainEqual([...all]);
    same++;
  }
  expect(same).toBeGreaterThan(0);
  await reader.close();
}

/** Writes files in memory below a folder. */
async function writeBelow(folder: string, files: MemoryFiles, path = ""): Promise<void> {
  mkdirSync(join(folder, path), { recursive: true });
  for (const { name, kind } of await files.list(path === "" ? "/" : path)) {
    if (kind === "directory") await writeBelow(folder, files, `${path}/${name}`);
    else {
      const source = await files.open(`${path}/${name}`);
      writeFileSync(join(folder, path, name), await source.read(0, source.size));
    }
  }
}

/** What is not read is said by an error or a warning of this code, when the checkpoint is opened or judged. */
export async function tells(files: MemoryFiles, path: string, code: string): Promise<void> {
  const problems = await open(files, path).then(
    (session) => session.health(),
    (error) => [{ ...error, severity: "error" as const }],
  );
  expect(told(problems)).toContain(code);
}

function told(problems: readonly Problem[]): readonly string[] {
  return problems.filter(({ severity }) => severity !== "info").map(({ code }) => code);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function f32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
