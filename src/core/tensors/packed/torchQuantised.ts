import { decodeTensor } from "../decode";
import { dtypeBits } from "../dtype";
import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { type PackedWeight, rowsOf } from "./packedWeight";

const f32 = Math.fround;

/** How the integers of torch's quantised dtypes are stored. */
const integerDtypes = new Map([
  ["QINT8", "I8"],
  ["QUINT8", "U8"],
  ["QINT32", "I32"],
]);

/** torch's own quantised tensors: (q − zero point) · scale, with one scale or one for each index of an axis. */
export function torchQuantised(tensor: Tensor): PackedWeight | undefined {
  const quantisation = tensor.layout?.quantisation;
  const integers = integerDtypes.get(tensor.dtype);
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
        readChannels(tensor, read, signal),
      ]);
      const codes = decodeTensor(bytes, integers, count);
      const { scales, zeroPoints, valuesOfChannel } = channels;
      return Float32Array.from(codes, (code, index) => {
        const at = Math.floor((first * columns + index) / valuesOfChannel) % scales.length;
        return (code - (zeroPoints[at] as number)) * f32(scales[at] as number);
      });
    },
  };
}

function hasChannels({ shape, layout }: Tensor): boolean {
  const quantisation = layout?.quantisation;
  if (quantisation?.scheme !== "per-channel") return false;
  const { axis, scales, zeroPoints } = quantisation;
  return [scales, zeroPoints].every((part) => part !== undefined && elementCount(part.shape) === shape[axis]);
}

interface Channels {
  readonly scales: Float64Array;
  readonly zeroPoints: Float64Array;
  /** Values that follow each other with one scale. */
  readonly valuesOfChannel: number;
}

async function readChannels(
  { shape, layout, fileIndex }: Tensor,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Channels> {
  const quantisation = layout?.quantisation;
  if (quantisation?.scheme === "per-tensor") {
    const { scale, zeroPoint } = quantisation;
    return { scales: Float64Array.of(scale), zeroPoints: Float64Array.of(zeroPoint), valuesOfChannel: 1 };
  }
  if (quantisation?.scales === undefined || quantisation.zeroPoints === undefined)
    throw new RangeError("The tensor has no scales.");
  const all = (part: Tensor) => readAllValues({ ...part, fileIndex }, read, signal);
  const [scales, zeroPoints] = await Promise.all([all(quantisation.scales), all(quantisation.zeroPoints)]);
  return { scales, zeroPoints, valuesOfChannel: elementCount(shape.slice(quantisation.axis + 1)) };
}
