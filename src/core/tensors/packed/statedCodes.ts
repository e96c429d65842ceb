import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { nibbleBlocks } from "./bitsandbytes";
import { integerLevels } from "./floatCodes";
import { notUnpacked, type PackedWeight } from "./packedWeight";
import { isWide, rowScaled } from "./rowScaled";

/** What a file itself says of how codes become values, where names alone do not tell it. */
export interface StatedCodes {
  /** As `PackedWeight.scheme`. */
  readonly scheme: string;
  /** Of the weight. */
  readonly shape: readonly number[];
  /** How many of the last axes together are what `block` calls columns, where those are more than one. */
  readonly lastAxes?: number;
  /** Set where several codes share a byte, the first in its low bits: each row begins with a byte. */
  readonly packed?: { readonly bits: 2 | 4 | 8; readonly isSigned: boolean; readonly rowBytes: number };
  /** Set for levels of floats in blocks of the row-major order, the first code in the high half of a byte. */
  readonly blocksOf?: "NF4" | "FP4";
  /** Names of the tensors beside it. */
  readonly scales: string;
  readonly offsets?: string;
  /** Set where numbers of `offsets` share a byte, each row of them beginning with one. */
  readonly offsetBits?: 2 | 4;
  readonly areOffsetsSigned?: boolean;
  /** What is taken off each code where there are no `offsets`. */
  readonly offset?: number;
  /** Rows and columns that share a scale. */
  readonly block: readonly [rows: number, columns: number];
  /** Name of the tensor that says which group each row, or where `block` is one row high each column, is of. */
  readonly groups?: string;
  /**
   * Set where shapes alone leave open whether a byte is one code or two, neither of which is ever -8, as of absmax
   * quantisation to 4 bits: what its first bytes must show.
   */
  readonly mustShow?: "whole-bytes" | "pairs";
  /** A code is divided by its scale. */
  readonly isDivided?: boolean;
}

/** ONNX Runtime's blockwise_quant_block_bnb4.h, whose levels are those of bitsandbytes, of F32. */
const levelsOf: Readonly<Record<"NF4" | "FP4", Float64Array>> = {
  NF4: Float64Array.of(
    ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
    ...[-0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725],
    ...[0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941],
    ...[0.7229568362236023, 1],
  ),
  FP4: Float64Array.from(
    Float32Array.of(
      ...[0, 5.208333333e-3, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25],
      ...[-0, -5.208333333e-3, -0.66666667, -1, -0.33333333, -0.5, -0.16666667, -0.25],
    ),
  ),
};

/**
 * The weight of codes of which the file says how they become values. Undefined where what lies beside them does not fit.
 * Reads a few bytes, of groups.
 * @param beside a tensor by its whole name.
 */
export async function statedWeight(
  codes: Tensor,
  stated: StatedCodes,
  beside: (name: string) => Tensor | undefined,
  read: ReadTensorRange,
): Promise<PackedWeight | undefined> {
  const { scheme, shape, packed, offsets: offsetsName, offsetBits, offset = 0 } = stated;
  const groups = stated.groups === undefined ? undefined : beside(stated.groups);
  const block = stated.groups === undefined ? stated.block : await blockOfGroups(groups, stated.block, read);
  if (block === undefined) return undefined;
  if (stated.mustShow !== undefined && (await shownBy(codes, read)) !== stated.mustShow)
    throw notUnpacked("Whether a byte of it holds one code or two cannot be told.");
  const { name } = codes;
  const scales = beside(stated.scales);
  const offsets = offsetsName === undefined ? undefined : beside(offsetsName);
  if (scales === undefined || (offsetsName !== undefined && offsets === undefined)) return undefined;
  if (stated.lastAxes !== undefined) {
    const { lastAxes, ...others } = stated;
    const joined = [...shape.slice(0, -lastAxes), elementCount(shape.slice(-lastAxes))];
    const weight = await statedWeight(codes, { ...others, shape: joined }, beside, read);
    return weight && withLastAxes(weight, shape);
  }
  const columns = shape.at(-1) ?? 1;
  const rows = elementCount(shape.slice(0, -1));
  const [down, across] = [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])];
  if (stated.blocksOf !== undefined) {
    const { blocksOf } = stated;
    const [, blockSize] = block;
    const fits =
      codes.byteSize === Math.ceil(elementCount(shape) / 2) &&
      elementCount(scales.shape) === Math.ceil(elementCount(shape) / blockSize);
    if (!fits) return undefined;
    return nibbleBlocks({
      ...{ name, scheme, shape, blockSize },
      stored: [codes, scales],
      levels: async () => levelsOf[blocksOf],
      scales: (first, count, read, signal) => readValues(scales, first, count, read, signal),
    });
  }
  const rowBytes = packed?.rowBytes ?? columns;
  const offsetBytes = offsetBits === undefined ? 0 : down * Math.ceil((across * offsetBits) / 8);
  const fits =
    elementCount(scales.shape) === down * across &&
    (isWide(codes) ? elementCount(codes.shape) === rows * columns : codes.byteSize === rows * rowBytes) &&
    (packed === undefined || rowBytes * 8 >= columns * packed.bits) &&
    (offsets === undefined ||
      (offsetBits === undefined
        ? elementCount(offsets.shape) === down * across
        : offsets.byteSize === offsetBytes));
  if (!fits) return undefined;
  const how = {
    ...{ name, scheme, shape, codes, block },
    scales: { tensor: scales },
    ...(offsets === undefined
      ? {}
      : {
          offsets: {
            tensor: offsets,
            ...(offsetBits === undefined ? {} : { bitsAcrossColumns: offsetBits }),
            ...(stated.areOffsetsSigned === true && offsetBits !== undefined
              ? { toValue: (code: number) => signed(code, offsetBits) }
              : {}),
          },
        }),
    ...(stated.isDivided === true ? { combining: "divided" as const } : {}),
    ...(groups === undefined ? {} : { others: [groups] }),
  };
  if (packed === undefined) return rowScaled(how);
  const { bits, isSigned } = packed;
  const levels = integerLevels(bits).map((code) => (isSigned ? signed(code, bits) : code) - offset);
  return rowScaled({ ...how, packed: { bits, rowBytes, levels } });
}

/** The same values in the same order, whose last axis is a part of what was one. */
function withLastAxes(weight: PackedWeight, shape: readonly number[]): PackedWeight {
  const { name, scheme, stored, shape: joined } = weight;
  const size = shape.at(-1) as number;
  const perRow = (joined.at(-1) as number) / size;
  return {
    ...{ name, scheme, shape, stored },
    async readRows(first, rows, read, signal) {
      const from = Math.floor(first / perRow);
      const to = Math.ceil((first + rows) / perRow);
      const values = await weight.readRows(from, to - from, read, signal);
      const start = (first - from * perRow) * size;
      return values.slice(start, start + rows * size);
    },
  };
}

/** Of whole bytes every sixteenth ends in what is -8 of 4 bits. */
async function shownBy(codes: Tensor, read: ReadTensorRange): Promise<StatedCodes["mustShow"]> {
  const bytes = await read(codes, 0, Math.min(codes.byteSize, mostLookedAt));
  if (bytes.some((byte) => (byte & 15) === 8)) return "whole-bytes";
  return bytes.length < fewestOfPairs || bytes.some((byte) => byte >>> 4 === 8) ? undefined : "pairs";
}

const mostLookedAt = 1 << 16;
/** Of so many whole bytes none ends so once in 5,000 times. */
const fewestOfPairs = 132;

/** Groups of equal size in their order, the last of which may be cut. */
async function blockOfGroups(
  groups: Tensor | undefined,
  [height]: StatedCodes["block"],
  read: ReadTensorRange,
): Promise<StatedCodes["block"] | undefined> {
  if (groups === undefined || elementCount(groups.shape) > maxGroupIndices) return undefined;
  const indices = await readAllValues(groups, read);
  const found = indices.findIndex((index) => index !== 0);
  const size = found < 0 ? indices.length : found;
  if (size === 0 || indices.some((index, at) => index !== Math.floor(at / size)))
    throw notUnpacked("Its groups are in an order of their own, which is not told apart.");
  return height === 1 ? [1, size] : [size, 1];
}

/** Longer axes than any layer has. */
const maxGroupIndices = 1 << 24;

function signed(code: number, bits: number): number {
  return code >= 2 ** (bits - 1) ? code - 2 ** bits : code;
}
