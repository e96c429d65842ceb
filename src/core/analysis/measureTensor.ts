import type { ReadTensorRange } from "../tensors/readTensorRange";
import { elementCount, type Tensor } from "../tensors/tensor";
import { channelEncoding } from "./channelEncoding";
import { finishNumbers } from "./finishNumbers";
import { encodingKey, encodingOf } from "./numberEncoding";
import type { NumberKernels } from "./numberKernels";
import { type PartialNumbers, TensorMeasurer } from "./tensorMeasurer";
import type { TensorNumbers } from "./tensorNumbers";

export interface MeasureOptions {
  /** Sees the bytes in their order, each once. */
  readonly onBytes?: (bytes: Uint8Array) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures a tensor whose bytes come through `read` in one pass; memory does not grow with its size.
 * `kernels` must not be used for anything else until it is done.
 * @returns undefined for dtypes that have no numbers.
 */
export async function measureTensor(
  tensor: Tensor,
  read: ReadTensorRange,
  kernels: NumberKernels,
  { onBytes, signal }: MeasureOptions = {},
): Promise<TensorNumbers | undefined> {
  const key = encodingKey(tensor);
  const readWhole = (part: Tensor) => read(part, 0, part.byteSize);
  const encoding = key === undefined ? await channelEncoding(tensor, readWhole) : encodingOf(key);
  const measurer = encoding === undefined ? undefined : new TensorMeasurer(kernels, encoding);
  if (measurer === undefined && onBytes === undefined) return undefined;
  const size = tensor.byteSize;
  const step = measurer?.chunkBytes ?? kernels.chunk.length;
  const padding = paddingOf(tensor, encoding?.codesPerByte ?? 1);
  let partial: PartialNumbers | undefined;
  try {
    for (let offset = 0; offset < size; offset += step) {
      signal?.throwIfAborted();
      const length = Math.min(step, size - offset);
      const bytes = await read(tensor, offset, length);
      onBytes?.(bytes);
      kernels.chunk.set(bytes);
      measurer?.add(length, offset + length === size ? padding : 0);
    }
  } finally {
    // Whatever happened, what was counted must not reach the next tensor.
    partial = measurer?.take();
  }
  return partial === undefined || encoding === undefined ? undefined : finishNumbers(partial, encoding);
}

/** Codes of the last byte that belong to no value. */
export function paddingOf({ shape, byteSize }: Tensor, codesPerByte: number): number {
  return codesPerByte === 1 ? 0 : Math.max(0, byteSize * codesPerByte - elementCount(shape));
}
