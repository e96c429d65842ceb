import { decodeTensor } from "../tensors/decode";
import type { Tensor } from "../tensors/tensor";
import type { TensorReader } from "./tensorReader";

/** The numbers in tensors of one element; those that cannot be read are left out. */
export async function readScalars(
  reader: TensorReader,
  tensors: readonly Tensor[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<Tensor, number>> {
  const numbers = new Map<Tensor, number>();
  for (const tensor of tensors) {
    try {
      const [number] = decodeTensor(await reader.read(tensor, signal), tensor.dtype, 1);
      if (number !== undefined) numbers.set(tensor, number);
    } catch {
      signal?.throwIfAborted();
      // Its bytes are missing, or it is no number: the table then links to the tensor.
    }
  }
  return numbers;
}
