import { useMemo } from "preact/hooks";
import type { CompareCell, CompareModuleRow, SnapshotColumn } from "../../src/core/lora/compareView";
import { MiddleEllipsis } from "../ui/middleEllipsis";
import { safeText } from "../ui/safeText";
import { metricsAt } from "./columnWidths";
import { formatMetric } from "./compareFormat";
import { type HeatScale, isAgainstFirst, type MetricId, metricOf } from "./moduleRows";

export interface ModuleRowProps {
  readonly row: CompareModuleRow;
  readonly index: number;
  /** Said once in the header and left out here. */
  readonly prefix: string;
  readonly columns: readonly SnapshotColumn[];
  readonly metrics: readonly MetricId[];
  readonly heat: HeatScale | undefined;
  readonly selected: boolean;
  readonly tabStop: boolean;
}

/** Scrolling draws the table again; a row in which nothing changed gives the same node and is passed over. */
export function ModuleRow(props: ModuleRowProps) {
  const { row, index, prefix, columns, metrics, heat, selected, tabStop } = props;
  return useMemo(() => drawRow(props), [row, index, prefix, columns, metrics, heat, selected, tabStop]);
}

function drawRow({ row, index, prefix, columns, metrics, heat, selected, tabStop }: ModuleRowProps) {
  return (
    <tr
      data-row={index}
      class={selected ? "selected" : ""}
      aria-rowindex={index + 3}
      aria-current={selected ? "true" : undefined}
    >
      <th scope="row" class="name-cell">
        <button
          type="button"
          class="module-name mono"
          aria-label={safeText(row.module)}
          title={safeText(row.module)}
          aria-pressed={selected}
          tabIndex={tabStop ? 0 : -1}
        >
          {prefix !== "" && <span class="dim">…</span>}
          <MiddleEllipsis text={row.module.slice(prefix.length)} tail={prefix === "" ? 24 : 14} />
        </button>
      </th>
      {columns.map((column, at) => {
        const shown = metricsAt(at, metrics);
        const cell = row.cells[at];
        if (column.failure !== undefined || !cell) {
          return (
            <td key={column.path} class="group-start absent" colSpan={Math.max(1, shown.length)}>
              {column.failure === undefined ? "not adapted" : "unreadable"}
            </td>
          );
        }
        if (shown.length === 0) return <td key={column.path} class="group-start" />;
        return shown.map((metric, place) => (
          <MetricCell
            key={`${column.path} ${metric}`}
            cell={cell}
            metric={metric}
            first={place === 0}
            isNew={row.cells[0] === null && columns[0]?.failure === undefined}
            heat={heat}
          />
        ));
      })}
    </tr>
  );
}

interface MetricCellProps {
  readonly cell: CompareCell;
  readonly metric: MetricId;
  readonly first: boolean;
  /** The first snapshot does not adapt the module. */
  readonly isNew: boolean;
  readonly heat: HeatScale | undefined;
}

function MetricCell({ cell, metric, first, isNew, heat }: MetricCellProps) {
  const value = metricOf(cell, metric);
  const start = first ? "group-start" : "";
  if (value === undefined) {
    const reason = cell.unavailable;
    if (isNew && isAgainstFirst(metric))
      return <td class={`${start} absent`}>{metric === "relativeChange" ? "added" : "–"}</td>;
    return (
      <td class={`${start} absent`} title={reason === undefined ? undefined : safeText(reason)}>
        {reason === undefined ? "–" : "n/a"}
      </td>
    );
  }
  const share = heat?.(metric, value) ?? 0;
  return (
    <td
      class={`${start} ${share > 0 ? "heat" : ""}`}
      style={share > 0 ? { "--heat": share.toFixed(3) } : undefined}
    >
      {formatMetric(metric, value)}
    </td>
  );
}
