import type { ElementSpace } from "./elementSpace";
import type { SliceBlock } from "./tensorSlice";

/** Consecutive values to read at once. */
export interface ValueRun {
  readonly first: number;
  readonly count: number;
}

export interface BlockPlan {
  /** In the order in which they lie. */
  readonly runs: readonly ValueRun[];
  /** Cells of the block, row by row, in the order in which their values lie. */
  readonly order: Uint32Array;
  /** Place of each cell's value, by the cell. */
  readonly places: Float64Array;
}

/** Reading this much in vain is cheaper than one more read, on a local disk and over a network. */
const mergedGapBytes = 4096;

/** A run stays a fraction of a message, so that cancelling does not wait for long. */
const maxRunBytes = 4 * 1024 * 1024;

/** Which values a block of a slice needs: as few reads as possible, without reading much that is not wanted. */
export function planBlock(space: ElementSpace, block: SliceBlock): BlockPlan {
  const { rows, columns } = block;
  const places = new Float64Array(rows * columns);
  const origin = space.origin + block.row * space.rowStride + block.column * space.columnStride;
  for (let row = 0, cell = 0; row < rows; row++) {
    const start = origin + row * space.rowStride;
    for (let column = 0; column < columns; column++, cell++)
      places[cell] = start + column * space.columnStride;
  }
  const order = ascending(places, space, block);
  return { runs: runsOf(places, order, space.bitsPerValue), order, places };
}

function ascending(
  places: Float64Array,
  { rowStride, columnStride }: ElementSpace,
  block: SliceBlock,
): Uint32Array {
  const { rows, columns } = block;
  const order = new Uint32Array(places.length);
  if (rows <= 1 || rowStride > (columns - 1) * columnStride) {
    for (let cell = 0; cell < order.length; cell++) order[cell] = cell;
  } else if (columns <= 1 || columnStride > (rows - 1) * rowStride) {
    for (let column = 0, at = 0; column < columns; column++)
      for (let row = 0; row < rows; row++, at++) order[at] = row * columns + column;
  } else {
    // A view whose rows overlap.
    for (let cell = 0; cell < order.length; cell++) order[cell] = cell;
    order.sort((a, b) => (places[a] as number) - (places[b] as number));
  }
  return order;
}

function runsOf(places: Float64Array, order: Uint32Array, bitsPerValue: number): ValueRun[] {
  const runs: ValueRun[] = [];
  const gap = Math.floor((mergedGapBytes * 8) / bitsPerValue);
  const longest = Math.floor((maxRunBytes * 8) / bitsPerValue);
  let first = 0;
  let end = -1;
  for (const cell of order) {
    const place = places[cell] as number;
    if (end >= 0 && place <= end + gap && place < first + longest) {
      end = Math.max(end, place + 1);
      continue;
    }
    if (end >= 0) runs.push({ first, count: end - first });
    first = place;
    end = place + 1;
  }
  if (end >= 0) runs.push({ first, count: end - first });
  return runs;
}
