import { decodeTensor } from "../tensors/decode";
import {
  channelValue,
  hasChannels,
  quantisedBits,
  quantisedCodes,
  readChannels,
} from "../tensors/packed/torchQuantised";
import { elementCount, type Tensor } from "../tensors/tensor";
import type { NumberEncoding } from "./numberEncoding";

/**
 * The encoding of a tensor that is quantised with a scale for each channel. It counts what it decodes, so it serves
 * one pass over the tensor from its start.
 * @returns undefined for other tensors, and where the scales are missing or do not fit.
 */
export async function channelEncoding(
  tensor: Tensor,
  read: (tensor: Tensor) => Promise<Uint8Array>,
): Promise<NumberEncoding | undefined> {
  const bits = quantisedBits(tensor.dtype);
  if (bits === undefined || !hasChannels(tensor)) return undefined;
  const channels = await readChannels(tensor, async (part) =>
    Float64Array.from(decodeTensor(await read(part), part.dtype, elementCount(part.shape))),
  );
  const total = elementCount(tensor.shape);
  let position = 0;
  return {
    method: "decoded",
    unitBytes: Math.ceil(bits / 8),
    valuesPerUnit: Math.max(1, 8 / bits),
    // The last byte may have room for more codes.
    decode: (bytes, count) =>
      quantisedCodes(bytes, tensor.dtype, Math.min(count, total - position)).map((code) =>
        channelValue(channels, code, position++),
      ),
  };
}
