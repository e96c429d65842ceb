import { decodeTensor } from "../tensors/decode";
import { elementCount, type Tensor } from "../tensors/tensor";
import type { NumberEncoding } from "./numberEncoding";

/** How the integers of quantised dtypes are stored. */
const integerDtypes = new Map([
  ["QINT8", "I8"],
  ["QUINT8", "U8"],
  ["QINT32", "I32"],
]);

/**
 * The encoding of a tensor that is quantised with a scale for each channel. It counts what it decodes, so it serves
 * one pass over the tensor from its start.
 * @returns undefined for other tensors, and where the scales are missing or do not fit.
 */
export async function channelEncoding(
  { dtype, shape, layout, fileIndex }: Tensor,
  read: (tensor: Tensor) => Promise<Uint8Array>,
): Promise<NumberEncoding | undefined> {
  const quantisation = layout?.quantisation;
  const integers = integerDtypes.get(dtype);
  if (quantisation?.scheme !== "per-channel" || integers === undefined) return undefined;
  const { axis, scales: scaleTensor, zeroPoints: zeroPointTensor } = quantisation;
  const channels = shape[axis];
  if (scaleTensor === undefined || zeroPointTensor === undefined || channels === undefined) return undefined;
  if (elementCount(scaleTensor.shape) !== channels || elementCount(zeroPointTensor.shape) !== channels) {
    return undefined;
  }
  const decode = async (part: Tensor) =>
    decodeTensor(await read({ ...part, fileIndex }), part.dtype, channels);
  const scales = await decode(scaleTensor);
  const zeroPoints = await decode(zeroPointTensor);
  const valuesOfChannel = elementCount(shape.slice(axis + 1));
  let position = 0;
  return {
    method: "decoded",
    unitBytes: layout?.elementBytes ?? 1,
    decode: (bytes, count) =>
      decodeTensor(bytes, integers, count).map((code) => {
        const channel = Math.floor(position++ / valuesOfChannel) % channels;
        const scale = Math.fround(scales[channel] as number);
        return Math.fround((code - (zeroPoints[channel] as number)) * scale);
      }),
  };
}
