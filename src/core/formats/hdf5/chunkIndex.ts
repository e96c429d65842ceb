import { maxHdf5Chunks } from "../../problem/limits";
import { formatCount } from "../../text/quantities";
import { chunkCounts, placeInGrid } from "../chunks/chunkedSource";
import { readBtreeV2 } from "./btreeV2";
import { type ChunkArray, openExtensibleArray, openFixedArray } from "./chunkArrays";
import type { ChunkedLayout } from "./dataset";
import { damagedHdf5, type Hdf5File } from "./hdf5File";

/** Where a chunk is stored, and which filters it went not through (a bit each). */
export interface ChunkPlace {
  readonly address: number;
  readonly size: number;
  readonly mask: number;
}

/** A dataset that is cut into chunks. */
export interface ChunkedData {
  readonly layout: ChunkedLayout;
  readonly shape: readonly number[];
  readonly maxShape: readonly number[];
  readonly itemBytes: number;
  readonly isFiltered: boolean;
}

const maxTreeDepth = 32;
const chunkTree = 1;
const plainChunkTree = 10;
const filteredChunkTree = 11;

/**
 * The places of all chunks that were written, by their number in the grid, last axis fastest.
 * @throws CheckpointError where the index is damaged, or lists more chunks than any dataset has.
 */
export async function readChunkIndex(
  file: Hdf5File,
  data: ChunkedData,
): Promise<ReadonlyMap<number, ChunkPlace>> {
  const { layout, shape, itemBytes } = data;
  const grid = chunkCounts({ shape, chunkShape: layout.chunkShape });
  const count = grid.reduce((product, size) => product * size, 1);
  const places = new Map<number, ChunkPlace>();
  const { address, index } = layout;
  if (address === undefined || count === 0) return places;
  if (!(count <= maxHdf5Chunks)) {
    const message = `a dataset of ${formatCount(count)} chunks stands; up to ${formatCount(maxHdf5Chunks)} are read`;
    throw damagedHdf5(file.base + address, message);
  }
  const chunkBytes = layout.chunkShape.reduce((product, size) => product * size, itemBytes);
  switch (index.kind) {
    case "btree1":
      await readOldTree(file, data, grid, places);
      break;
    case "btree2":
      await readNewTree(file, data, grid, chunkBytes, places);
      break;
    case "single":
      places.set(0, { address, size: index.size ?? chunkBytes, mask: index.mask });
      break;
    case "implicit": {
      const numberOf = numbering(data, grid);
      for (let chunk = 0; chunk < count; chunk++)
        places.set(chunk, { address: address + numberOf(chunk) * chunkBytes, size: chunkBytes, mask: 0 });
      break;
    }
    default: {
      const open = index.kind === "fixedArray" ? openFixedArray : openExtensibleArray;
      await readArray(await open(file, address, chunkBytes), numbering(data, grid), count, places);
    }
  }
  return places;
}

async function readArray(
  array: ChunkArray,
  numberOf: (chunk: number) => number,
  count: number,
  places: Map<number, ChunkPlace>,
): Promise<void> {
  for (let chunk = 0; chunk < count; chunk++) {
    const place = await array.place(numberOf(chunk));
    if (place !== undefined) places.set(chunk, place);
  }
}

/** Arrays count chunks as if the dataset had grown to its most; an axis without an end then comes first. */
function numbering({ layout, maxShape }: ChunkedData, grid: readonly number[]): (chunk: number) => number {
  const most = maxShape.map((size, axis) =>
    Number.isFinite(size) ? Math.ceil(size / (layout.chunkShape[axis] as number)) : (grid[axis] as number),
  );
  const unlimited = maxShape.findIndex((size) => !Number.isFinite(size));
  const axes = grid.map((_, axis) => axis);
  const order = unlimited < 0 ? axes : [unlimited, ...axes.filter((axis) => axis !== unlimited)];
  return (chunk) => {
    const at = placeInGrid(chunk, grid);
    return order.reduce((number, axis) => number * (most[axis] as number) + (at[axis] as number), 0);
  };
}

/** The number of a chunk by its place in the grid; undefined for one beyond it, left from a larger shape. */
function numberIn(grid: readonly number[], at: readonly number[]): number | undefined {
  let number = 0;
  for (const [axis, size] of grid.entries()) {
    const place = at[axis] as number;
    if (!Number.isInteger(place) || place < 0 || place >= size) return undefined;
    number = number * size + place;
  }
  return number;
}

/** A version 1 B-tree (III.A.1), whose keys are the first element of each chunk. */
async function readOldTree(
  file: Hdf5File,
  { layout }: ChunkedData,
  grid: readonly number[],
  places: Map<number, ChunkPlace>,
): Promise<void> {
  const seen = new Set<number>();
  const { offsetBytes } = file.widths;
  const rank = grid.length;
  const keyBytes = 8 + 8 * (rank + 1);
  const visit = async (address: number, depth: number): Promise<void> => {
    if (seen.has(address) || depth > maxTreeDepth || seen.size > maxHdf5Chunks)
      throw damagedHdf5(file.base + address, "the B-tree of chunks leads back to itself");
    seen.add(address);
    const head = await file.fields(address, 8 + 2 * offsetBytes);
    head.signature("TREE");
    if (head.u8() !== chunkTree) head.fail("a B-tree of another kind stands where that of chunks belongs");
    const level = head.u8();
    const count = head.u16();
    const fields = await file.fields(address + 8 + 2 * offsetBytes, count * (keyBytes + offsetBytes));
    for (let index = 0; index < count; index++) {
      const [size, mask] = [fields.u32(), fields.u32()];
      const at = layout.chunkShape.map((side) => fields.unsigned(8) / side);
      fields.skip(8);
      const child = fields.address() ?? fields.fail("the B-tree of chunks leads nowhere");
      if (level > 0) await visit(child, depth + 1);
      else {
        const chunk = numberIn(grid, at);
        if (chunk !== undefined) places.set(chunk, { address: child, size, mask });
      }
    }
  };
  await visit(layout.address as number, 0);
}

/** A version 2 B-tree, where two axes or more may grow without an end. */
async function readNewTree(
  file: Hdf5File,
  { layout, isFiltered }: ChunkedData,
  grid: readonly number[],
  chunkBytes: number,
  places: Map<number, ChunkPlace>,
): Promise<void> {
  const type = isFiltered ? filteredChunkTree : plainChunkTree;
  const { offsetBytes } = file.widths;
  const records = await readBtreeV2(file, layout.address as number, type, maxHdf5Chunks);
  for (const record of records) {
    const sizeBytes = record.length - offsetBytes - 4 - 8 * grid.length;
    if (isFiltered && (sizeBytes < 1 || sizeBytes > 8))
      throw damagedHdf5(file.base + (layout.address as number), "a B-tree of chunks has too short records");
    const fields = file.over(record, layout.address as number);
    const address = fields.address();
    const size = isFiltered ? fields.unsigned(sizeBytes) : chunkBytes;
    const mask = isFiltered ? fields.u32() : 0;
    const chunk = numberIn(
      grid,
      grid.map(() => fields.unsigned(8)),
    );
    if (chunk !== undefined && address !== undefined) places.set(chunk, { address, size, mask });
  }
}
