import { type ByteRegion, FileRegion, SubRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors, maxTensorAxes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { formatBytes } from "../../text/quantities";
import { type ContentValue, MapValue, TupleValue } from "../contentValue";
import { numberOf, sequenceOf, tupleItems } from "../contentView";
import type { Format, ParsedFile } from "../format";
import type { ImportFinding } from "../importFinding";
import { Look } from "../inside/look";
import { lookBehind } from "../inside/lookBehind";
import { judgeImports } from "../pickle/importReport";
import { PyGlobal, PyObject, PyPersistentId } from "../pickle/pickleValue";
import { type UnpickleOptions, unpickleFrom } from "../pickle/unpickle";
import { isTar, readTarDirectory } from "../tar/tarDirectory";
import { storageDtype } from "./torchDtype";
import { parsedFile } from "./torchParsed";
import type { TorchStorage, ToStorage } from "./torchStorage";

const memberNames: ReadonlySet<string> = new Set(["sys_info", "pickle", "tensors", "storages"]);

/**
 * Files of torch before 0.1.10 (torch/serialization.py, `legacy_load`): a tar of the system, of the object with numbers
 * in place of its tensors, of the tensors with numbers in place of their storages, and of the storages.
 */
export const torchTar: Format = {
  id: "torch-legacy",
  extensions: [],
  matches: (head) => isTar(head) && memberNames.has(firstName(head)),
  parse,
};

function firstName(head: Uint8Array): string {
  const end = head.indexOf(0);
  return String.fromCharCode(...head.subarray(0, Math.min(100, end)));
}

async function parse(source: ByteSource, _head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const directory = await readTarDirectory(source, signal);
  const members = new Map<string, Member>();
  const imports: ImportFinding[] = [];
  const problems: Problem[] = [...directory.problems];
  for (const { name, offset, size } of directory.members) {
    const there = Math.max(0, Math.min(size, source.size - offset));
    const region = new SubRegion(new FileRegion(0, source.size), offset, there);
    members.set(name, new Member(await region.open(source, signal), region, imports, problems, signal));
  }
  const [object, tensors, storages] = ["pickle", "tensors", "storages"].map((name) => members.get(name));
  if (object === undefined) {
    const message =
      "This is a file of torch before 0.1.10 (2017), a tar archive, whose object is missing: it was cut. Fetch it again.";
    throw new CheckpointError("OldTorchTar", message, source.size);
  }
  const missing = [...memberNames].filter((name) => !members.has(name));
  if (missing.length > 0) {
    const message = `The archive ends before ${missing.join(" and ")}, in which tensors and their values stand: it was cut. Fetch it again.`;
    problems.push({ severity: "error", code: "MissingMember", message, offset: source.size });
  }
  const system = await members.get("sys_info")?.next();
  const bigEndian = system instanceof MapValue && system.get("little_endian") === false;
  const found = new Map<string, TorchStorage>();
  await tell(problems, async () => readStorages(storages, bigEndian, found));
  const rebuilt = new Map<string, PyObject>();
  await tell(problems, async () => readTensors(tensors, rebuilt));
  const root = await object.nextWhole((id) => {
    // Containers were saved with their source: (class, file, source). The class is what the pickle needs.
    const [type] = tupleItems(id) ?? [];
    return type instanceof PyGlobal ? type : rebuilt.get(keyOf(id));
  });
  const look = new Look(source.size, signal);
  await look.intoTar(source, directory.members, (name) => memberNames.has(name));
  for (const name of memberNames) problems.push(...((await members.get(name)?.behind(name, look)) ?? []));
  const stream = {
    root: root.value ?? null,
    stream: object.region,
    found: root.found,
    findStorage: (reference: ToStorage) =>
      reference instanceof PyObject ? undefined : found.get(keyOf(reference.id)),
    imports,
    problems,
  };
  return parsedFile(source, stream, { look }, signal);
}

/** What is damaged is told, and what stands before it is shown. */
async function tell(problems: Problem[], read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    problems.push(error.toProblem());
  }
}

/** A member of the archive: pickles and numbers that follow each other. */
class Member {
  private at = 0;

  constructor(
    private readonly source: ByteSource,
    readonly region: ByteRegion,
    private readonly imports: ImportFinding[],
    private readonly problems: Problem[],
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws CheckpointError where the pickle is damaged or cut. */
  async next(): Promise<ContentValue | undefined> {
    const { value, failure } = await this.nextWhole();
    if (failure !== undefined) throw failure;
    return value;
  }

  /** A pickle as far as it goes; what stands against it is told. */
  async nextWhole(resolvePersistentId?: UnpickleOptions["resolvePersistentId"]) {
    const resolve = resolvePersistentId === undefined ? {} : { resolvePersistentId };
    const unpickled = await unpickleFrom(this.source, { start: this.at, signal: this.signal, ...resolve });
    this.at = unpickled.end;
    this.imports.push(...judgeImports(unpickled.imports));
    this.problems.push(...unpickled.problems);
    if (unpickled.failure !== undefined && resolvePersistentId !== undefined)
      this.problems.push(unpickled.failure.toProblem());
    return unpickled;
  }

  /** What stands behind all that torch reads of the member. */
  behind(name: string, look: Look): Promise<readonly Problem[]> {
    return lookBehind(this.source, this.at, `what torch reads of ${name}`, look, this.signal);
  }

  /** The next `count` numbers of eight bytes. @throws CheckpointError where they are not there. */
  async numbers(count: number): Promise<readonly number[]> {
    const bytes = await this.take(8 * count);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = Array.from({ length: count }, (_, index) => Number(view.getBigInt64(8 * index, true)));
    if (!values.every((value) => Number.isSafeInteger(value) && value >= 0))
      throw this.damaged(`numbers stand there that are none (${values.slice(0, 4).join(", ")})`);
    return values;
  }

  /** Four bytes of a number, and four that mean nothing. */
  async word(): Promise<number> {
    const bytes = await this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  }

  private async take(length: number): Promise<Uint8Array> {
    if (this.at + length > this.source.size) throw this.damaged("it ends there");
    const bytes = await this.source.read(this.at, length, this.signal);
    this.at += length;
    return bytes;
  }

  /** The next bytes as they lie in the file, with how many of them are there. */
  skip(length: number): { readonly region: ByteRegion; readonly there: number } {
    const start = Math.min(this.at, this.source.size);
    const there = Math.min(length, this.source.size - start);
    this.at = start + there;
    return { region: new SubRegion(this.region, start, there), there };
  }

  damaged(why: string): CheckpointError {
    const offset = this.region.fileOffset + this.at;
    return new CheckpointError(
      "DamagedTorchTar",
      `At byte ${offset} ${why}: the file is damaged or cut. Fetch it again.`,
      offset,
    );
  }
}

function keyOf(id: ContentValue | undefined): string {
  return typeof id === "string" || typeof id === "number" || typeof id === "bigint" ? String(id) : "";
}

/** (key, location, class), the number of elements and the elements of each; then parts of them under keys of their own. */
async function readStorages(
  member: Member | undefined,
  bigEndian: boolean,
  found: Map<string, TorchStorage>,
): Promise<void> {
  if (member === undefined) return;
  const count = numberOf(await member.next()) ?? 0;
  if (count > maxCollectedTensors) throw member.damaged(`${count} storages are counted`);
  for (let index = 0; index < count; index++) {
    const [key, , type] = tupleItems(await member.next()) ?? [];
    const dtype = type instanceof PyGlobal ? storageDtype(type.name) : undefined;
    if (dtype === undefined) throw member.damaged("a storage stands of a type that is not known");
    const [elements = 0] = await member.numbers(1);
    const byteSize = elements * dtype.elementBytes;
    const { region, there } = member.skip(byteSize);
    const bytes =
      there === byteSize
        ? { region }
        : {
            region: undefined,
            absent: `Its storage has ${formatBytes(there)} of ${formatBytes(byteSize)}: the file is cut.`,
          };
    const storage = { key: keyOf(key), byteSize, bigEndian, ...bytes };
    found.set(keyOf(key), { dtype, untyped: false, storage });
  }
  for (const view of sequenceOf(await member.next()) ?? []) {
    const [key, root, offset, elements] = tupleItems(view) ?? [];
    const whole = found.get(keyOf(root));
    const [start, length] = [offset, elements].map(
      (value) => (numberOf(value) ?? Number.NaN) * (whole?.dtype.elementBytes ?? 0),
    ) as [number, number];
    if (whole === undefined || !(start >= 0 && length >= 0 && start + length <= whole.storage.byteSize))
      continue;
    const { region } = whole.storage;
    const storage = {
      ...whole.storage,
      key: keyOf(key),
      byteSize: length,
      region: region && new SubRegion(region, start, length),
    };
    found.set(keyOf(key), { ...whole, storage });
  }
}

const rebuild = new PyGlobal("torch._utils", "_rebuild_tensor");

/** (key, storage, class), the number of axes, sizes, strides and offset of each, as the call that would rebuild it. */
async function readTensors(member: Member | undefined, rebuilt: Map<string, PyObject>): Promise<void> {
  if (member === undefined) return;
  const count = numberOf(await member.next()) ?? 0;
  if (count > maxCollectedTensors) throw member.damaged(`${count} tensors are counted`);
  for (let index = 0; index < count; index++) {
    const [key, storage] = tupleItems(await member.next()) ?? [];
    const axes = await member.word();
    if (axes > maxTensorAxes) throw member.damaged(`a tensor of ${axes} axes stands`);
    const sizes = await member.numbers(axes);
    const strides = await member.numbers(axes);
    const [offset = 0] = await member.numbers(1);
    const reference = new PyPersistentId(storage ?? null);
    const args = [reference, offset, new TupleValue(sizes), new TupleValue(strides)];
    rebuilt.set(keyOf(key), new PyObject(rebuild, new TupleValue(args), false));
  }
}
