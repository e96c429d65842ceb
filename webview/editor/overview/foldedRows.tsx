import type { ComponentChildren } from "preact";
import { Section } from "../../ui/section";
import { KeyValueTable } from "../../ui/tables/keyValueTable";
import type { EditorModel } from "../editorModel";

interface FoldedRowsProps {
  readonly model: EditorModel;
  readonly title: string;
  readonly note: string;
  readonly rows: readonly (readonly [key: string, value: string])[];
  readonly children?: ComponentChildren;
  /** Open at first, however long. */
  readonly opened?: boolean;
}

/** A long table would push everything below it out of sight. */
const openedRows = 12;

/** A table that is folded where it is long, and as the user left it. */
export function FoldedRows({ model, title, note, rows, children, opened = false }: FoldedRowsProps) {
  const open = model.isSectionToggled(title) !== (opened || rows.length <= openedRows);
  return (
    <Section title={title} note={note} open={open} onToggle={() => model.toggleSection(title)}>
      <KeyValueTable label={title} rows={rows} />
      {children}
    </Section>
  );
}
