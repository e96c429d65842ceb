import { formatCount, plural } from "../../../src/core/text/quantities";
import { formatCell } from "../../../src/core/values/formatValue";
import { maxBlockValues } from "../../../src/core/values/readBlock";
import { pythonNumber } from "../../../src/core/values/sliceCsv";
import type { SliceBlock, TensorSlice } from "../../../src/core/values/tensorSlice";
import type { ValueDtype } from "../../../src/core/values/valueDtype";
import type { TensorPlace } from "../../../src/protocol/numbersCalls";
import type { EditorHost } from "../editorHost";

/** As text of at most 24 characters each they stay below the megabyte of a message. */
export const maxCopiedValues = 40_000;

/**
 * Copies a block as a spreadsheet takes it: tabs and lines, every value with all its digits.
 * @throws Error where the block is too large to be copied.
 */
export async function copySelection(
  host: EditorHost,
  tensor: TensorPlace,
  slice: TensorSlice,
  selection: SliceBlock,
  dtype: ValueDtype,
): Promise<void> {
  const count = selection.rows * selection.columns;
  if (count > maxCopiedValues) {
    throw new Error(`At most ${formatCount(maxCopiedValues)} values can be copied at once.`);
  }
  const lines: string[] = [];
  const rowsAtOnce = Math.max(1, Math.floor(maxBlockValues / selection.columns));
  for (let row = 0; row < selection.rows; row += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, selection.rows - row);
    lines.push(
      ...(await linesOf(host, tensor, slice, { ...selection, row: selection.row + row, rows }, dtype)),
    );
  }
  host.notify("copy", { text: lines.join("\n"), what: plural(count, "value") });
}

/** A row may be longer than a block. */
async function linesOf(
  host: EditorHost,
  tensor: TensorPlace,
  slice: TensorSlice,
  part: SliceBlock,
  dtype: ValueDtype,
): Promise<string[]> {
  const lines = Array.from({ length: part.rows }, (): string[] => []);
  for (let done = 0; done < part.columns; done += maxBlockValues) {
    const columns = Math.min(maxBlockValues, part.columns - done);
    const block = await host.call("values", {
      tensor,
      slice,
      block: { ...part, column: part.column + done, columns },
    });
    const digits = new Map(block.exact);
    for (const [row, line] of lines.entries()) {
      for (let at = row * columns; at < (row + 1) * columns; at++)
        line.push(pythonNumber(formatCell(block, at, digits.get(at), "full", dtype)));
    }
  }
  return lines.map((line) => line.join("\t"));
}
