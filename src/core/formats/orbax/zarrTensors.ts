import { type ByteRegion, FileRegion, MemoryRegion } from "../../bytes/byteRegion";
import { maxChunkBytes, maxHdf5Chunks } from "../../problem/limits";
import { assemble, type TensorPiece } from "../../tensors/assembly";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { formatBytes, formatCount } from "../../text/quantities";
import { chunkCounts, placeInGrid } from "../chunks/chunkedSource";
import { FillRegion } from "../chunks/fillRegion";
import type { KeyStore } from "./keyStore";
import type { OcdbtValue } from "./ocdbtDatabase";
import { ZarrChunkRegion } from "./zarrChunk";
import type { ZarrArray } from "./zarrMetadata";

/** Gives the number of a file of the checkpoint, and says why it cannot be read where that is so. */
export type FileOfValue = (
  value: OcdbtValue & { readonly kind: "file" },
) => Promise<{ readonly fileIndex: number; readonly absent?: string }>;

export interface ZarrContext {
  readonly keys: KeyStore;
  readonly fileOf: FileOfValue;
  /** A chunk that is not there is lost; else it holds nothing but the fill value. */
  readonly everyChunkStored: boolean;
}

/** An array of a store as a tensor that is put together from its chunks. */
export async function zarrTensor(
  name: string,
  key: string,
  array: ZarrArray,
  context: ZarrContext,
): Promise<Tensor> {
  const { dtype, itemBytes, shape, chunkShape } = array;
  const byteSize = elementCount(shape) * itemBytes;
  const base = { name, dtype, shape, byteSize, offset: 0, fileIndex: 0 };
  const grid = chunkCounts(array);
  const count = elementCount(grid);
  const chunkBytes = elementCount(array.shards?.innerShape ?? chunkShape) * itemBytes;
  const fault =
    array.unreadable ??
    (count > maxHdf5Chunks
      ? `it has ${formatCount(count)} chunks; up to ${formatCount(maxHdf5Chunks)} are read`
      : chunkBytes > maxChunkBytes
        ? `its chunks have ${formatBytes(chunkBytes)} each; up to ${formatBytes(maxChunkBytes)} are read`
        : undefined);
  if (fault !== undefined || !Number.isSafeInteger(byteSize))
    return absentTensor(base, fault ?? "its shape is impossible");
  const pieces: TensorPiece[] = [];
  for (let number = 0; number < count; number++)
    pieces.push(await pieceOf(placeInGrid(number, grid), key, array, context));
  const assembly = assemble(shape, pieces);
  const [first] = assembly.pieces;
  return {
    ...base,
    offset: first?.region.fileOffset ?? 0,
    fileIndex: first?.fileIndex ?? 0,
    assembly,
  };
}

/** A tensor of which only the description is there. */
export function absentTensor(base: Omit<Tensor, "layout">, absent: string): Tensor {
  const { name, shape } = base;
  return {
    ...base,
    byteSize: 0,
    layout: {
      storage: { key: name, byteSize: 0, bigEndian: false, region: undefined, absent },
      storageOffset: 0,
      strides: contiguousStrides(shape),
      elementBytes: 1,
      elementShape: shape,
    },
  };
}

async function pieceOf(
  at: readonly number[],
  key: string,
  array: ZarrArray,
  { keys, fileOf, everyChunkStored }: ZarrContext,
): Promise<TensorPiece> {
  const { shape, chunkShape, itemBytes, codecs } = array;
  const offsets = at.map((index, axis) => index * (chunkShape[axis] as number));
  const sizes = offsets.map((offset, axis) =>
    Math.min(chunkShape[axis] as number, (shape[axis] as number) - offset),
  );
  const place = { kind: "box" as const, offsets, sizes };
  const chunkName = array.chunkKey(at);
  const value = keys.get(`${key}/${chunkName}`);
  const size = elementCount(sizes) * itemBytes;
  if (value === undefined) {
    const region = new FillRegion(size, array.fill);
    const absent = everyChunkStored ? { absent: `the chunk ${chunkName} is not there` } : {};
    return { place, fileIndex: 0, region, start: 0, inMemory: true, ...absent };
  }
  const { fileIndex, absent } =
    value.kind === "inline" ? { fileIndex: 0, absent: undefined } : await fileOf(value);
  const stored: ByteRegion =
    value.kind === "inline" ? new MemoryRegion(value.bytes, 0) : new FileRegion(value.offset, value.length);
  const isPlain =
    value.kind === "file" &&
    codecs.compressions.length === 0 &&
    !codecs.bigEndian &&
    codecs.axes === undefined &&
    array.shards === undefined &&
    sizes.every((each, axis) => each === chunkShape[axis]);
  const told = absent === undefined ? {} : { absent };
  if (isPlain) {
    const fits = stored.size === size ? told : { absent: `a chunk has ${stored.size} of its ${size} bytes` };
    return { place, fileIndex, region: stored, start: 0, ...fits };
  }
  const region = new ZarrChunkRegion(stored, array, sizes);
  return { place, fileIndex, region, start: 0, inMemory: true, ...told };
}
