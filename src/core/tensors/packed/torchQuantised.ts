import { decodeTensor } from "../decode";
import { dtypeBits } from "../dtype";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { type PackedWeight, rowsOf } from "./packedWeight";

/** How the integers of torch's quantised dtypes are stored. */
export const quantisedIntegers: ReadonlyMap<string, string> = new Map([
  ["QINT8", "I8"],
  ["QUINT8", "U8"],
  ["QINT32", "I32"],
]);

/** torch's own quantised tensors: (q − zero point) · scale, with one scale or one for each index of an axis. */
export function torchQuantised(tensor: Tensor): PackedWeight | undefined {
  const quantisation = tensor.layout?.quantisation;
  const integers = quantisedIntegers.get(tensor.dtype);
  if (quantisation === undefined || integers === undefined) return undefined;
  const { name, shape } = tensor;
  const isWhole = quantisation.scheme === "per-tensor";
  const { columns } = rowsOf(shape);
  const bytesEach = (dtypeBits.get(integers) ?? 8) / 8;
  if (!isWhole && !hasChannels(tensor)) return undefined;
  return {
    name,
    scheme: `${tensor.dtype}, ${isWhole ? "one scale" : `a scale for each index of axis ${quantisation.axis}`}`,
    shape,
    stored: [tensor],
    async readRows(first, rows, read, signal) {
      const count = rows * columns;
      const [bytes, channels] = await Promise.all([
        read(tensor, first * columns * bytesEach, count * bytesEach, signal),
        readChannels(tensor, (part) => readAllValues(part, read, signal)),
      ]);
      const codes = decodeTensor(bytes, integers, count);
      return Float32Array.from(codes, (code, index) => channelValue(channels, code, first * columns + index));
    },
  };
}

/** Scales and zero points, and to which values they belong. */
interface Channels {
  readonly scales: Float64Array;
  readonly zeroPoints: Float64Array;
  /** Values that follow each other with one scale. */
  readonly valuesOfChannel: number;
}

/** Whether a tensor is quantised with a scale for each index of an axis, and they fit. */
export function hasChannels({ shape, layout }: Tensor): boolean {
  const quantisation = layout?.quantisation;
  if (quantisation?.scheme !== "per-channel") return false;
  const { axis, scales, zeroPoints } = quantisation;
  return [scales, zeroPoints].every((part) => part !== undefined && elementCount(part.shape) === shape[axis]);
}

/** @param readAll reads all values of a tensor of scales or zero points. */
export async function readChannels(
  { shape, layout, fileIndex }: Tensor,
  readAll: (part: Tensor) => Promise<Float64Array>,
): Promise<Channels> {
  const quantisation = layout?.quantisation;
  if (quantisation?.scheme === "per-tensor") {
    const { scale, zeroPoint } = quantisation;
    return { scales: Float64Array.of(scale), zeroPoints: Float64Array.of(zeroPoint), valuesOfChannel: 1 };
  }
  if (quantisation?.scales === undefined || quantisation.zeroPoints === undefined)
    throw new RangeError("The tensor has no scales.");
  const all = (part: Tensor) => readAll({ ...part, fileIndex });
  const [scales, zeroPoints] = await Promise.all([all(quantisation.scales), all(quantisation.zeroPoints)]);
  return { scales, zeroPoints, valuesOfChannel: elementCount(shape.slice(quantisation.axis + 1)) };
}

/** What the code at an index of the tensor stands for. */
export function channelValue(
  { scales, zeroPoints, valuesOfChannel }: Channels,
  code: number,
  index: number,
): number {
  const at = Math.floor(index / valuesOfChannel) % scales.length;
  return (code - (zeroPoints[at] as number)) * Math.fround(scales[at] as number);
}
