import { type ByteRegion, MemoryRegion, SubRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { headerProbeBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import type { FoundValues } from "../pickle/foundValues";
import type { ImportFinding } from "../pickle/importReport";
import { nestedImports } from "../pickle/nestedPickles";
import { type PickleValue, PyBytes, PyLongText, PyObject, PyPersistentId } from "../pickle/pickleValue";
import { argsOf, encodedText } from "../pickle/pickleView";
import { collectTensors } from "./collectTensors";
import { readLegacyStream } from "./legacyStream";
import { type FindStorage, TensorBuilder } from "./tensorBuilder";
import { Latin1TextRegion, StringRegion } from "./textRegion";
import { openArchive } from "./torchArchive";
import type { TorchStorage } from "./torchStorage";
import type { TorchStream } from "./torchStream";
import { readTorchZip } from "./torchZipStream";

export interface TorchContent {
  readonly tensors: readonly Tensor[];
  readonly byObject: ReadonlyMap<PickleValue, Tensor>;
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/** Finds the tensors in what a file's pickle holds, those inside of further torch files in its bytes included. */
export async function readContent(
  file: ByteSource,
  { root, stream, found, findStorage, imports, problems }: TorchStream,
  signal?: AbortSignal,
): Promise<TorchContent> {
  const nested = await readNestedFiles(file, found, stream, signal);
  const findAny: FindStorage = (reference) =>
    reference instanceof PyObject ? nested.storages.get(reference) : findStorage(reference);
  const place = (offset: number, length: number) => new SubRegion(stream, offset, length);
  const collected = collectTensors(root, new TensorBuilder(findAny, place));
  // Most of a large model's pickle is arguments of tensors, which the tensors now hold in less.
  for (const object of collected.byObject.keys()) if (object instanceof PyObject) object.releaseArgs();
  return {
    tensors: collected.tensors,
    byObject: collected.byObject,
    imports: [...imports, ...nested.imports, ...nestedImports(found, undefined)],
    problems: [...problems, ...nested.problems, ...collected.problems],
  };
}

const nestedPlace = "a torch file inside the pickle";
const loadFromBytes = "torch.storage._load_from_bytes";

interface NestedFiles {
  readonly storages: ReadonlyMap<PyObject, TorchStorage>;
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/** A storage in a pickle that torch.save did not write is a whole torch file in bytes. */
async function readNestedFiles(
  file: ByteSource,
  found: FoundValues,
  stream: ByteRegion,
  signal?: AbortSignal,
): Promise<NestedFiles> {
  const calls = found.byteCalls.filter(({ qualifiedName }) => qualifiedName === loadFromBytes);
  const storages = new Map<PyObject, TorchStorage>();
  const imports: ImportFinding[] = [];
  const problems: Problem[] = [];
  for (const call of calls) {
    signal?.throwIfAborted();
    const [payload] = argsOf(call);
    const region = payloadRegion(payload, stream);
    if (region === undefined) continue;
    try {
      const inner = await readNestedFile(file, region, signal);
      const storage = inner.root instanceof PyPersistentId ? inner.findStorage(inner.root) : undefined;
      if (storage !== undefined) storages.set(call, storage);
      // Payloads that are in memory are looked into by `nestedImports`, as all others are.
      if (!isInMemory(payload))
        imports.push(...inner.imports.map((found) => ({ ...found, where: nestedPlace })));
      problems.push(...inner.problems);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      problems.push({ ...error.toProblem(), message: `A storage inside the pickle: ${error.message}` });
    }
  }
  return { storages, imports, problems };
}

function isInMemory(payload: PickleValue | undefined): boolean {
  return payload instanceof PyBytes ? payload.bytes !== undefined : typeof encodedText(payload) === "string";
}

/** Bytes that the pickle holds, wherever they stayed. */
function payloadRegion(payload: PickleValue | undefined, stream: ByteRegion): ByteRegion | undefined {
  if (payload instanceof PyBytes) {
    if (payload.bytes !== undefined) return new MemoryRegion(payload.bytes, payload.offset);
    return payload.offset < 0 ? undefined : new SubRegion(stream, payload.offset, payload.length);
  }
  const text = encodedText(payload);
  if (typeof text === "string") return new StringRegion(text, "latin1");
  return text instanceof PyLongText
    ? new Latin1TextRegion(new SubRegion(stream, text.offset, text.length))
    : undefined;
}

async function readNestedFile(
  file: ByteSource,
  region: ByteRegion,
  signal?: AbortSignal,
): Promise<TorchStream> {
  const source = await region.open(file, signal);
  const head = await source.read(0, Math.min(source.size, headerProbeBytes), signal);
  const isZip = head[0] === 0x50 && head[1] === 0x4b;
  if (!isZip) return readLegacyStream(source, region, signal);
  return readTorchZip(await openArchive(source, head, region, signal), signal);
}
