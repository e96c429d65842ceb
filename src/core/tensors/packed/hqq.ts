import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import type { CodeCells } from "./codeCells";
import { integerLevels } from "./floatCodes";
import { type PackedWeight, type PackingHints, roomFor, rowsOf, type Sibling } from "./packedWeight";
import { paddedLevels, spreadBits } from "./spreadCodes";

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
  let held: ReturnType<typeof numbersOf> | undefined;
  /** Groups across the rows are needed for all of these: their numbers are read once. */
  const numbersOf = (from: number, to: number, readStored: ReadTensorRange, signal?: AbortSignal) =>
    Promise.all([scales, zeros].map((each) => readValues(each, from, to - from, readStored, signal)));
  const heldNumbers = (readStored: ReadTensorRange, signal?: AbortSignal) => {
    held ??= numbersOf(0, groups, readStored, signal).catch((error: unknown) => {
      held = undefined;
      throw error;
    });
    return held;
  };
  const cells =
    axis === 1 && columns % width === 0
      ? groupCells({ codes, scales, zeros, bits, width, rowsOfPart, parts, perRow: columns / width })
      : undefined;
  return {
    name,
    scheme: `HQQ, ${bits} bits, groups of ${groupSize}${axis === 1 ? "" : " across the rows"}`,
    shape,
    stored: [codes, scales, zeros, stated, ...settings],
    ...(cells === undefined ? {} : { cells }),
    async readRows(firstRow, rows, readStored, signal, into) {
      const values = roomFor(rows * columns, into);
      const first = firstRow * columns;
      const end = first + values.length;
      const [from, to] = axis === 1 ? [Math.floor(first / width), Math.ceil(end / width)] : [0, groups];
      const [scale, zero] = (await (axis === 1
        ? numbersOf(from, to, readStored, signal)
        : heldNumbers(readStored, signal))) as [Float64Array, Float64Array];
      for (let at = first; at < end; ) {
        const part = Math.floor(at / valuesOfPart);
        const next = Math.min(end, (part + 1) * valuesOfPart);
        const start = at - part * valuesOfPart;
        const stretch = await readStored(codes, start * wordBytes, (next - at) * wordBytes, signal);
        const words = wordBytes === 1 ? stretch : new Int32Array(new Uint8Array(stretch).buffer);
        const shift = bits * (parts - 1 - part);
        const own = values.subarray(at - first, next - first);
        const place = { shift, mask: 2 ** bits - 1, width, column: at % width };
        if (axis === 1) scaleRows(words, place, scale, zero, Math.floor(at / width) - from, own);
        else scaleColumns(words, place, scale, zero, own);
        at = next;
      }
      return values;
    },
  };
}

/** Where the codes of a part stand in their words, and the column of the first. */
interface PartPlace {
  readonly shift: number;
  readonly mask: number;
  readonly width: number;
  readonly column: number;
}

/** Each row of codes has a scale and a zero point. */
function scaleRows(
  words: ArrayLike<number>,
  { shift, mask, width, column }: PartPlace,
  scales: Float64Array,
  zeros: Float64Array,
  firstRow: number,
  values: Float32Array,
): void {
  for (let row = firstRow, at = 0, end = width - column; at < values.length; row++, end += width) {
    const [scale, zero] = [scales[row] as number, zeros[row] as number];
    for (const stop = Math.min(end, values.length); at < stop; at++)
      values[at] = f32((((words[at] as number) >>> shift) & mask) - zero) * scale;
  }
}

/** Each column of codes has a scale and a zero point. */
function scaleColumns(
  words: ArrayLike<number>,
  { shift, mask, width, column: first }: PartPlace,
  scales: Float64Array,
  zeros: Float64Array,
  values: Float32Array,
): void {
  for (let column = first, at = 0; at < values.length; column = 0) {
    const stop = Math.min(values.length, at + width - column);
    for (; at < stop; at++, column++)
      values[at] =
        f32((((words[at] as number) >>> shift) & mask) - (zeros[column] as number)) *
        (scales[column] as number);
  }
}

/** Groups that are a row of what is packed each: those of a part are in the same bits of neighbouring rows. */
interface PackedGroups {
  readonly codes: Tensor;
  readonly scales: Tensor;
  readonly zeros: Tensor;
  readonly bits: number;
  /** Codes of a group. */
  readonly width: number;
  readonly rowsOfPart: number;
  readonly parts: number;
  /** Groups of a row of the weight. */
  readonly perRow: number;
}

function groupCells({
  codes,
  scales,
  zeros,
  bits,
  width,
  rowsOfPart,
  parts,
  perRow,
}: PackedGroups): CodeCells | undefined {
  if (width % 32 !== 0) return undefined;
  const wide = spreadBits(bits);
  const rowBytes = codes.byteSize / rowsOfPart;
  return {
    bits: wide,
    combining: "less-offset",
    levels: paddedLevels(integerLevels(bits), bits),
    cellCodes: width,
    async fill(firstRow, rows, into, read) {
      const [first, end] = [firstRow * perRow, (firstRow + rows) * perRow];
      const [scale, zero] = await Promise.all([
        readValues(scales, first, end - first, read),
        readValues(zeros, first, end - first, read),
      ]);
      into.scales.set(scale);
      into.offsets.set(zero);
      for (let group = first; group < end; ) {
        const part = Math.floor(group / rowsOfPart);
        const next = Math.min(end, (part + 1) * rowsOfPart);
        const stretch = await read(codes, (group - part * rowsOfPart) * rowBytes, (next - group) * rowBytes);
        const target = into.codes.subarray(((group - first) * width * wide) / 8);
        takePart(stretch, bits, bits * (parts - 1 - part), (next - group) * width, target);
        group = next;
      }
      return true;
    },
  };
}

/** Codes of one part of `count` words, which are bytes or, of 3 bits, have four; those of 32 words go into one cell. */
function takePart(stored: Uint8Array, bits: number, shift: number, count: number, to: Uint8Array): void {
  if (bits === 8) {
    to.set(stored);
    return;
  }
  const words = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const target = new DataView(to.buffer, to.byteOffset, to.byteLength);
  const mask = 2 ** bits - 1;
  if (bits === 3) {
    for (let from = 0, at = 0; from < 4 * count; at += 4) {
      let word = 0;
      for (let place = 0; place < 32; place += 4, from += 4)
        word |= ((words.getInt32(from, true) >>> shift) & mask) << place;
      target.setInt32(at, word, true);
    }
    return;
  }
  const ofBytes = mask * 0x01010101;
  for (let from = 0, at = 0; from < count; from += 8, at += 4) {
    const low = (words.getInt32(from, true) >>> shift) & ofBytes;
    const high = (words.getInt32(from + 4, true) >>> shift) & ofBytes;
    target.setInt32(at, low | (high << 4), true);
  }
}
