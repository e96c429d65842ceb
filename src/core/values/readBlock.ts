import { mapParallel } from "../bytes/mapParallel";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import type { Tensor } from "../tensors/tensor";
import { type BlockPlan, planBlock, type ValueRun } from "./blockPlan";
import { type DecodedValues, decodeValues, type ExactInteger } from "./decodeValues";
import { type ElementSpace, elementSpace } from "./elementSpace";
import { fittingSlice, type SliceBlock, sliceSize, type TensorSlice } from "./tensorSlice";

/** A block of a slice with its values, row by row. Plain data. */
export interface ValueBlock extends SliceBlock, DecodedValues {}

/** Values of one block: as a message, with digits of integers that need them, it stays below 1 MB. */
export const maxBlockValues = 16_384;

/** Reads at the same time: more than one, because a network file system answers late. */
const parallelReads = 8;

/**
 * The values of a block, cut to what lies inside of the slice, read by range.
 * @throws UnsupportedDtypeError for dtypes whose values nobody can tell.
 * @throws RangeError where the slice is none of the tensor's, or the block is too large for a message.
 */
export async function readBlock(
  tensor: Tensor,
  slice: TensorSlice,
  block: SliceBlock,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<ValueBlock> {
  const cut = cutToSlice(tensor, slice, block);
  if (cut.rows * cut.columns > maxBlockValues)
    throw new RangeError(`A block has at most ${maxBlockValues} values.`);
  return readAnyBlock(tensor, slice, cut, read, signal);
}

/** The same without the bound, for what does not cross to a page. The block must lie inside of the slice. */
export async function readAnyBlock(
  tensor: Tensor,
  slice: TensorSlice,
  block: SliceBlock,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<ValueBlock> {
  const space = elementSpace(tensor, slice);
  const plan = planBlock(space, block);
  const decoded = await mapParallel(plan.runs, parallelReads, (run) => readRun(space, run, read, signal));
  return { ...block, ...pick(plan, decoded) };
}

export function cutToSlice(tensor: Tensor, slice: TensorSlice, block: SliceBlock): SliceBlock {
  if (fittingSlice(tensor.shape, slice) !== slice) throw new RangeError("The tensor has no such slice.");
  const size = sliceSize(tensor.shape, slice);
  const row = clamp(block.row, size.rows);
  const column = clamp(block.column, size.columns);
  return {
    row,
    column,
    rows: clamp(block.rows, size.rows - row),
    columns: clamp(block.columns, size.columns - column),
  };
}

function clamp(value: number, largest: number): number {
  return Math.min(largest, Math.max(0, Math.floor(value) || 0));
}

async function readRun(
  { source, bitsPerValue }: ElementSpace,
  { first, count }: ValueRun,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<DecodedValues> {
  // Values narrower than a byte begin on one every 8 values, whatever their width.
  const start = bitsPerValue < 8 ? first - (first % 8) : first;
  const offset = (start * bitsPerValue) / 8;
  const end = Math.ceil(((first + count) * bitsPerValue) / 8);
  const bytes = await read(source, offset, end - offset, signal);
  const decoded = decodeValues(bytes, source.dtype, first + count - start);
  return start === first ? decoded : { values: decoded.values.subarray(first - start) };
}

/** Each cell's value from the run that holds it. Both are in the order in which they lie. */
function pick({ runs, order, places }: BlockPlan, decoded: readonly DecodedValues[]): DecodedValues {
  const values = new Float64Array(order.length);
  const isComplex = decoded.some(({ imaginary }) => imaginary !== undefined);
  const imaginary = isComplex ? new Float64Array(order.length) : undefined;
  const digits = decoded.map(({ exact }) => (exact === undefined ? undefined : new Map(exact)));
  const exact: ExactInteger[] = [];
  let at = 0;
  for (const cell of order) {
    const place = places[cell] as number;
    while (place >= (runs[at] as ValueRun).first + (runs[at] as ValueRun).count) at++;
    const inRun = place - (runs[at] as ValueRun).first;
    values[cell] = decoded[at]?.values[inRun] as number;
    if (imaginary !== undefined) imaginary[cell] = decoded[at]?.imaginary?.[inRun] as number;
    const exactDigits = digits[at]?.get(inRun);
    if (exactDigits !== undefined) exact.push([cell, exactDigits]);
  }
  return {
    values,
    ...(imaginary === undefined ? {} : { imaginary }),
    ...(exact.length === 0 ? {} : { exact: exact.sort(([a], [b]) => a - b) }),
  };
}
