import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { DiffModel } from "./diffModel";
import { fieldTitles } from "./diffRows";
import { type SortField, sortFields } from "./diffViewState";

interface ColumnProps {
  readonly diff: DiffModel;
  readonly column: number;
  readonly label: string;
}

/** Above what a snapshot's tensors differ in: their layout alone as long as no values were asked for. */
export function DifferenceTitles({ diff, column, label }: ColumnProps) {
  if (diff.state.value.status === "none") {
    return (
      <th scope="col" colSpan={sortFields.length} class="group-start">
        Layout
      </th>
    );
  }
  return (
    <>
      {sortFields.map((field) => (
        <SortTitle key={field} diff={diff} field={field} column={column} label={label} />
      ))}
    </>
  );
}

function SortTitle({ diff, field, column, label }: ColumnProps & { readonly field: SortField }) {
  const { sort } = diff.viewState.value;
  const isActive = sort.by === field && sort.column === column;
  const { short, help } = fieldTitles[field];
  const descending = isActive ? !sort.descending : field !== "cosine";
  return (
    <th
      scope="col"
      class={`metric-title ${field === "relativeL2" ? "group-start" : ""}`}
      aria-sort={isActive ? (sort.descending ? "descending" : "ascending") : "none"}
    >
      <button
        type="button"
        class="sort-button"
        title={help}
        aria-label={safeText(`${short} in ${label}`)}
        onClick={() => diff.change({ sort: { by: field, column, descending } })}
      >
        {short}
        {isActive && <Icon name={sort.descending ? "arrowDown" : "arrowUp"} />}
      </button>
    </th>
  );
}
