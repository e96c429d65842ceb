import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { type PackedWeight, type PackingHints, rowsOf, type Sibling } from "./packedWeight";

const f32 = Math.fround;

/** HQQ keeps its settings as tensors, one a key (`state_dict_keys`). */
export const hqqSettings: readonly string[] = [
  "nbits",
  "group_size",
  "axis",
  "packing",
  "channel_wise",
  "optimize",
  "round_zero",
  "unpack_view_dtype",
  "compute_dtype",
  "view_as_float",
  "quant_scale",
  "quant_zero",
  "offload_meta",
  "stores_quant_config",
  "encoded_state_dict",
  "meta",
].map((key) => `.${key}`);

/**
 * HQQ (hqq/core/quantize.py): the weight reshaped to rows of a group each (axis 1), packed along the rows: the first
 * half of them in the high bits. Groups along the other axis, 3 bits, and scales that are quantised themselves are not
 * unpacked.
 */
export async function hqq(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  hints: PackingHints,
  read: ReadTensorRange,
): Promise<PackedWeight | undefined> {
  const [scales, zeros, stated] = [sibling(".scale"), sibling(".zero"), sibling(".shape")];
  if (scales === undefined || zeros === undefined || stated === undefined || codes.dtype !== "U8")
    return undefined;
  const settings = hqqSettings.flatMap((key) => sibling(key) ?? []);
  const number = async (ending: string) => {
    const tensor = sibling(ending);
    return tensor !== undefined && elementCount(tensor.shape) === 1
      ? (await readAllValues(tensor, read))[0]
      : undefined;
  };
  const bits = (await number(".nbits")) ?? hints.bits;
  const axis = (await number(".axis")) ?? 1;
  if (elementCount(stated.shape) > 8) return undefined;
  const shape = [...(await readAllValues(stated, read))];
  const groups = elementCount(scales.shape);
  const count = elementCount(shape);
  const groupSize = count / groups;
  const fits =
    axis === 1 &&
    bits !== undefined &&
    [1, 2, 4, 8].includes(bits) &&
    Number.isInteger(groupSize) &&
    elementCount(zeros.shape) === groups &&
    codes.byteSize === (count * bits) / 8 &&
    codes.shape.at(-1) === groupSize;
  if (!fits) return undefined;
  const parts = 8 / bits;
  const rowsOfPart = groups / parts;
  const { columns } = rowsOf(shape);
  return {
    name,
    scheme: `HQQ, ${bits} bits, groups of ${groupSize}`,
    shape,
    stored: [codes, scales, zeros, stated, ...settings],
    async readRows(firstRow, rows, readStored, signal) {
      const values = new Float32Array(rows * columns);
      const first = firstRow * columns;
      const firstGroup = Math.floor(first / groupSize);
      const lastGroup = Math.ceil((first + values.length) / groupSize);
      const [scale, zero] = await Promise.all([
        readValues(scales, firstGroup, lastGroup - firstGroup, readStored, signal),
        readValues(zeros, firstGroup, lastGroup - firstGroup, readStored, signal),
      ]);
      for (let group = firstGroup; group < lastGroup; ) {
        // Groups of one part lie one after the other.
        const part = Math.floor(group / rowsOfPart);
        const end = Math.min(lastGroup, (part + 1) * rowsOfPart);
        const start = group - part * rowsOfPart;
        const bytes = await readStored(codes, start * groupSize, (end - group) * groupSize, signal);
        const shift = 8 - bits * (part + 1);
        for (let at = 0; at < bytes.length; at++) {
          const place = group * groupSize + at - first;
          if (place < 0 || place >= values.length) continue;
          const of = group + Math.floor(at / groupSize) - firstGroup;
          const code = ((bytes[at] as number) >>> shift) & (2 ** bits - 1);
          values[place] = f32(code - (zero[of] as number)) * (scale[of] as number);
        }
        group = end;
      }
      return values;
    },
  };
}
