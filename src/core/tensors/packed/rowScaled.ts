import type { ReadTensorRange } from "../readTensorRange";
import { readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { codeAt, type PackedWeight, rowsOf } from "./packedWeight";

/** Numbers that each stand for a rectangle of a weight: its scales, its zero points or its minima. */
export interface Grid {
  readonly tensor: Tensor;
  /** What a number of the grid becomes; as it is where not said. */
  readonly toValue?: (stored: number) => number;
  /** So many bits of a word are a number with half of its range added, those of rows below it in higher bits. */
  readonly bitsAcrossRows?: number;
}

/** How the codes of a weight become values. */
export interface RowScaling {
  readonly name: string;
  readonly scheme: string;
  readonly shape: readonly number[];
  readonly codes: Tensor;
  /** What each code of so many bits stands for; undefined where the stored numbers are plain ones. */
  readonly packed?: { readonly bits: number; readonly rowBytes: number; readonly levels: Float64Array };
  readonly scales: Grid;
  readonly offsets?: Grid;
  /** Rows and columns that share a number of the grid. */
  readonly block: readonly [rows: number, columns: number];
  readonly combine: (code: number, scale: number, offset: number) => number;
  readonly others?: readonly Tensor[];
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

/** A weight whose rows are stored one after the other, with scales for rectangles of it. */
export function rowScaled(how: RowScaling): PackedWeight {
  const { columns } = rowsOf(how.shape);
  const { name, scheme, shape, scales, offsets, codes, others = [] } = how;
  return {
    name,
    scheme,
    shape,
    stored: [codes, scales.tensor, ...(offsets === undefined ? [] : [offsets.tensor]), ...others],
    async readRows(first, rows, read, signal) {
      const [height, width] = how.block;
      const perRow = Math.ceil(columns / width);
      const isTabled = how.packed?.bits === 4 && width >= 16;
      const [stored, scale, offset] = await Promise.all([
        isTabled
          ? read(codes, first * how.packed.rowBytes, rows * how.packed.rowBytes, signal)
          : readCodes(how, columns, first, rows, read, signal),
        readGrid(scales, first, rows, height, perRow, read, signal),
        offsets === undefined ? undefined : readGrid(offsets, first, rows, height, perRow, read, signal),
      ]);
      const values = new Float32Array(rows * columns);
      const firstBand = Math.floor(first / height);
      for (let row = 0, at = 0; row < rows; row++) {
        const band = (Math.floor((first + row) / height) - firstBand) * perRow;
        if (isTabled) {
          const rowBytes = stored.subarray(row * how.packed.rowBytes, (row + 1) * how.packed.rowBytes);
          tabledRow(how, rowBytes, scale, offset, band, values.subarray(row * columns, (row + 1) * columns));
          continue;
        }
        for (let column = 0; column < columns; column++, at++) {
          const cell = band + Math.floor(column / width);
          values[at] = how.combine(stored[at] as number, scale[cell] as number, offset?.[cell] ?? 0);
        }
      }
      return values;
    },
  };
}

const table = new Float32Array(16);

/** Codes of 4 bits: what each stands for is computed once for all that share a scale. */
function tabledRow(
  { packed, block, combine }: RowScaling,
  codes: Uint8Array | Float64Array,
  scales: Float64Array,
  offsets: Float64Array | undefined,
  band: number,
  values: Float32Array,
): void {
  const [, width] = block;
  for (let from = 0, cell = band; from < values.length; from += width, cell++) {
    for (let code = 0; code < 16; code++)
      table[code] = combine(packed?.levels[code] as number, scales[cell] as number, offsets?.[cell] ?? 0);
    const end = Math.min(values.length, from + width);
    for (let column = from; column < end; column++) {
      const byte = codes[column >>> 1] as number;
      values[column] = table[(column & 1) === 0 ? byte & 15 : byte >>> 4] as number;
    }
  }
}

async function readCodes(
  { codes, packed }: RowScaling,
  columns: number,
  first: number,
  rows: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Float64Array> {
  if (packed === undefined) return readValues(codes, first * columns, rows * columns, read, signal);
  const { bits, rowBytes, levels } = packed;
  const bytes = await read(codes, first * rowBytes, rows * rowBytes, signal);
  const values = new Float64Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) {
    const ofRow = bytes.subarray(row * rowBytes, (row + 1) * rowBytes);
    for (let column = 0; column < columns; column++, at++)
      values[at] = levels[codeAt(ofRow, column, bits)] as number;
  }
  return values;
}

async function readGrid(
  { tensor, toValue, bitsAcrossRows: bits }: Grid,
  first: number,
  rows: number,
  height: number,
  perRow: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const from = Math.floor(first / height);
  const bands = Math.ceil((first + rows) / height) - from;
  if (bits !== undefined) {
    const perWord = 32 / bits;
    const top = Math.floor(from / perWord);
    const wordRows = Math.ceil((from + bands) / perWord) - top;
    const words = await readValues(tensor, top * perRow, wordRows * perRow, read, signal);
    return Float64Array.from({ length: bands * perRow }, (_, at) => {
      const band = from + Math.floor(at / perRow);
      const word = words[(Math.floor(band / perWord) - top) * perRow + (at % perRow)] as number;
      return ((word >>> (bits * (band % perWord))) & (2 ** bits - 1)) - 2 ** (bits - 1);
    });
  }
  const values = await readValues(tensor, from * perRow, bands * perRow, read, signal);
  return toValue === undefined ? values : values.map(toValue);
}
