import { type TextTable, toCsv, toMarkdown } from "../../../src/core/text/tableText";
import { Button } from "../controls";

export type CopyFormat = "Markdown" | "CSV";

/** Hands text over to be copied, with what it is in words. */
export type CopyText = (text: string, what: string) => void;

export interface CopiedTable {
  readonly table: TextTable;
  /** e.g. "304 tensors" */
  readonly what: string;
}

export interface CopyButtonsProps {
  /** e.g. "the module table" */
  readonly what: string;
  readonly copied: (format: CopyFormat) => CopiedTable;
  readonly disabled?: boolean;
  readonly onCopy: CopyText;
}

/** Copies a table as text: for a chat or an issue as Markdown, for a spreadsheet as CSV. */
export function CopyButtons({ what, copied, disabled = false, onCopy }: CopyButtonsProps) {
  return (
    <span class="copy-table">
      {(["Markdown", "CSV"] as const).map((format) => (
        <Button
          key={format}
          look="icon"
          icon="copy"
          label={`Copy ${what} as ${format}`}
          disabled={disabled}
          onClick={() => {
            const { table, what: inWords } = copied(format);
            onCopy(format === "CSV" ? toCsv(table) : toMarkdown(table), `${inWords} as ${format}`);
          }}
        >
          {format}
        </Button>
      ))}
    </span>
  );
}
