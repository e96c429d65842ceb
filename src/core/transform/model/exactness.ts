import type { CheckpointSession } from "../../session/checkpointSession";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { readValues } from "../../tensors/readValues";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { holdsExactly } from "../../values/holdsExactly";
import type { ConvertPlan } from "./convert";

/** Whether a smaller dtype holds every value of the tensors that are larger: then nothing is lost by it. */
export interface Exactness {
  readonly dtype: WritableDtype;
  readonly tensors: number;
  readonly isExact: boolean;
  /** Every value was looked at, or one that is lost was found. */
  readonly isKnown: boolean;
}

const pieceValues = 1 << 18;
const bytesOf: Readonly<Record<WritableDtype, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

/**
 * Reads until the first value that would be rounded.
 * @param dtype that is asked for; where none is, BF16, in which models are trained and which is saved as F32 often.
 * @param maxBytes of one tensor.
 * @returns undefined where no tensor would become smaller.
 */
export async function exactnessOf(
  session: CheckpointSession,
  { tensors }: ConvertPlan,
  { dtype = "BF16", maxBytes = Number.POSITIVE_INFINITY, signal }: ExactnessOptions,
): Promise<Exactness | undefined> {
  const larger = tensors.flatMap(({ tensor }) =>
    isWritableDtype(tensor.dtype) && tensor.packed === undefined && bytesOf[tensor.dtype] > bytesOf[dtype]
      ? [tensor]
      : [],
  );
  if (larger.length === 0) return undefined;
  const found = { dtype, tensors: larger.length };
  const reader = session.tensorReader();
  const read: ReadTensorRange = (...range) => reader.readRange(...range);
  try {
    for (const tensor of larger)
      if (!(await isExactIn(tensor, dtype, maxBytes, read, signal)))
        return { ...found, isExact: false, isKnown: true };
  } finally {
    await reader.close();
  }
  return { ...found, isExact: true, isKnown: larger.every(({ byteSize }) => byteSize <= maxBytes) };
}

interface ExactnessOptions {
  readonly dtype?: WritableDtype | undefined;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

async function isExactIn(
  tensor: Tensor,
  dtype: WritableDtype,
  maxBytes: number,
  read: ReadTensorRange,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const width = tensor.byteSize / Math.max(1, elementCount(tensor.shape));
  const total = Math.min(elementCount(tensor.shape), Math.floor(maxBytes / Math.max(1, width)));
  for (let first = 0; first < total; first += pieceValues) {
    signal?.throwIfAborted();
    const values = await readValues(tensor, first, Math.min(pieceValues, total - first), read, signal);
    if (!holdsExactly(values, dtype)) return false;
  }
  return true;
}
