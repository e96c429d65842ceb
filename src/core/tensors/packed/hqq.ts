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
 * HQQ (hqq/core/quantize.py): the weight reshaped to rows of a group each (axis 1) or to columns of a group each (axis
 * 0), packed along the rows: the first of as many parts as fit into a byte in the high bits, of 3 bits ten parts in a word. Scales
 * that are quantised themselves are not unpacked.
 */
export async function hqq(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  hints: PackingHints,
  read: ReadTensorRange,
): Promise<PackedWeight | undefined> {
  const [scales, zeros, stated] = [sibling(".scale"), sibling(".zero"), sibling(".shape")];
  if (scales === undefined || zeros === undefined || stated === undefined) return undefined;
  const settings = hqqSettings.flatMap((key) => sibling(key) ?? []);
  const number = async (ending: string) => {
    const tensor = sibling(ending);
    return tensor !== undefined && elementCount(tensor.shape) === 1
      ? (await readAllValues(tensor, read))[0]
      : undefined;
  };
  const bits = (await number(".nbits")) ?? hints.bits;
  const axis = (await number(".axis")) ?? 1;
  if (elementCount(stated.shape) > 8 || bits === undefined || ![0, 1].includes(axis)) return undefined;
  const shape = [...(await readAllValues(stated, read))];
  const groups = elementCount(scales.shape);
  const count = elementCount(shape);
  const groupSize = count / groups;
  const [rowCount, width] = axis === 1 ? [groups, groupSize] : [groupSize, groups];
  const parts = bits === 3 ? 10 : 8 / bits;
  const rowsOfPart = Math.ceil(rowCount / parts);
  const fits =
    [1, 2, 3, 4, 8].includes(bits) &&
    Number.isInteger(groupSize) &&
    elementCount(zeros.shape) === groups &&
    codes.dtype === (bits === 3 ? "I32" : "U8") &&
    (bits === 3 || rowCount % parts === 0) &&
    elementCount(codes.shape) === rowsOfPart * width &&
    codes.shape.at(-1) === width;
  if (!fits) return undefined;
  const { columns } = rowsOf(shape);
  const valuesOfPart = rowsOfPart * width;
  const wordBytes = codes.byteSize / elementCount(codes.shape);
  return {
    name,
    scheme: `HQQ, ${bits} bits, groups of ${groupSize}${axis === 1 ? "" : " across the rows"}`,
    shape,
    stored: [codes, scales, zeros, stated, ...settings],
    async readRows(firstRow, rows, readStored, signal) {
      const values = new Float32Array(rows * columns);
      const first = firstRow * columns;
      const end = first + values.length;
      const [from, to] = axis === 1 ? [Math.floor(first / width), Math.ceil(end / width)] : [0, groups];
      const [scale, zero] = await Promise.all([
        readValues(scales, from, to - from, readStored, signal),
        readValues(zeros, from, to - from, readStored, signal),
      ]);
      for (let at = first; at < end; ) {
        const part = Math.floor(at / valuesOfPart);
        const next = Math.min(end, (part + 1) * valuesOfPart);
        const start = at - part * valuesOfPart;
        const stretch = await readStored(codes, start * wordBytes, (next - at) * wordBytes, signal);
        const words = new DataView(stretch.buffer, stretch.byteOffset, stretch.byteLength);
        const shift = bits * (parts - 1 - part);
        const mask = 2 ** bits - 1;
        let [column, row] = [at % width, Math.floor(at / width) - from];
        for (let index = 0, to = at - first; index < next - at; index++, to++) {
          const of = axis === 1 ? row : column;
          const word = wordBytes === 1 ? words.getUint8(index) : words.getInt32(4 * index, true);
          const code = (word >>> shift) & mask;
          values[to] = f32(code - (zero[of] as number)) * (scale[of] as number);
          if (++column === width) [column, row] = [0, row + 1];
        }
        at = next;
      }
      return values;
    },
  };
}
