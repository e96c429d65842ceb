import { formatCount } from "../../../src/core/text/quantities";
import type { TextTable } from "../../../src/core/text/tableText";
import { CopyButtons, type CopyText } from "./copyButtons";
import type { Column } from "./dataTable";

export interface CopyTableButtonsProps<Id extends string> {
  readonly columns: readonly Column<Id>[];
  readonly count: number;
  readonly onCopy: CopyText;
}

/** What is copied crosses to VS Code as one message, and those should stay well under a megabyte. */
const maxCopiedRows = 5000;

/** Copies the table as it is filtered and sorted. */
export function CopyTableButtons<Id extends string>({ columns, count, onCopy }: CopyTableButtonsProps<Id>) {
  const copied = Math.min(count, maxCopiedRows);
  const rows = count > copied ? `the first ${formatCount(copied)} rows` : `${formatCount(copied)} rows`;
  return (
    <CopyButtons
      what={rows}
      disabled={count === 0}
      copied={() => ({ table: textTable(columns, copied), what: rows })}
      onCopy={onCopy}
    />
  );
}

export function textTable<Id extends string>(columns: readonly Column<Id>[], count: number): TextTable {
  const copied = columns.filter(({ text }) => text !== undefined);
  return {
    headers: copied.map(({ title }) => title),
    rows: Array.from({ length: count }, (_, row) => copied.map(({ text }) => text?.(row) ?? "")),
    alignEnd: new Set(copied.flatMap(({ align }, index) => (align === "end" ? [index] : []))),
  };
}
