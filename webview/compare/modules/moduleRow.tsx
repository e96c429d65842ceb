import { useMemo } from "preact/hooks";
import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import type { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import { metricsAt } from "../columnWidths";
import { decimalsOf } from "../compareFormat";
import { formatMetric, type ModuleLine, metricOf } from "../compareMetrics";
import { absenceOf, type HeatScale } from "./moduleRows";

export interface ModuleRowProps {
  readonly view: CompareView;
  readonly row: ModuleLine;
  readonly index: number;
  readonly names: NameColumn;
  /** In characters. */
  readonly nameRoom: number;
  readonly metrics: readonly CompareMetric[];
  /** The most digits after the point of each metric, for which room is left, so that the points line up. */
  readonly decimals: ReadonlyMap<CompareMetric, number>;
  readonly heat: HeatScale | undefined;
  readonly selected: boolean;
  readonly tabStop: boolean;
}

/** Scrolling draws the table again; a row in which nothing changed gives the same node and is passed over. */
export function ModuleRow(props: ModuleRowProps) {
  const { view, row, index, names, metrics, decimals, heat, selected, tabStop } = props;
  return useMemo(
    () => drawRow(props),
    [view, row, index, names, props.nameRoom, metrics, decimals, heat, selected, tabStop],
  );
}

function drawRow(props: ModuleRowProps) {
  const { view, row, index, metrics, selected, tabStop } = props;
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
          <NameText names={props.names} name={row.module} room={props.nameRoom} />
        </button>
      </th>
      {view.columns.map((column, at) => {
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
        return shown.map((metric, viewState) => (
          <MetricCell
            key={`${column.path} ${metric}`}
            row={props}
            column={at}
            metric={metric}
            first={viewState === 0}
          />
        ));
      })}
    </tr>
  );
}

interface MetricCellProps {
  readonly row: ModuleRowProps;
  readonly column: number;
  readonly metric: CompareMetric;
  readonly first: boolean;
}

function MetricCell({ row: { view, row, decimals, heat }, column, metric, first }: MetricCellProps) {
  const value = metricOf(view, row, column, metric);
  const start = first ? "group-start" : "";
  if (value === undefined) {
    const reason = row.cells[column]?.unavailable;
    const absence = absenceOf(row, column, metric);
    const text =
      absence === undefined ? (reason === undefined ? "–" : "n/a") : metric === "change" ? absence : "–";
    return (
      <td class={`${start} absent`} title={reason === undefined ? undefined : safeText(reason)}>
        {text}
      </td>
    );
  }
  const share = heat?.(metric, value) ?? 0;
  const text = formatMetric(metric, value);
  const missing = Math.max(0, (decimals.get(metric) ?? 0) - decimalsOf(text));
  const classes = [start, share > 0 ? "heat" : "", missing > 0 ? "fewer-decimals" : ""];
  return (
    <td
      class={classes.join(" ")}
      style={{
        ...(share > 0 ? { "--heat": share.toFixed(3) } : {}),
        ...(missing > 0 ? { "--missing": `${missing + (text.includes(".") ? 0 : pointWidth)}ch` } : {}),
      }}
    >
      {text}
    </td>
  );
}

/** The point itself takes about half a digit. */
const pointWidth = 0.45;
