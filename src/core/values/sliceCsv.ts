import type { FileWriter } from "../bytes/fileSink";
import { UnsupportedDtypeError } from "../tensors/decode";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import type { Tensor } from "../tensors/tensor";
import { formatCell } from "./formatValue";
import { readAnyBlock } from "./readBlock";
import { sliceSize, type TensorSlice } from "./tensorSlice";
import { valueDtype } from "./valueDtype";

/** Values read at once. */
const blockValues = 262_144;

/**
 * Writes a slice as text, a line for each row, every value with all its digits. No titles: `numpy.loadtxt` and
 * spreadsheets read it as it is.
 */
export async function writeSliceCsv(
  tensor: Tensor,
  slice: TensorSlice,
  read: ReadTensorRange,
  writer: FileWriter,
  onRows: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const dtype = valueDtype(tensor.dtype);
  if (dtype === undefined) throw new UnsupportedDtypeError(tensor.dtype);
  const { rows, columns } = sliceSize(tensor.shape, slice);
  const rowsAtOnce = Math.max(1, Math.floor(blockValues / Math.max(1, columns)));
  let at = 0;
  for (let row = 0; row < rows; row += rowsAtOnce) {
    signal?.throwIfAborted();
    const part = { row, column: 0, rows: Math.min(rowsAtOnce, rows - row), columns };
    const block = await readAnyBlock(tensor, slice, part, read, signal);
    const digits = new Map(block.exact);
    const lines = Array.from({ length: part.rows }, (_, line) =>
      Array.from({ length: columns }, (_unused, column) => {
        const cell = line * columns + column;
        return pythonNumber(formatCell(block, cell, digits.get(cell), "full", dtype));
      }).join(","),
    );
    const bytes = new TextEncoder().encode(`${lines.join("\n")}\n`);
    await writer.writeAt(at, bytes);
    at += bytes.length;
    onRows(row + part.rows, rows);
  }
}

/** ∞ is for people; programs know "inf" and "nan". */
export function pythonNumber(text: string): string {
  return text.replaceAll("∞", "inf").replaceAll("NaN", "nan");
}
