import { formatCount } from "../../src/core/text/quantities";
import { type TextTable, toCsv, toMarkdown } from "../../src/core/text/tableText";
import { Button } from "./controls";
import type { Column } from "./dataTable";

export interface CopyTableButtonsProps<Id extends string> {
  readonly columns: readonly Column<Id>[];
  readonly count: number;
  readonly onCopy: (text: string, what: string) => void;
}

/** What is copied crosses to VS Code as one message, and those should stay well under a megabyte. */
const maxCopiedRows = 5000;

/** Copies the table as it is filtered and sorted. */
export function CopyTableButtons<Id extends string>({ columns, count, onCopy }: CopyTableButtonsProps<Id>) {
  const copied = Math.min(count, maxCopiedRows);
  const rows = count > copied ? `the first ${formatCount(copied)} rows` : `${formatCount(copied)} rows`;
  return (
    <span class="copy-table">
      <Button
        look="icon"
        icon="copy"
        label={`Copy ${rows} as Markdown`}
        disabled={count === 0}
        onClick={() => onCopy(toMarkdown(textTable(columns, copied)), `${rows} as Markdown`)}
      >
        Markdown
      </Button>
      <Button
        look="icon"
        icon="copy"
        label={`Copy ${rows} as CSV`}
        disabled={count === 0}
        onClick={() => onCopy(toCsv(textTable(columns, copied)), `${rows} as CSV`)}
      >
        CSV
      </Button>
    </span>
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
