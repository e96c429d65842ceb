import type { TensorDifference } from "../../analysis/tensorDifference";
import { decodeTensor, UnsupportedDtypeError } from "../../tensors/decode";
import { dtypeBits } from "../../tensors/dtype";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { indexesOfPlace } from "../../values/findNotFinite";

/** One pair of tensors in depth. Plain data. */
export interface DiffDetail {
  readonly difference: TensorDifference | undefined;
  /** The first elements that differ, in the order of the tensor. */
  readonly firstChanges: readonly ChangedElement[];
  /** In what the values were compared, where their dtypes differ. */
  readonly note?: string;
}

export interface ChangedElement {
  /** Its index along each axis. */
  readonly index: readonly number[];
  readonly a: number;
  readonly b: number;
}

/** Elements that are listed: enough to see where a change begins and what it is like. */
const maxChanges = 12;

/** Elements decoded at once; a multiple of 8, so that a chunk ends on a byte in every dtype. */
const chunkElements = 512 * 1024;

/** Reads from the start until enough differences are found. None for dtypes whose values are no real numbers. */
export async function firstChanges(
  [a, b]: readonly [Tensor, Tensor],
  [readA, readB]: readonly [ReadTensorRange, ReadTensorRange],
  signal?: AbortSignal,
): Promise<readonly ChangedElement[]> {
  const found: ChangedElement[] = [];
  const total = elementCount(a.shape);
  if (!isPlain(a) || !isPlain(b)) return found;
  try {
    for (let first = 0; first < total && found.length < maxChanges; first += chunkElements) {
      signal?.throwIfAborted();
      const count = Math.min(chunkElements, total - first);
      const [x, y] = await Promise.all([values(a, readA, first, count), values(b, readB, first, count)]);
      for (let at = 0; at < count && found.length < maxChanges; at++) {
        const [left, right] = [x[at] as number, y[at] as number];
        if (left === right || (Number.isNaN(left) && Number.isNaN(right))) continue;
        found.push({ index: indexesOfPlace(a.shape, first + at), a: left, b: right });
      }
    }
  } catch (error) {
    if (!(error instanceof UnsupportedDtypeError)) throw error;
  }
  return found;
}

function isPlain({ dtype, layout }: Tensor): boolean {
  return dtypeBits.has(dtype) && dtype !== "C64" && layout?.quantisation === undefined;
}

async function values(
  tensor: Tensor,
  read: ReadTensorRange,
  first: number,
  count: number,
): Promise<Float64Array> {
  const bits = dtypeBits.get(tensor.dtype) ?? 8;
  const bytes = await read(tensor, (first * bits) / 8, Math.ceil((count * bits) / 8));
  return decodeTensor(bytes, tensor.dtype, count);
}
