import { decodeTensor } from "../decode";
import { torchOnlyBits } from "../dtype";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { codeAt, type PackedWeight, rowsOf } from "./packedWeight";

const quantisedIntegers: ReadonlyMap<string, string> = new Map([
  ["QINT8", "I8"],
  ["QUINT8", "U8"],
  ["QINT32", "I32"],
]);

/** Bits of a code of torch's quantised dtypes; undefined for others. */
export function quantisedBits(dtype: string): number | undefined {
  return /^QU?INT/.test(dtype) ? torchOnlyBits.get(dtype) : undefined;
}

/** Codes `first` to `first + count` of bytes of a quantised dtype; those narrower than a byte lie low bits first. */
export function quantisedCodes(bytes: Uint8Array, dtype: string, count: number, first = 0): Float64Array {
  const integers = quantisedIntegers.get(dtype);
  if (integers !== undefined) return decodeTensor(bytes, integers, count);
  const bits = quantisedBits(dtype) ?? 8;
  return Float64Array.from({ length: count }, (_, at) => codeAt(bytes, first + at, bits));
}

/** torch's own quantised tensors: (q − zero point) · scale, with one scale or one for each index of an axis. */
export function torchQuantised(tensor: Tensor): PackedWeight | undefined {
  const quantisation = tensor.layout?.quantisation;
  const bits = quantisedBits(tensor.dtype);
  if (quantisation === undefined || bits === undefined) return undefined;
  const { name, shape } = tensor;
  const isWhole = quantisation.scheme === "per-tensor";
  const { columns } = rowsOf(shape);
  if (!isWhole && !hasChannels(tensor)) return undefined;
  return {
    name,
    scheme: `${tensor.dtype}, ${isWhole ? "one scale" : `a scale for each index of axis ${quantisation.axis}`}`,
    shape,
    stored: [tensor],
    async readRows(first, rows, read, signal) {
      const count = rows * columns;
      const from = Math.floor((first * columns * bits) / 8);
      const [bytes, channels] = await Promise.all([
        read(tensor, from, Math.ceil(((first + rows) * columns * bits) / 8) - from, signal),
        readChannels(tensor, (part) => readAllValues(part, read, signal)),
      ]);
      const codes = quantisedCodes(bytes, tensor.dtype, count, first * columns - (8 / bits) * from);
      return Float32Array.from(codes, (code, index) => channelValue(channels, code, first * columns + index));
    },
  };
}

/** Scales and zero points, and to which values they belong. */
interface Channels {
  readonly scales: Float64Array;
  readonly zeroPoints: Float64Array;
  /** Scales of F64 are multiplied in F64, others in F32. */
  readonly areDoubles: boolean;
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
    const [scales, zeroPoints] = [Float64Array.of(Math.fround(scale)), Float64Array.of(zeroPoint)];
    return { scales, zeroPoints, areDoubles: false, valuesOfChannel: 1 };
  }
  if (quantisation?.scales === undefined || quantisation.zeroPoints === undefined)
    throw new RangeError("The tensor has no scales.");
  const all = (part: Tensor) => readAll({ ...part, fileIndex });
  const [scales, zeroPoints] = await Promise.all([all(quantisation.scales), all(quantisation.zeroPoints)]);
  const valuesOfChannel = elementCount(shape.slice(quantisation.axis + 1));
  return { scales, zeroPoints, areDoubles: quantisation.scales.dtype === "F64", valuesOfChannel };
}

/** What the code at an index of the tensor stands for, rounded as torch's `dequantize` does. */
export function channelValue(
  { scales, zeroPoints, areDoubles, valuesOfChannel }: Channels,
  code: number,
  index: number,
): number {
  const at = Math.floor(index / valuesOfChannel) % scales.length;
  const steps = code - (zeroPoints[at] as number);
  return Math.fround((areDoubles ? steps : Math.fround(steps)) * (scales[at] as number));
}
