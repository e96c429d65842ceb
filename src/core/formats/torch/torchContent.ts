import { type ByteRegion, MemoryRegion, SubRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { headerProbeBytes, maxNestedPickleDepth } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { BytesValue, type ContentValue, LongTextValue } from "../contentValue";
import type { ImportFinding } from "../importFinding";
import type { Look } from "../inside/look";
import { loadFromBytes, unseenBytes } from "../inside/unseenBytes";
import type { FoundValues } from "../pickle/foundValues";
import { judgeImports } from "../pickle/importReport";
import { encodedText } from "../pickle/pickleBytes";
import { argsOf } from "../pickle/pickleObjectView";
import { PyObject, PyPersistentId } from "../pickle/pickleValue";
import { unpickleFrom } from "../pickle/unpickle";
import { collectTensors } from "./collectTensors";
import { readLegacyStream } from "./legacyStream";
import { otherMembers } from "./otherMembers";
import { type FindStorage, TensorBuilder } from "./tensorBuilder";
import { Latin1TextRegion, StringRegion } from "./textRegion";
import { openArchive, pickleMember } from "./torchArchive";
import type { TorchStorage } from "./torchStorage";
import type { TorchStream } from "./torchStream";
import { readTorchZip } from "./torchZipStream";

export interface TorchContent {
  readonly tensors: readonly Tensor[];
  readonly byObject: ReadonlyMap<ContentValue, Tensor>;
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/** Finds the tensors in what a file's pickle holds, those inside of further torch files in its bytes included. */
export async function readContent(
  file: ByteSource,
  { root, stream, found, findStorage, imports, problems }: TorchStream,
  look: Look,
  signal?: AbortSignal,
): Promise<TorchContent> {
  const nested = await readNestedFiles(file, found, stream, look, signal);
  const findAny: FindStorage = (reference) =>
    reference instanceof PyObject ? nested.storages.get(reference) : findStorage(reference);
  const place = (offset: number, length: number) => new SubRegion(stream, offset, length);
  await look.intoFound(found, () => stream.open(file, signal), topPlace, nested.seen);
  const collected = collectTensors(root, new TensorBuilder(findAny, place), file.size);
  // Most of a large model's pickle is arguments of tensors, which the tensors now hold in less.
  // Those of a tensor with attributes hold these: of a part of a larger tensor, where in it the part lies.
  for (const object of collected.byObject.keys()) {
    if (object instanceof PyObject && !collected.withAttributes.has(object)) object.releaseArgs();
  }
  return {
    tensors: collected.tensors,
    byObject: collected.byObject,
    imports: [...imports, ...nested.imports],
    problems: [...problems, ...nested.problems, ...collected.problems],
  };
}

const topPlace = { where: undefined, depth: 0 };
const nestedPlace = "a torch file inside the pickle";

interface NestedFiles {
  readonly storages: ReadonlyMap<PyObject, TorchStorage>;
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
  /** Calls and the bytes that were read as a torch file: they need no second look. */
  readonly seen: ReadonlySet<ContentValue>;
}

/** A storage in a pickle that torch.save did not write is a whole torch file in bytes; so is any other such file. */
async function readNestedFiles(
  file: ByteSource,
  found: FoundValues,
  stream: ByteRegion,
  look: Look,
  signal?: AbortSignal,
  depth = 1,
): Promise<NestedFiles> {
  const calls = found.byteCalls.filter(({ qualifiedName }) => qualifiedName === loadFromBytes);
  const storages = new Map<PyObject, TorchStorage>();
  const imports: ImportFinding[] = [];
  const problems: Problem[] = [];
  const seen = new Set<ContentValue>();
  for (const call of calls) {
    signal?.throwIfAborted();
    seen.add(call);
    const [payload] = argsOf(call);
    const region = payloadRegion(payload, stream);
    if (region === undefined || depth > maxNestedPickleDepth) {
      imports.push(unseenBytes(undefined));
      continue;
    }
    try {
      const inner = await readNestedFile(file, region, look, depth, signal);
      if (payload !== undefined) seen.add(payload);
      const storage = inner.root instanceof PyPersistentId ? inner.findStorage(inner.root) : undefined;
      if (storage !== undefined) storages.set(call, storage);
      const deeper = await readNestedFiles(file, inner.found, inner.stream, look, signal, depth + 1);
      const place = { where: nestedPlace, depth };
      await look.intoFound(inner.found, () => inner.stream.open(file, signal), place, deeper.seen);
      imports.push(
        ...inner.imports.map((finding) => ({ ...finding, where: nestedPlace })),
        ...deeper.imports,
      );
      problems.push(...inner.problems, ...deeper.problems);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      imports.push(unseenBytes(undefined));
      problems.push({ ...error.toProblem(), message: `A storage inside the pickle: ${error.message}` });
    }
  }
  return { storages, imports, problems, seen };
}

/** Bytes that the pickle holds, wherever they stayed. */
function payloadRegion(payload: ContentValue | undefined, stream: ByteRegion): ByteRegion | undefined {
  if (payload instanceof BytesValue) {
    if (payload.bytes !== undefined) return new MemoryRegion(payload.bytes, payload.offset);
    return payload.offset < 0 ? undefined : new SubRegion(stream, payload.offset, payload.length);
  }
  const text = encodedText(payload);
  if (typeof text === "string") return new StringRegion(text, "latin1");
  return text instanceof LongTextValue
    ? new Latin1TextRegion(new SubRegion(stream, text.offset, text.length))
    : undefined;
}

export async function readNestedFile(
  file: ByteSource,
  region: ByteRegion,
  look: Look,
  depth: number,
  signal?: AbortSignal,
): Promise<TorchStream> {
  const source = await region.open(file, signal);
  const head = await source.read(0, Math.min(source.size, headerProbeBytes), signal);
  const isZip = head[0] === 0x50 && head[1] === 0x4b;
  if (!isZip) {
    return readLegacyStream(source, region, signal).catch(async (error: unknown) => {
      if (!(error instanceof CheckpointError) || error.code !== "NotLegacyTorch") throw error;
      return readRawPickle(source, region, error, signal);
    });
  }
  const archive = await openArchive(source, head, region, signal);
  const inner = await readTorchZip(archive, signal);
  const others = otherMembers(archive, pickleMember(archive), inner.found.persistentIds);
  await look.intoMembers(archive, others, { where: nestedPlace, depth });
  return inner;
}

/** Neither kind of torch file, but torch unpickles it all the same. */
async function readRawPickle(
  source: ByteSource,
  region: ByteRegion,
  notTorch: CheckpointError,
  signal?: AbortSignal,
): Promise<TorchStream> {
  const { imports, found, failure } = await unpickleFrom(source, { signal });
  if (failure !== undefined && imports.length === 0) throw notTorch;
  const problems = [notTorch.toProblem()];
  return {
    root: null,
    stream: region,
    found,
    findStorage: () => undefined,
    imports: judgeImports(imports),
    problems,
  };
}
