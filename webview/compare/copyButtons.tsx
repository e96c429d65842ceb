import { Button } from "../ui/controls";

export interface CopyButtonsProps {
  /** e.g. "the module table" */
  readonly what: string;
  readonly onCopy: (format: "Markdown" | "CSV") => void;
}

export function CopyButtons({ what, onCopy }: CopyButtonsProps) {
  return (
    <span class="copy-table">
      <Button look="icon" icon="copy" label={`Copy ${what} as Markdown`} onClick={() => onCopy("Markdown")}>
        Markdown
      </Button>
      <Button look="icon" icon="copy" label={`Copy ${what} as CSV`} onClick={() => onCopy("CSV")}>
        CSV
      </Button>
    </span>
  );
}
