import type { Problem } from "../../src/core/problem/problem";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";

const labels = { error: "Error", warning: "Warning", info: "Note" } as const;

/** Sentences about a plan or a result, each with how much it matters. */
export function NoteList({ notes }: { readonly notes: readonly Problem[] }) {
  return (
    <ul class="make-notes">
      {notes.map(({ severity, code, message }, at) => (
        <li key={`${at} ${code}`}>
          <Icon name={severity} class={severity} label={labels[severity]} />
          <span>{safeText(message)}</span>
        </li>
      ))}
    </ul>
  );
}
