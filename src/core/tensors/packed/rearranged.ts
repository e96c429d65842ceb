import { changeText, type GgufChange } from "../../names/ggufNames";
import { maxGatherBytes } from "../../problem/limits";
import type { ReadTensorRange } from "../readTensorRange";
import { readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { ggmlWeight } from "./ggml";
import { type PackedWeight, rowsOf } from "./packedWeight";
import { unpackedTensor } from "./unpackedTensor";

/** Rows that are read for one that is wanted, at most; a few more are read at the edges. */
const maxSpread = 4;
const edgeRows = 256;

/**
 * A tensor of a GGUF file as transformers keeps it, with what the converter did undone. Undefined where its shape does
 * not fit that.
 */
export function asBeforeConversion(tensor: Tensor, name: string, change: GgufChange): Tensor | undefined {
  const stored = rowsOfStored(tensor);
  if (stored === undefined) return undefined;
  const weight = undo(tensor, change, stored);
  if (weight === undefined) return undefined;
  const scheme = `${tensor.dtype}, ${changeText(change)}`;
  // What is turned is held whole: each thread would hold it.
  const madeBy = change.kind === "transposed" ? {} : { madeBy: { undone: change } };
  return unpackedTensor(tensor, { name, scheme, stored: [tensor], ...madeBy, ...weight });
}

type ReadRows = PackedWeight["readRows"];

/** Reads rows of the tensor as it is stored; of a vector each value is a row. */
function rowsOfStored(tensor: Tensor): { readonly columns: number; readonly readRows: ReadRows } | undefined {
  const { shape, dtype } = tensor;
  const columns = shape.length < 2 ? 1 : rowsOf(shape).columns;
  const blocks = shape.length < 2 ? undefined : ggmlWeight(tensor);
  if (blocks !== undefined) return { columns, readRows: blocks.readRows };
  if (!["F32", "F16", "BF16", "F64"].includes(dtype)) return undefined;
  return {
    columns,
    readRows: async (first, rows, read, signal) =>
      Float32Array.from(await readValues(tensor, first * columns, rows * columns, read, signal)),
  };
}

function undo(
  { shape }: Tensor,
  change: GgufChange,
  { columns, readRows }: { readonly columns: number; readonly readRows: ReadRows },
): Pick<PackedWeight, "shape" | "readRows"> | undefined {
  const rows = elementCount(shape) / columns;
  switch (change.kind) {
    case "heads-interleaved": {
      const size = rows / change.heads;
      if (!Number.isInteger(size / 2)) return undefined;
      return inOrder(shape, columns, readRows, (row) => {
        const within = row % size;
        return row - within + 2 * (within % (size / 2)) + Math.floor((2 * within) / size);
      });
    }
    case "qkv-apart": {
      const { heads, keyHeads } = change;
      const size = rows / (heads + 2 * keyHeads);
      const queries = heads / keyHeads;
      if (!Number.isInteger(size) || !Number.isInteger(queries)) return undefined;
      return inOrder(shape, columns, readRows, (row) => {
        const head = Math.floor(row / size);
        const group = Math.floor(head / (queries + 2));
        const at = head % (queries + 2);
        const before = at < queries ? group * queries + at : heads + (at - queries) * keyHeads + group;
        return before * size + (row % size);
      });
    }
    case "plus-one":
      return inOrder(
        shape,
        columns,
        async (...range) => (await readRows(...range)).map((value) => value - 1),
        (row) => row,
      );
    case "transposed":
      return shape.length === 2 && elementCount(shape) * 4 <= maxGatherBytes
        ? transposed(shape, readRows)
        : undefined;
  }
}

/** The same rows in another order. A vector is one row to who reads it. */
function inOrder(
  shape: readonly number[],
  columns: number,
  readRows: ReadRows,
  sourceRow: (row: number) => number,
): Pick<PackedWeight, "shape" | "readRows"> {
  const take = async (
    first: number,
    rows: number,
    read: ReadTensorRange,
    signal?: AbortSignal,
  ): Promise<Float32Array> => {
    const sources = Array.from({ length: rows }, (_, at) => sourceRow(first + at));
    const [low, high] = [minimum(sources), -minimum(sources.map((row) => -row))];
    if (rows > 1 && high - low + 1 > maxSpread * rows + edgeRows) {
      const half = rows >>> 1;
      const values = new Float32Array(rows * columns);
      values.set(await take(first, half, read, signal));
      values.set(await take(first + half, rows - half, read, signal), half * columns);
      return values;
    }
    const stored = await readRows(low, rows === 0 ? 0 : high - low + 1, read, signal);
    const values = new Float32Array(rows * columns);
    for (const [at, row] of sources.entries())
      values.set(stored.subarray((row - low) * columns, (row - low + 1) * columns), at * columns);
    return values;
  };
  const isVector = shape.length < 2;
  return {
    shape,
    readRows: (first, rows, read, signal) =>
      isVector
        ? take(0, rows === 0 ? 0 : elementCount(shape), read, signal)
        : take(first, rows, read, signal),
  };
}

function minimum(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

/** Held whole: each row is a column of what is stored. */
function transposed(shape: readonly number[], readRows: ReadRows): Pick<PackedWeight, "shape" | "readRows"> {
  const [storedRows = 0, rows = 0] = shape;
  let held: Promise<Float32Array> | undefined;
  return {
    shape: [rows, storedRows],
    async readRows(first, count, read, signal) {
      held ??= readRows(0, storedRows, read, signal).catch((error: unknown) => {
        held = undefined;
        throw error;
      });
      const stored = await held;
      return Float32Array.from(
        { length: count * storedRows },
        (_, at) => stored[(at % storedRows) * rows + first + Math.floor(at / storedRows)] as number,
      );
    },
  };
}
