import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TensorReader } from "../../src/core/checkpoint/tensorReader";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { plainTable } from "../../src/core/report/textTable";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import type { Tensor } from "../../src/core/tensors/tensor";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { checkPicklescanFiles, type PicklescanRow } from "./picklescanCorpus";
import { parsePythonJson } from "./pythonJson";
import { type ExpectedScalar, scalarDifference } from "./torchScalars";
import { Comparison } from "./verdict";

/** What torch or pickle found in a file (EXPECTED/<path>.json of the corpus). */
interface ExpectedTorch {
  readonly kind: string;
  readonly container?: string;
  readonly err?: string;
  readonly globals?: Readonly<Record<string, number>>;
  readonly tensors?: readonly ExpectedTensor[];
  readonly scalars?: readonly ExpectedScalar[];
}

interface ExpectedTensor {
  readonly path: readonly (string | number)[];
  readonly numpy?: boolean;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly requires_grad?: boolean;
  readonly layout?: string;
  readonly stride?: readonly number[];
  readonly storage_offset?: number;
  readonly storage_numel?: number;
  readonly sha256?: string;
  readonly int_repr_sha256?: string;
}

export interface TorchCorpusResult {
  readonly read: number;
  readonly agreed: number;
  readonly refused: number;
  readonly tensors: number;
  readonly scalars: number;
  readonly missed: readonly { readonly path: string; readonly differences: readonly string[] }[];
}

/** Holds every torch and pickle file of a corpus against what torch says about it. */
export async function checkTorchFiles(folder: string): Promise<TorchCorpusResult> {
  const missed: { path: string; differences: readonly string[] }[] = [];
  const counts = { read: 0, agreed: 0, refused: 0, tensors: 0, scalars: 0 };
  for (const path of expectedPaths(folder)) {
    const text = readFileSync(join(folder, "EXPECTED", `${path}.json`), "utf8");
    const expected = parsePythonJson(text) as ExpectedTorch;
    if (expected.kind !== "torch") continue;
    counts.read++;
    const comparison = new Comparison();
    const outcome = await checkFile(join(folder, path), expected, comparison, counts);
    if (comparison.differences.length > 0) missed.push({ path, differences: comparison.differences });
    else counts[outcome]++;
  }
  return { ...counts, missed };
}

function expectedPaths(folder: string): string[] {
  const root = join(folder, "EXPECTED");
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .map((path) => path.slice(0, -".json".length).replaceAll("\\", "/"))
    .sort();
}

async function checkFile(
  path: string,
  expected: ExpectedTorch,
  comparison: Comparison,
  counts: { tensors: number; scalars: number },
): Promise<"agreed" | "refused"> {
  const session = await openOrError(path);
  if (session instanceof CheckpointError) {
    comparison.check(expected.err !== undefined, `refused: ${session.code}: ${session.message}`);
    return "refused";
  }
  const errors = session.checkpoint.problems.filter(({ severity }) => severity === "error");
  if (expected.err !== undefined) {
    // A file that torch refuses may be read here (such as one behind a prefix), but never without a word.
    comparison.check(
      session.checkpoint.problems.length > 0,
      `read without a problem; torch says ${expected.err}`,
    );
    return "refused";
  }
  for (const { code, message } of errors) comparison.check(false, `${code}: ${message}`);
  const isTorchScript = session.checkpoint.format === "torchscript";
  if (!isTorchScript) {
    compareGlobals(session, expected.globals ?? {}, comparison);
    await compareTensors(session, expected.tensors ?? [], comparison);
  }
  counts.tensors += expected.tensors?.length ?? 0;
  // Of TorchScript the oracle could not read the object.
  const scalars = isTorchScript ? [] : (expected.scalars ?? []);
  for (const scalar of scalars) {
    const { content } = session.checkpoint;
    // Keys that are objects, which the oracle names by their address in memory.
    if (content === undefined || scalar.path.some((part) => / object at 0x/.test(String(part)))) continue;
    counts.scalars++;
    const difference = scalarDifference(content, scalar);
    if (difference !== undefined) comparison.check(false, difference);
  }
  return "agreed";
}

async function openOrError(path: string): Promise<CheckpointSession | CheckpointError> {
  try {
    return await CheckpointSession.open(nodeFiles, path, () => undefined);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
}

/** Names that Python 2 had, which the oracle left as they were but for their module; theirs and ours to one. */
const renamed = new Map([
  // It also ran under a NumPy of before 2, which has no `numpy._core`.
  ["numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct"],
  ["numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar"],
  ["builtins.xrange", "builtins.range"],
  ["builtins.long", "builtins.int"],
]);

function compareGlobals(
  session: CheckpointSession,
  expected: Readonly<Record<string, number>>,
  comparison: Comparison,
) {
  // Storage classes and dtypes are resolved by the oracle itself and not in its list, but for the untyped ones.
  const isStorage = (name: string) => /^torch\.(?:storage\.)?\w*Storage$/.test(name);
  const canonical = (name: string) => renamed.get(name) ?? name;
  const wanted = Object.keys(expected).map(canonical);
  const found = (session.checkpoint.imports ?? []).filter(
    ({ where }) => where === undefined || /data\.pkl$/.test(where),
  );
  const names = found
    .map(({ global }) => canonical(global))
    .filter((name) => !isStorage(name) || wanted.includes(name));
  comparison.equal("globals", [...names].sort(), [...new Set(wanted)].sort());
  for (const [name, count] of Object.entries(expected)) {
    const finding = found.find(({ global }) => canonical(global) === canonical(name));
    if (finding !== undefined && !renamed.has(name))
      comparison.equal(`count of ${name}`, finding.count, count);
  }
  const dangerous = (session.checkpoint.imports ?? []).filter(({ verdict }) => verdict === "dangerous");
  comparison.equal(
    "dangerous imports of an honest file",
    dangerous.map(({ global }) => global),
    [],
  );
}

async function compareTensors(
  session: CheckpointSession,
  expected: readonly ExpectedTensor[],
  comparison: Comparison,
) {
  const byName = new Map<string, Tensor>();
  for (const tensor of session.checkpoint.tensors) byName.set(tensor.name, tensor);
  const names = new Set<string>();
  const reader = session.tensorReader();
  try {
    for (const wanted of expected) {
      const name = nameOf(wanted.path);
      names.add(name);
      // An array of objects holds no bytes: it is shown with its content.
      if (wanted.dtype === "|O") continue;
      const tensor = byName.get(name);
      if (tensor === undefined) comparison.check(false, `${name}: is missing`);
      else await compareTensor(tensor, wanted, reader, comparison);
    }
  } finally {
    await reader.close();
  }
  const extra = [...byName.keys()].filter((name) => !names.has(name));
  // torch 1.13, which the oracle is, does not know the constructors and dtypes of later versions.
  // Nor does the oracle know arrays of pickle's protocol 5 (`_frombuffer`) for arrays.
  const isUnknown = (name: string) =>
    /^F8|^F4|^U(?:16|32|64)$|^C32$/.test(byName.get(name)?.dtype ?? "") || /^np_/.test(name);
  comparison.equal(
    "tensors that torch does not list",
    extra.filter((name) => !isUnknown(name)),
    [],
  );
}

/** The levels that the oracle shows in brackets are no part of a name. */
export function nameOf(path: readonly (string | number)[]): string {
  const parts: string[] = [];
  for (const [at, part] of path.entries()) {
    if (/^\((?:state|map|items|args)\)$/.test(String(part))) continue;
    if (path[at - 1] === "(state)" && /^_(?:parameters|buffers|modules)$/.test(String(part))) continue;
    parts.push(String(part));
  }
  return parts.join(".");
}

const dtypes = new Map(
  Object.entries({
    float32: "F32",
    float64: "F64",
    float16: "F16",
    bfloat16: "BF16",
    int8: "I8",
    int16: "I16",
    int32: "I32",
    int64: "I64",
    uint8: "U8",
    bool: "BOOL",
    complex64: "C64",
    complex128: "C128",
    qint8: "QINT8",
    quint8: "QUINT8",
    qint32: "QINT32",
    "<u4": "U32",
    "<f8": "F64",
    "<f4": "F32",
    "<i4": "I32",
    "|V12": "V12",
  }),
);

async function compareTensor(
  tensor: Tensor,
  wanted: ExpectedTensor,
  reader: TensorReader,
  comparison: Comparison,
) {
  const { name, layout } = tensor;
  comparison.equal(`${name}: dtype`, tensor.dtype, dtypes.get(wanted.dtype) ?? wanted.dtype);
  comparison.equal(`${name}: shape`, tensor.shape, wanted.shape);
  if (wanted.stride !== undefined) comparison.equal(`${name}: strides`, layout?.strides, wanted.stride);
  if (wanted.storage_offset !== undefined)
    comparison.equal(`${name}: storage offset`, layout?.storageOffset, wanted.storage_offset);
  if (wanted.storage_numel !== undefined && layout !== undefined) {
    comparison.equal(`${name}: storage`, layout.storage.byteSize, wanted.storage_numel * layout.elementBytes);
  }
  if (wanted.requires_grad !== undefined)
    comparison.equal(`${name}: requires_grad`, layout?.requiresGrad === true, wanted.requires_grad);
  const sha256 = wanted.sha256 ?? wanted.int_repr_sha256;
  const bytes = await reader.read(tensor);
  comparison.equal(`${name}: bytes`, bytes.length, tensor.byteSize);
  if (sha256 === undefined) return;
  comparison.equal(`${name}: sha256`, createHash("sha256").update(bytes).digest("hex"), sha256);
}

function picklescanCells({ path, outcome, picklescan, why, found, difference }: PicklescanRow): string[] {
  return [path, outcome, picklescan, found.join(", "), difference ?? why ?? ""];
}

async function main(folder: string): Promise<void> {
  const { missed, ...counts } = await checkTorchFiles(folder);
  for (const { path, differences } of missed) {
    console.log(`MISSED ${path}`);
    for (const difference of differences.slice(0, 5)) console.log(`  ${difference.slice(0, 400)}`);
  }
  console.log(JSON.stringify(counts), `missed ${missed.length}`);
  const rows = await checkPicklescanFiles(folder);
  console.log("\nImport report against picklescan's own test files");
  console.log(plainTable(["File", "Here", "picklescan", "Found here", "Note"], rows.map(picklescanCells)));
  const unexplained = rows.filter(({ difference }) => difference === "unexplained").length;
  const differing = rows.filter(({ difference }) => difference !== undefined).length;
  const flagged = rows.filter(({ outcome }) => outcome === "dangerous").length;
  console.log(
    `picklescan: ${rows.length} files, ${flagged} dangerous here, ${differing} differ, ${unexplained} unexplained`,
  );
  if (missed.length > 0 || unexplained > 0) process.exitCode = 1;
}

const [script, folder] = process.argv.slice(1);
if (folder !== undefined && script?.endsWith("torchCorpus.ts") === true) await main(folder);
