import { useMemo, useState } from "preact/hooks";
import type { RunProgress } from "../../src/core/runs/series/runProgress";
import { columnFormat } from "../../src/core/text/columnFormat";
import { formatCount } from "../../src/core/text/quantities";
import type { RunEntry } from "../../src/protocol/runSurface";
import { chartTheme } from "../charts/chartTheme";
import { Swatch } from "../charts/legend";
import type { DrawnRun } from "../training/chartPlans";
import type { ChangeViewState, TrainingViewState } from "../training/trainingViewState";
import { Button, Dropdown, TextField } from "../ui/controls";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { CopyTableButtons } from "../ui/tables/copyTableButtons";
import { type Column, DataTable, type SortOrder } from "../ui/tables/dataTable";
import { rowHeight } from "../ui/tables/rowHeight";
import { useClock } from "./clock";
import { progressText } from "./progressText";
import type { RunHost } from "./runModel";
import { bestOf, commonStep, type SummaryMetric, sortedRows, summaryMetrics } from "./runSummary";
import { questionKey, useValuesAt } from "./valuesAt";

export interface RunTableProps {
  readonly host: RunHost;
  readonly entries: readonly RunEntry[];
  readonly runs: readonly DrawnRun[];
  readonly progress: ReadonlyMap<string, RunProgress>;
  readonly clockAheadMs: number;
  readonly viewState: TrainingViewState;
  readonly change: ChangeViewState;
  readonly onCopy: (text: string, what: string) => void;
}

const noMetric = "";

interface SummaryColumn extends Column {
  readonly sortValue?: (row: number) => number | string | undefined;
}

/** The runs beside each other in numbers, which is the legend of the charts too. */
export function RunTable(props: RunTableProps) {
  const { host, entries, runs, viewState, change, onCopy } = props;
  const [sort, setSort] = useState<SortOrder>();
  const [selected, setSelected] = useState<string>();
  const [chosen, setChosen] = useState(noMetric);
  const [wanted, setWanted] = useState("");
  const metrics = useMemo(
    () => summaryMetrics(runs, chosen === noMetric ? undefined : chosen),
    [runs, chosen],
  );
  const common = commonStep(runs);
  const typed = Number(wanted.replaceAll(",", ""));
  const step = wanted.trim() === "" || Number.isNaN(typed) ? common : typed;
  const questions = useMemo(
    () =>
      step === undefined
        ? []
        : metrics.flatMap(({ key, heads }) => [...heads.keys()].map((run) => ({ run, key, step }))),
    [metrics, step],
  );
  const values = useValuesAt(host, questions, runs);
  const now = useClock(props.clockAheadMs);

  const columns: SummaryColumn[] = [
    runColumn(entries, viewState, change),
    ...stateColumns(entries, props.progress, now),
    ...metrics.flatMap((metric, at) =>
      metricColumns(metric, entries, step, values, at === metrics.length - 1),
    ),
    {
      id: "remove",
      title: "",
      width: "24px",
      cell: (row) => {
        const entry = entries[row];
        return (
          entry !== undefined && (
            <Button
              look="icon"
              label={`Remove ${safeText(entry.name)} from this page`}
              onClick={() => host.notify("removeRun", { run: entry.id })}
            >
              <Icon name="close" />
            </Button>
          )
        );
      },
    },
  ];
  const sorted = columns.find(({ id }) => id === sort?.column)?.sortValue;
  const order =
    sorted === undefined
      ? entries.map((_, row) => row)
      : sortedRows(
          entries.map((_, row) => sorted(row)),
          sort?.descending === true,
        );
  const inOrder = columns.map((column) => ({
    ...column,
    sortable: column.sortValue !== undefined,
    cell: (row: number) => column.cell(order[row] ?? row, Number.POSITIVE_INFINITY),
    ...(column.text === undefined ? {} : { text: (row: number) => column.text?.(order[row] ?? row) ?? "" }),
  }));
  const others = useMemo(() => otherMetrics(runs, metrics), [runs, metrics]);

  return (
    <div class="run-table">
      <div class="toolbar">
        <TextField
          class="run-table-step"
          label="Values at step"
          placeholder={common === undefined ? "Step" : `Step ${formatCount(common)}`}
          value={wanted}
          onInput={setWanted}
        />
        <Dropdown
          class="run-table-metric"
          label="Another metric"
          value={chosen}
          options={[
            { value: noMetric, label: "Another metric…" },
            ...others.map((key) => ({ value: key, label: safeText(key) })),
          ]}
          onChange={setChosen}
        />
        <CopyTableButtons columns={inOrder} count={entries.length} onCopy={onCopy} />
      </div>
      <div style={{ height: `${(Math.min(entries.length, mostRows) + 1) * rowHeight + 16}px` }}>
        <DataTable
          label="Runs"
          columns={inOrder}
          count={entries.length}
          rowKey={(row) => entries[order[row] ?? row]?.id ?? row}
          sort={sort}
          onSort={setSort}
          selected={indexOf(selected, entries, order)}
          onSelect={(row) => setSelected(entries[order[row] ?? row]?.id)}
          rowClass={(row) =>
            viewState.hiddenRuns.includes(entries[order[row] ?? row]?.id ?? "") ? "run-hidden" : undefined
          }
        />
      </div>
    </div>
  );
}

const mostRows = 10;

/** Which run is best is told last by its best evaluation loss. */
const givesWay = { at: 5, step: 4, state: 3, last: 2, best: 1 } as const;

function indexOf(
  selected: string | undefined,
  entries: readonly RunEntry[],
  order: readonly number[],
): number | undefined {
  const row = order.findIndex((at) => entries[at]?.id === selected);
  return row < 0 ? undefined : row;
}

function runColumn(
  entries: readonly RunEntry[],
  viewState: TrainingViewState,
  change: ChangeViewState,
): SummaryColumn {
  const { hiddenRuns } = viewState;
  const toggle = (id: string) =>
    change({
      hiddenRuns: hiddenRuns.includes(id) ? hiddenRuns.filter((run) => run !== id) : [...hiddenRuns, id],
    });
  return {
    id: "run",
    title: "Run",
    width: "minmax(160px, 1fr)",
    cell: (row) => {
      const entry = entries[row];
      if (entry === undefined) return null;
      const isHidden = hiddenRuns.includes(entry.id);
      return (
        <button
          type="button"
          class="legend-item"
          aria-pressed={!isHidden}
          title={`${safeText(entry.path)}\n${isHidden ? "Show its lines" : "Hide its lines"}`}
          onClick={() => toggle(entry.id)}
        >
          <RunSwatch style={entry.style} />
          <span class="ellipsis">{safeText(entry.name)}</span>
        </button>
      );
    },
    text: (row) => entries[row]?.name ?? "",
    sortValue: (row) => entries[row]?.name,
  };
}

/** The run's colour, dash and shape, as the charts have it. */
function RunSwatch({ style }: { readonly style: number }) {
  const none = new Float64Array();
  return <Swatch series={{ key: "", label: "", x: none, y: none, style }} theme={chartTheme().value} />;
}

function stateColumns(
  entries: readonly RunEntry[],
  progress: ReadonlyMap<string, RunProgress>,
  now: number,
): SummaryColumn[] {
  const textOf = (row: number) => {
    const of = progress.get(entries[row]?.id ?? "");
    return of === undefined ? undefined : progressText(of, now);
  };
  return [
    {
      id: "state",
      title: "State",
      width: "72px",
      givesWay: givesWay.state,
      cell: (row) => {
        const content = entries[row]?.content;
        if (content?.status === "reading") return <span class="dim">reading…</span>;
        if (content?.status === "failed") {
          return (
            <span class="error" title={safeText(content.problem.message)}>
              {safeText(content.problem.message)}
            </span>
          );
        }
        const text = textOf(row);
        return (
          text !== undefined && (
            <span
              class={`run-state run-state-${text.activity}`}
              title={[text.reason, ...text.facts].join("\n")}
            >
              {text.state}
            </span>
          )
        );
      },
      text: (row) => textOf(row)?.state ?? "",
      sortValue: (row) => textOf(row)?.state,
    },
    {
      id: "step",
      title: "Step",
      width: "64px",
      givesWay: givesWay.step,
      align: "end",
      cell: (row) => {
        const step = progress.get(entries[row]?.id ?? "")?.step;
        return step === undefined ? "" : <span title={textOf(row)?.step}>{formatCount(step)}</span>;
      },
      text: (row) => String(progress.get(entries[row]?.id ?? "")?.step ?? ""),
      sortValue: (row) => progress.get(entries[row]?.id ?? "")?.step,
    },
  ];
}

function metricColumns(
  metric: SummaryMetric,
  entries: readonly RunEntry[],
  step: number | undefined,
  values: ReadonlyMap<string, number>,
  isLast: boolean,
): SummaryColumn[] {
  const { key, label, end, heads } = metric;
  const points = [...heads.values()].flatMap(({ lowest, highest }) => [lowest?.value, highest?.value]);
  const finite = points.filter((value) => value !== undefined);
  const format = columnFormat(Math.min(...finite), Math.max(...finite), 5);
  const idOf = (row: number) => entries[row]?.id ?? "";
  const name = safeText(label);
  const column = (
    id: string,
    title: string,
    help: string,
    numberIn: (row: number) => number | undefined,
  ): SummaryColumn => ({
    id: `${key} ${id}`,
    title,
    help,
    width: "84px",
    align: "end",
    cell: (row) => {
      const value = numberIn(row);
      return value === undefined ? <span class="dim">–</span> : format(value);
    },
    text: (row) => String(numberIn(row) ?? ""),
    sortValue: numberIn,
  });
  const best = column(
    "best",
    `${name}, ${end}`,
    `The ${end} value of ${name}, and its step`,
    (row) => bestOf(metric, idOf(row))?.value,
  );
  const ends = entries.flatMap((_, row) => bestOf(metric, idOf(row))?.value ?? []);
  const bestOfAll = end === "lowest" ? Math.min(...ends) : Math.max(...ends);
  return [
    {
      ...column("last", name, `The last value of ${name}`, (row) => heads.get(idOf(row))?.last),
      givesWay: givesWay.last,
    },
    {
      ...best,
      width: "136px",
      ...(isLast ? {} : { givesWay: givesWay.best }),
      cell: (row) => {
        const point = bestOf(metric, idOf(row));
        const isBest = entries.length > 1 && point?.value === bestOfAll;
        return (
          <>
            {isBest ? (
              <span class="strong" title={`The ${end} of these runs`}>
                {best.cell(row, Number.POSITIVE_INFINITY)}
              </span>
            ) : (
              best.cell(row, Number.POSITIVE_INFINITY)
            )}
            {point !== undefined && <span class="dim best-step">{`at ${formatCount(point.step)}`}</span>}
          </>
        );
      },
    },
    ...(step === undefined
      ? []
      : [
          {
            givesWay: givesWay.at,
            ...column(
              "at",
              `at ${formatCount(step)}`,
              `${name}, logged last at or before step ${formatCount(step)}`,
              (row) => {
                const head = heads.get(idOf(row));
                if (head === undefined || step < head.firstStep) return undefined;
                return values.get(questionKey({ run: idOf(row), key, step }));
              },
            ),
          },
        ]),
  ];
}

function otherMetrics(runs: readonly DrawnRun[], shown: readonly SummaryMetric[]): string[] {
  const losses = new Set(shown.slice(0, 2).map(({ key }) => key));
  const keys = new Set(runs.flatMap(({ head }) => head.metrics.map(({ key }) => key)));
  return [...keys].filter((key) => !losses.has(key)).slice(0, 500);
}
