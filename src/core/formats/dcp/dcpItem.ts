import { RangeByteSource } from "../../bytes/byteRange";
import type { ByteRegion } from "../../bytes/byteRegion";
import { type ByteSource, MemoryByteSource } from "../../bytes/byteSource";
import { zstdDecompress } from "../../bytes/zstd";
import { sameItems } from "../../lists/sameItems";
import { CheckpointError } from "../../problem/checkpointError";
import { maxInflatedBytes } from "../../problem/limits";
import { isPlain, LayoutRegion } from "../../tensors/pieceOfTensor";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { quote } from "../../text/quote";
import type { ParsedFile } from "../format";
import { safetensors } from "../safetensors/safetensors";
import { readTorchSlice } from "../torch/torchSlice";
import type { DcpItem } from "./dcpMetadata";
import { savedOffsets, shardingInfo } from "./shardingInfo";

/** Extensions that this reader undoes (torch/distributed/checkpoint/_extension.py). */
const zstdTransform = "stream.zstd/1";

/** What an item compressed to `length` bytes may inflate to. Weights hardly shrink; zeros do by a thousand. */
const maxRatio = 1000;

/** The bytes of one item: a range of a file, with its transforms undone. @throws CheckpointError */
export async function openItem(
  file: ByteSource,
  { offset, length, transforms, file: name }: DcpItem,
  signal?: AbortSignal,
): Promise<ByteSource> {
  if (offset + length > file.size) {
    const message = `${name} ends at byte ${file.size}, before the item at ${offset} does.`;
    throw new CheckpointError("ItemBeyondEnd", message, offset);
  }
  let source: ByteSource = new RangeByteSource(file, offset, length);
  for (const transform of transforms) {
    if (transform !== zstdTransform) throw unknownTransform(transform);
    const limit = Math.min(maxInflatedBytes, length * maxRatio);
    source = new MemoryByteSource(zstdDecompress(await source.read(0, source.size, signal), limit));
  }
  return source;
}

/** Why an item cannot be read though it is there; undefined where it can. */
export function transformProblem({ transforms }: DcpItem): string | undefined {
  const unknown = transforms.find((transform) => transform !== zstdTransform);
  return unknown === undefined ? undefined : unknownTransform(unknown).message.replace(/\.$/, "");
}

function unknownTransform(transform: string): CheckpointError {
  const message = `Compressed or encrypted by the extension ${quote(transform)}, which is not read here.`;
  return new CheckpointError("UnknownTransform", message);
}

/** Enough to tell a safetensors file, whose header may be padded in front. */
const headBytes = 64;

/** Headers that were read, by the file and the place in it where they begin: they list all the items of a rank. */
const headers = new WeakMap<ByteSource, Map<number, Promise<ParsedFile>>>();

/**
 * The safetensors file that takes the place of the items of a rank (`SerializationFormat.SAFETENSORS`): all are said to
 * begin where it begins, and it goes on to the end. Undefined where the item is one of its own.
 */
async function safetensorsAt(
  file: ByteSource,
  { offset, transforms }: DcpItem,
  signal?: AbortSignal,
): Promise<{ readonly source: ByteSource; readonly parsed: ParsedFile } | undefined> {
  if (transforms.length > 0 || offset >= file.size) return undefined;
  const source = new RangeByteSource(file, offset, file.size - offset);
  const known = headers.get(file) ?? new Map<number, Promise<ParsedFile>>();
  headers.set(file, known);
  let parsed = known.get(offset);
  if (parsed === undefined) {
    const head = await source.read(0, Math.min(headBytes, source.size), signal);
    if (!safetensors.matches(head)) return undefined;
    // Not cancelled by one reader's signal: the next reader wants it as well.
    parsed = safetensors.parse(source, head);
    known.set(offset, parsed);
  }
  return { source, parsed: await parsed };
}

/** What `.metadata` says of the chunk that an item holds. */
interface ExpectedChunk extends Pick<Tensor, "name" | "dtype" | "shape"> {
  readonly offsets: readonly number[];
}

/**
 * The values of one chunk: each item is a whole file of `torch.save` with one tensor in it, or a tensor of the one
 * safetensors file of its rank. Opened when it is read, because a model has tens of thousands, and where the values
 * begin is known only then.
 */
export class DcpItemRegion implements ByteRegion {
  constructor(
    readonly item: DcpItem,
    private readonly expected: ExpectedChunk,
    readonly size: number,
  ) {}

  get fileOffset(): number {
    return this.item.offset;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const { item } = this;
    const joint = await safetensorsAt(file, item, signal);
    if (joint !== undefined) return this.openTensor(joint.source, joint.parsed);
    const source = await openItem(file, item, signal);
    const { tensors, imports = [] } = await readTorchSlice(source, signal);
    const dangerous = imports.find(({ verdict }) => verdict === "dangerous");
    if (dangerous !== undefined) {
      throw this.wrong(`would run code by ${dangerous.global} when Python loads it; nothing was run here`);
    }
    const tensor = tensors.find(({ name }) => name === "") ?? tensors[0];
    if (tensor === undefined) throw this.wrong("holds no tensor");
    this.check(tensor);
    return plainBytes(source, tensor, signal);
  }

  private openTensor(source: ByteSource, { tensors, metadata }: ParsedFile): ByteSource {
    const { name, offsets } = this.expected;
    const tensor = tensors.find((one) => one.name === name);
    if (tensor === undefined) throw this.wrong(`does not hold ${quote(name.slice(0, 200))}`);
    this.check(tensor);
    // A rank with two chunks of a tensor keeps only the last of them: they have one name.
    const saved = savedOffsets(shardingInfo(metadata), tensor);
    if (saved === undefined || !sameItems(saved, offsets)) {
      const place = saved === undefined ? "no place" : formatShape(saved);
      throw this.wrong(`begins at ${place} of the tensor where .metadata says ${formatShape(offsets)}`);
    }
    if (tensor.offset + tensor.byteSize > source.size) throw this.wrong("ends after its file does");
    return new RangeByteSource(source, tensor.offset, tensor.byteSize);
  }

  private check(tensor: Tensor): void {
    const { expected } = this;
    if (tensor.dtype !== expected.dtype) {
      throw this.wrong(`holds ${tensor.dtype} where .metadata says ${expected.dtype}`);
    }
    if (tensor.byteSize !== this.size || !sameItems(tensor.shape, expected.shape)) {
      throw this.wrong(
        `holds ${formatShape(tensor.shape)} where .metadata says ${formatShape(expected.shape)}`,
      );
    }
  }

  private wrong(what: string): CheckpointError {
    const { file, offset } = this.item;
    return new CheckpointError("WrongItem", `The item of ${file} at byte ${offset} ${what}.`, offset);
  }
}

/** A tensor's bytes in its own order: as a part of the source where they lie so, else put in order in memory. */
async function plainBytes(source: ByteSource, tensor: Tensor, signal?: AbortSignal): Promise<ByteSource> {
  const { layout, byteSize, offset } = tensor;
  if (layout === undefined) return new RangeByteSource(source, offset, byteSize);
  const { storage, storageOffset, elementBytes } = layout;
  if (storage.region === undefined) {
    throw new CheckpointError("NoBytes", storage.absent ?? "The item does not hold its values.");
  }
  if (!isPlain(layout)) return new LayoutRegion(tensor, layout).open(source, signal);
  const bytes = await storage.region.open(source, signal);
  return new RangeByteSource(bytes, storageOffset * elementBytes, byteSize);
}
