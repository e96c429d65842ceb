import { useMemo } from "preact/hooks";
import { columnFormat } from "../../src/core/text/columnFormat";
import { formatPosition } from "../charts/axisTicks";
import { type ValueColumn, ValuesTable } from "../charts/valuesTable";
import type { ChartPlan, DrawnRun } from "./chartPlans";
import { formatOfMetric, useTable } from "./chartTable";
import type { ChartHost } from "./sampledLines";

export interface TrainingTableProps {
  readonly host: ChartHost;
  readonly runs: readonly DrawnRun[];
  /** Of the charts that are shown. */
  readonly plans: readonly ChartPlan[];
  readonly version: number;
  readonly onCopy: (text: string, what: string) => void;
}

/** More can neither be drawn at once nor be read. */
const maxColumns = 100;

/** Every value of the metrics that are shown: a row a step, a column a metric. */
export function TrainingTable({ host, runs, plans, version, onCopy }: TrainingTableProps) {
  const parts = useMemo(() => partsOf(runs, plans), [runs, plans]);
  const headers = ["Step", ...parts.columns.map(({ label }) => label)];
  const table = useTable(host, parts, headers, 84, version);
  return (
    <>
      <ValuesTable label="Training log" xLabel="Step" formatX={formatPosition} onCopy={onCopy} {...table} />
      {parts.omitted > 0 && (
        <p class="dim">{`${parts.omitted} more columns are left out: choose fewer metrics to see others.`}</p>
      )}
    </>
  );
}

function partsOf(runs: readonly DrawnRun[], plans: readonly ChartPlan[]) {
  const [only, ...more] = runs;
  const isOne = only !== undefined && more.length === 0;
  const lines = plans.flatMap((plan) =>
    plan.lines.map(({ run, metric, label }) => ({
      run,
      metric,
      label: isOne ? label : `${plan.title}: ${label}`,
    })),
  );
  const shown = lines.slice(0, maxColumns);
  const epochsOf = isOne && only.head.axes.includes("epoch") ? only.id : undefined;
  const lastEpoch = only?.head.progress.epoch ?? Number.NaN;
  const epoch: ValueColumn = { key: "epoch", label: "Epoch", format: columnFormat(0, lastEpoch, 4) };
  const columns = shown.map(({ metric, label }, index) => ({
    key: `metric ${index}`,
    label,
    format: formatOfMetric(metric),
  }));
  return {
    table: {
      columns: shown.map(({ run, metric }) => ({
        run,
        key: metric.key,
        axis: "step" as const,
        smoothed: false,
      })),
      ...(epochsOf === undefined ? {} : { epochsOf }),
    },
    columns: epochsOf === undefined ? columns : [epoch, ...columns],
    omitted: lines.length - shown.length,
  };
}
