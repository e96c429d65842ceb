import { useRef } from "preact/hooks";
import { Icon } from "../icon";
import { NamePrefix } from "../names/nameText";
import type { Column, SortOrder } from "./dataTable";

export interface TableHeaderProps<Id extends string> {
  readonly columns: readonly Column<Id>[];
  readonly tracks: string;
  readonly sort: SortOrder<Id> | undefined;
  readonly onSort: ((sort: SortOrder<Id>) => void) | undefined;
  /** The user goes on to the rows. */
  readonly onLeave: () => void;
}

/** Column titles. All sort buttons together are one tab stop; Left and Right go from one to the next. */
export function TableHeader<Id extends string>({
  columns,
  tracks,
  sort,
  onSort,
  onLeave,
}: TableHeaderProps<Id>) {
  const header = useRef<HTMLDivElement>(null);
  const sortable = columns.filter((column) => column.sortable && onSort !== undefined);
  const tabStop = sortable.find(({ id }) => id === sort?.column) ?? sortable[0];

  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...(header.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    if (event.key === "ArrowRight") buttons[Math.min(buttons.length - 1, at + 1)]?.focus();
    else if (event.key === "ArrowLeft") buttons[Math.max(0, at - 1)]?.focus();
    else if (event.key === "ArrowDown") onLeave();
    else return;
    event.preventDefault();
  };

  return (
    <div class="table-header" role="rowgroup">
      <div
        ref={header}
        class="header-row"
        role="row"
        aria-rowindex={1}
        style={{ gridTemplateColumns: tracks }}
        onKeyDown={onKeyDown}
      >
        {columns.map((column, at) => {
          const sorted =
            sort?.column === column.id ? (sort.descending ? "descending" : "ascending") : undefined;
          return (
            <div
              key={column.id}
              role="columnheader"
              aria-colindex={at + 1}
              aria-sort={sortable.includes(column) ? (sorted ?? "none") : undefined}
              class={`header-cell ${column.align === "end" ? "cell-end" : ""}`}
              title={column.help}
            >
              {sortable.includes(column) ? (
                <button
                  type="button"
                  tabIndex={column === tabStop ? 0 : -1}
                  onClick={() => onSort?.(nextSort(column, sort))}
                >
                  <span class="header-title">{column.title}</span>
                  {sorted !== undefined && <Icon name={sorted === "descending" ? "arrowDown" : "arrowUp"} />}
                </button>
              ) : (
                <span class="header-title">{column.title}</span>
              )}
              <NamePrefix prefix={column.names?.prefix ?? ""} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Text is first wanted from A on, numbers from the largest down; a second click turns it around. */
function nextSort<Id extends string>(column: Column<Id>, sort: SortOrder<Id> | undefined): SortOrder<Id> {
  if (sort?.column === column.id) return { column: column.id, descending: !sort.descending };
  return { column: column.id, descending: column.align === "end" };
}
