import { decodeTensor } from "../tensors/decode";
import { channelValue, hasChannels, quantisedIntegers, readChannels } from "../tensors/packed/torchQuantised";
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
  const integers = quantisedIntegers.get(tensor.dtype);
  if (integers === undefined || !hasChannels(tensor)) return undefined;
  const channels = await readChannels(tensor, async (part) =>
    Float64Array.from(decodeTensor(await read(part), part.dtype, elementCount(part.shape))),
  );
  let position = 0;
  return {
    method: "decoded",
    unitBytes: tensor.layout?.elementBytes ?? 1,
    decode: (bytes, count) =>
      decodeTensor(bytes, integers, count).map((code) =>
        Math.fround(channelValue(channels, code, position++)),
      ),
  };
}
