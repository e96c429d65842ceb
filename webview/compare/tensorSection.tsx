import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { CompareTensorRow, CompareView } from "../../src/core/lora/compareView";
import { formatCount, plural } from "../../src/core/text/quantities";
import { TextField } from "../ui/controls";
import { Icon } from "../ui/icon";
import { MiddleEllipsis } from "../ui/middleEllipsis";
import { safeText } from "../ui/safeText";
import type { ColumnWidths } from "./columnWidths";
import type { CompareModel } from "./compareModel";
import { useRowWindow } from "./rowWindow";
import { SpacerRows } from "./spacerRows";
import { countByStatus, queryTensors, statusLabel, tensorStatuses } from "./tensorRows";

export interface TensorSectionProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly scroller: RefObject<HTMLElement | null>;
}

/** Snapshots that are no adapters: their tensors aligned by name. */
export function TensorSection({ model, view, widths, scroller }: TensorSectionProps) {
  const { tensorFilter, tensorStatus } = model.place.value;
  const rows = useMemo(
    () => queryTensors(view.tensors, tensorFilter, tensorStatus),
    [view.tensors, tensorFilter, tensorStatus],
  );
  const counts = useMemo(() => countByStatus(view.tensors), [view.tensors]);
  return (
    <section class="compare-section" aria-label="Tensors">
      <div class="compare-section-head">
        <h2 class="section-title">Tensors</h2>
        <div class="toolbar" role="toolbar" aria-label="Tensor table">
          <TextField
            class="compare-filter"
            label="Filter tensors by name"
            placeholder="Filter tensors by words"
            value={tensorFilter}
            onInput={(text) => model.change({ tensorFilter: text })}
            start={<Icon name="search" />}
          />
          <fieldset class="chips" aria-label="Status">
            {tensorStatuses
              .filter(({ id }) => (counts.get(id) ?? 0) > 0)
              .map(({ id, label, help }) => (
                <button
                  key={id}
                  type="button"
                  class="chip"
                  aria-pressed={tensorStatus === id}
                  title={help}
                  onClick={() => model.change({ tensorStatus: tensorStatus === id ? undefined : id })}
                >
                  {label}
                  <span class="dim number">{formatCount(counts.get(id) ?? 0)}</span>
                </button>
              ))}
          </fieldset>
          <span class="dim number" role="status">
            {rows.length === view.tensors.length
              ? plural(rows.length, "tensor")
              : `${formatCount(rows.length)} of ${plural(view.tensors.length, "tensor")}`}
          </span>
        </div>
      </div>
      <TensorTable view={view} rows={rows} widths={widths} scroller={scroller} />
      {rows.length === 0 && <p class="compare-none dim">No tensor matches the filter.</p>}
    </section>
  );
}

interface TensorTableProps {
  readonly view: CompareView;
  readonly rows: readonly CompareTensorRow[];
  readonly widths: ColumnWidths;
  readonly scroller: RefObject<HTMLElement | null>;
}

function TensorTable({ view, rows, widths, scroller }: TensorTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, end } = useRowWindow(scroller, body, rows.length);
  return (
    <table
      class="compare-table tensor-table"
      aria-label="Tensors"
      aria-rowcount={rows.length + 1}
      style={{ width: `${widths.total}px` }}
    >
      <colgroup>
        <col style={{ width: `${widths.name}px` }} />
        {view.columns.map(({ path }, at) => (
          <col key={path} style={{ width: `${widths.snapshots[at]}px` }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          <th scope="col" class="name-cell">
            Tensor
          </th>
          {view.columns.map(({ path, label }) => (
            <th key={path} scope="col" class="snapshot-title" aria-label={safeText(label)}>
              <MiddleEllipsis text={label} tail={14} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <SpacerRows rows={first} />
        {rows.slice(first, end).map((row, index) => (
          <tr key={row.name} aria-rowindex={first + index + 2}>
            <th
              scope="row"
              class="name-cell"
              aria-label={safeText(`${row.name}, ${statusLabel(row.status)}`)}
            >
              <span class="tensor-name">
                <MiddleEllipsis text={row.name} class="mono" />
                {row.status !== "same layout" && <span class="tensor-status">{statusLabel(row.status)}</span>}
              </span>
            </th>
            {row.cells.map((cell, at) => (
              <td
                key={view.columns[at]?.path}
                class={`group-start ${cell !== null && at > 0 && cell === row.cells[0] ? "dim" : ""} ${cell === null ? "absent" : ""}`}
              >
                {cell === null ? absence(view, at) : safeText(cell)}
              </td>
            ))}
          </tr>
        ))}
        <SpacerRows rows={rows.length - end} />
      </tbody>
    </table>
  );
}

function absence({ columns }: CompareView, at: number): string {
  return columns[at]?.failure === undefined ? "not there" : "unreadable";
}
