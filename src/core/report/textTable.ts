import { printable } from "../text/printable";

/** A name longer than this is hostile or a mistake; the longest real one seen has 180 characters. */
const maxCellLength = 240;
/** Cells are padded up to here; a longer one pushes its own line alone to the right. */
const maxPaddedLength = 100;

/** The lines of a table with aligned columns; columns of numbers to the right. For terminals. */
export function* tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Generator<string> {
  const cells = rows.map((row) => row.map(cellText));
  const widths = header.map((title) => title.length);
  const right = header.map(() => rows.length > 0);
  for (const row of cells) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, Math.min(cell.length, maxPaddedLength));
      // What stands first are names, and those of nn.Sequential begin with a number.
      if (!isNumeric(cell) || (column === 0 && /[a-z_]/i.test(cell))) right[column] = false;
    }
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  yield line(header.map(cellText));
  for (const row of cells) yield line(row);
}

/** The same in one text, for tables whose rows are few. */
export function plainTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [...tableLines(header, rows)].join("\n");
}

/** A longer text is cut, and says how much of it is missing. */
function cellText(text: string): string {
  if (text.length <= maxCellLength) return printable(text);
  const missing = text.length - maxCellLength;
  return `${printable(text.slice(0, maxCellLength))}… (${missing.toLocaleString("en")} more characters)`;
}

function isNumeric(cell: string): boolean {
  return cell === "" || cell === "-" || /^[-∞\d]/.test(cell) || cell === "NaN";
}
