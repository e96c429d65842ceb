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
import { readTorchSlice } from "../torch/torchSlice";
import type { DcpItem } from "./dcpMetadata";

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

/**
 * The values of one chunk: each item is a whole file of `torch.save` with one tensor in it. Opened when it is read,
 * because a model has tens of thousands, and where the values begin is known only then.
 */
export class DcpItemRegion implements ByteRegion {
  constructor(
    readonly item: DcpItem,
    private readonly expected: Pick<Tensor, "dtype" | "shape">,
    readonly size: number,
  ) {}

  get fileOffset(): number {
    return this.item.offset;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const { item, expected } = this;
    const source = await openItem(file, item, signal);
    const { tensors, imports = [] } = await readTorchSlice(source, signal);
    const dangerous = imports.find(({ verdict }) => verdict === "dangerous");
    if (dangerous !== undefined) {
      throw this.wrong(`would run code by ${dangerous.global} when Python loads it; nothing was run here`);
    }
    const tensor = tensors.find(({ name }) => name === "") ?? tensors[0];
    if (tensor === undefined) throw this.wrong("holds no tensor");
    if (tensor.dtype !== expected.dtype) {
      throw this.wrong(`holds ${tensor.dtype} where .metadata says ${expected.dtype}`);
    }
    if (tensor.byteSize !== this.size || !sameItems(tensor.shape, expected.shape)) {
      throw this.wrong(
        `holds ${formatShape(tensor.shape)} where .metadata says ${formatShape(expected.shape)}`,
      );
    }
    return plainBytes(source, tensor, signal);
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
