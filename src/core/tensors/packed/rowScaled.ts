import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { type CodeCells, type Combining, combined } from "./codeCells";
import { byteLevels } from "./floatCodes";
import { codeAt, type PackedWeight, roomFor, rowsOf } from "./packedWeight";
import { codesInStream, paddedLevels, spreadBits, spreadCodes } from "./spreadCodes";

/** Numbers that each stand for a rectangle of a weight: its scales, its zero points or its minima. */
export interface Grid {
  readonly tensor: Tensor;
  /** What a number of the grid becomes; as it is where not said. */
  readonly toValue?: (stored: number) => number;
  /** So many bits of a word are a number with half of its range added, those of rows below it in higher bits. */
  readonly bitsAcrossRows?: number;
  /** Numbers of so many bits along the columns, the first in the low bits; each row of them begins with a byte. */
  readonly bitsAcrossColumns?: number;
  /** Kept columns by rows. */
  readonly isTransposed?: boolean;
}

/** How the codes of a weight become values. */
export interface RowScaling {
  readonly name: string;
  readonly scheme: string;
  readonly shape: readonly number[];
  readonly codes: Tensor;
  /** What each code of so many bits stands for; undefined where the codes are numbers of a byte. */
  readonly packed?: PackedCodeRows;
  readonly scales: Grid;
  readonly offsets?: Grid;
  /** Rows and columns that share a number of the grid. */
  readonly block: readonly [rows: number, columns: number];
  /** `less-offset` where it is not said; `divided` is (level − offset) / scale. */
  readonly combining?: Combining | "divided";
  readonly others?: readonly Tensor[];
}

interface PackedCodeRows {
  readonly bits: number;
  readonly rowBytes: number;
  readonly levels: Float64Array;
}

/**
 * The rows and columns that share a scale, where `grid` covers `shape`; undefined where it does not.
 * @param stated what a block has, where the last may be cut.
 */
export function blockOf(
  shape: readonly number[],
  grid: Tensor,
  stated?: readonly [rows: number, columns: number],
): readonly [rows: number, columns: number] | undefined {
  const { rows, columns } = rowsOf(shape);
  const parts = grid.shape.slice(0, 1 + grid.shape.findLastIndex((size) => size !== 1));
  // A scale for each index of the first axes.
  if (parts.every((size, axis) => axis < shape.length - 1 && size === shape[axis]))
    return [Math.max(1, rows / elementCount(parts)), Math.max(1, columns)];
  const [down = 1, across = 1] = shape.length === 1 ? [1, ...grid.shape] : grid.shape.slice(-2);
  const leading = shape.slice(0, -2);
  if (grid.shape.length !== shape.length || leading.some((size, axis) => grid.shape[axis] !== size))
    return undefined;
  const ofMatrix = shape.length === 1 ? 1 : (shape.at(-2) as number);
  const height = side(ofMatrix, down, stated?.[0]);
  const width = side(columns, across, stated?.[1]);
  if (height === undefined || width === undefined) return undefined;
  // The rows of all matrices are counted through.
  return elementCount(leading) > 1 && ofMatrix % height !== 0 ? undefined : [height, width];
}

/** @param stated of a part, the last of which may be cut; without it, or where it does not fit, parts are equal. */
function side(size: number, parts: number, stated?: number): number | undefined {
  if (parts === 1) return Math.max(1, size);
  if (parts === 0) return undefined;
  if (stated !== undefined && Math.ceil(size / stated) === parts) return stated;
  return size % parts === 0 ? size / parts : undefined;
}

const noLevels = new Float64Array(0);

/** Whether codes are numbers of more than a byte. */
export function isWide({ dtype }: Tensor): boolean {
  return ["I16", "U16", "I32"].includes(dtype);
}

/** A weight whose rows are stored one after the other, with scales for rectangles of it. */
export function rowScaled(how: RowScaling): PackedWeight {
  const { columns } = rowsOf(how.shape);
  const { name, scheme, shape, scales, offsets, codes, others = [] } = how;
  const areWide = how.packed === undefined && isWide(codes);
  const packed = how.packed ?? {
    bits: 8,
    rowBytes: columns,
    levels: areWide ? noLevels : byteLevels(codes.dtype),
  };
  const { rowBytes } = packed;
  const cells = areWide ? undefined : cellsOf(how, packed, columns);
  return {
    name,
    scheme,
    shape,
    ...(cells === undefined ? {} : { cells }),
    stored: [codes, scales.tensor, ...(offsets === undefined ? [] : [offsets.tensor]), ...others],
    async readRows(first, rows, read, signal, into) {
      const [height, width] = how.block;
      const [stored, { scale, offset, from, perRow }] = await Promise.all([
        areWide
          ? readValues(codes, first * columns, rows * columns, read, signal)
          : read(codes, first * rowBytes, rows * rowBytes, signal),
        readGrids(how, first, rows, read, signal),
      ]);
      const values = roomFor(rows * columns, into);
      for (let row = 0; row < rows; row++) {
        const band = (Math.floor((first + row) / height) - from) * perRow;
        const ofRow = stored.subarray(row * rowBytes, (row + 1) * rowBytes);
        const target = values.subarray(row * columns, (row + 1) * columns);
        if (ofRow instanceof Float64Array) scaledNumbers(how, ofRow, scale, offset, band, target);
        else if (packed.bits === 4 && width >= 16)
          tabledRow(how, packed.levels, ofRow, scale, offset, band, target);
        else scaledRow(how, packed, ofRow, scale, offset, band, target);
      }
      return values;
    },
  };
}

/** Scales and offsets of the bands of rows, from the `from`-th on. */
async function readGrids(
  { shape, block, scales, offsets }: RowScaling,
  first: number,
  rows: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
) {
  const [height, width] = block;
  const { rows: all, columns } = rowsOf(shape);
  const [from, perRow] = [Math.floor(first / height), Math.ceil(columns / width)];
  const bands: Bands = { from, count: Math.ceil((first + rows) / height) - from, perRow, all: all / height };
  const [scale, offset] = await Promise.all([
    readGrid(scales, bands, read, signal),
    offsets === undefined ? undefined : readGrid(offsets, bands, read, signal),
  ]);
  return { scale, offset, from, perRow };
}

/** Longer cells are cut into equal ones. */
const maxCellCodes = 4096;

/** Undefined where cells are no whole number of 16 codes, or numbers of them have more digits than F32. */
function cellsOf(how: RowScaling, packed: PackedCodeRows, columns: number): CodeCells | undefined {
  const [height, width] = how.block;
  const { bits, levels, rowBytes } = packed;
  const { combining = "less-offset" } = how;
  if (bits > 8 || width % 16 !== 0 || columns % width !== 0 || combining === "divided") return undefined;
  if (
    8 * rowBytes !== bits * columns ||
    [how.scales, how.offsets].some((grid) => grid?.tensor.dtype === "F64")
  )
    return undefined;
  let cellCodes = width;
  while (cellCodes > maxCellCodes && cellCodes % 32 === 0) cellCodes /= 2;
  if (cellCodes > maxCellCodes) return undefined;
  const [perRow, perNumber] = [columns / cellCodes, width / cellCodes];
  return {
    bits: spreadBits(bits),
    combining,
    levels: paddedLevels(levels, bits),
    cellCodes,
    bandRows: height,
    async fill(first, rows, { codes, scales, offsets }, read) {
      const [stored, { scale, offset, from, perRow: numbers }] = await Promise.all([
        read(how.codes, first * rowBytes, rows * rowBytes),
        readGrids(how, first, rows, read),
      ]);
      spreadCodes(stored, bits, rows * columns, codes);
      for (let row = 0, at = 0; row < rows; row++) {
        const band = (Math.floor((first + row) / height) - from) * numbers;
        for (let number = 0, place = band; number * perNumber < perRow; number++, place++) {
          for (const end = at + perNumber; at < end; at++) {
            scales[at] = scale[place] as number;
            offsets[at] = offset === undefined ? 0 : (offset[place] as number);
          }
        }
      }
      return true;
    },
  };
}

function codeValue(combining: Combining | "divided", level: number, scale: number, offset: number): number {
  return combining === "divided"
    ? Math.fround(Math.fround(level - offset) / scale)
    : combined(combining, level, scale, offset);
}

const table = new Float32Array(16);
const tableBits = new Uint32Array(table.buffer);

/** Codes of 4 bits: what each stands for is computed once for all that share a scale. */
function tabledRow(
  { block, combining = "less-offset" }: RowScaling,
  levels: Float64Array,
  codes: Uint8Array,
  scales: Float64Array,
  offsets: Float64Array | undefined,
  band: number,
  values: Float32Array,
): void {
  const [, width] = block;
  // As integers they are moved without being converted.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let from = 0, cell = band; from < bits.length; from += width, cell++) {
    const [scale, offset] = [scales[cell] as number, offsets?.[cell] ?? 0];
    for (let code = 0; code < 16; code++)
      table[code] = codeValue(combining, levels[code] as number, scale, offset);
    const end = Math.min(bits.length, from + width);
    let column = from;
    if ((column & 1) === 1) {
      bits[column] = tableBits[(codes[column >>> 1] as number) >>> 4] as number;
      column++;
    }
    for (; column + 1 < end; column += 2) {
      const byte = codes[column >>> 1] as number;
      bits[column] = tableBits[byte & 15] as number;
      bits[column + 1] = tableBits[byte >>> 4] as number;
    }
    if (column < end) bits[column] = tableBits[(codes[column >>> 1] as number) & 15] as number;
  }
}

function scaledRow(
  { block, combining = "less-offset" }: RowScaling,
  { bits, levels }: PackedCodeRows,
  stored: Uint8Array,
  scales: Float64Array,
  offsets: Float64Array | undefined,
  band: number,
  values: Float32Array,
): void {
  const [, width] = block;
  const codes = bits === 8 ? stored : codesInStream(stored, bits, values.length);
  for (let from = 0, cell = band; from < values.length; from += width, cell++) {
    const [scale, offset] = [scales[cell] as number, offsets?.[cell] ?? 0];
    const end = Math.min(values.length, from + width);
    for (let column = from; column < end; column++)
      values[column] = codeValue(combining, levels[codes[column] as number] as number, scale, offset);
  }
}

/** The same of codes that are numbers of more than a byte. */
function scaledNumbers(
  { block, combining = "less-offset" }: RowScaling,
  codes: Float64Array,
  scales: Float64Array,
  offsets: Float64Array | undefined,
  band: number,
  values: Float32Array,
): void {
  for (let column = 0; column < values.length; column++) {
    const cell = band + Math.floor(column / block[1]);
    const [scale, offset] = [scales[cell] as number, offsets?.[cell] ?? 0];
    values[column] = codeValue(combining, codes[column] as number, scale, offset);
  }
}

/** Rows of a grid that are wanted, of so many. */
interface Bands {
  readonly from: number;
  readonly count: number;
  readonly perRow: number;
  readonly all: number;
}

async function readGrid(
  { tensor, toValue, bitsAcrossRows: bits, bitsAcrossColumns, isTransposed }: Grid,
  { from, count, perRow, all }: Bands,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Float64Array> {
  if (bits !== undefined) {
    const perWord = 32 / bits;
    const top = Math.floor(from / perWord);
    const wordRows = Math.ceil((from + count) / perWord) - top;
    const words = await readValues(tensor, top * perRow, wordRows * perRow, read, signal);
    return Float64Array.from({ length: count * perRow }, (_, at) => {
      const band = from + Math.floor(at / perRow);
      const word = words[(Math.floor(band / perWord) - top) * perRow + (at % perRow)] as number;
      return ((word >>> (bits * (band % perWord))) & (2 ** bits - 1)) - 2 ** (bits - 1);
    });
  }
  if (bitsAcrossColumns !== undefined) {
    const rowBytes = Math.ceil((perRow * bitsAcrossColumns) / 8);
    const stored = await read(tensor, from * rowBytes, count * rowBytes, signal);
    const values = new Float64Array(count * perRow);
    for (let at = 0; at < values.length; at++) {
      const ofRow = stored.subarray(Math.floor(at / perRow) * rowBytes);
      const code = codeAt(ofRow, at % perRow, bitsAcrossColumns);
      values[at] = toValue === undefined ? code : toValue(code);
    }
    return values;
  }
  if (isTransposed === true) {
    const stored = await readColumns(tensor, { from, count, perRow, all }, read, signal);
    return Float64Array.from(
      { length: count * perRow },
      (_, at) => stored[(at % perRow) * count + Math.floor(at / perRow)] as number,
    );
  }
  const values = await readValues(tensor, from * perRow, count * perRow, read, signal);
  return toValue === undefined ? values : values.map(toValue);
}

/** Columns of a grid that is kept columns by rows, a row of it after the other. */
async function readColumns(
  tensor: Tensor,
  { from, count, perRow, all }: Bands,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Float64Array> {
  if (perRow > maxColumnReads) {
    const stored = await readAllValues(tensor, read, signal);
    return Float64Array.from(
      { length: perRow * count },
      (_, at) => stored[Math.floor(at / count) * all + from + (at % count)] as number,
    );
  }
  const parts = await Promise.all(
    Array.from({ length: perRow }, (_, row) => readValues(tensor, row * all + from, count, read, signal)),
  );
  const values = new Float64Array(perRow * count);
  for (const [row, part] of parts.entries()) values.set(part, row * count);
  return values;
}

/** Rows of which a part each is read; of more all is read. */
const maxColumnReads = 1024;
