import { useMemo } from "preact/hooks";
import type { TrainingView } from "../../src/core/runs/trainingView";
import { valueRows } from "../../src/core/runs/valueRows";
import { formatPosition } from "../charts/axisTicks";
import { type TableSeries, ValuesTable } from "../charts/valuesTable";

export interface TrainingTableProps {
  readonly view: TrainingView;
  readonly onCopy: (text: string, what: string) => void;
}

/** Every value of the log: a row a step, a column a metric. */
export function TrainingTable({ view, onCopy }: TrainingTableProps) {
  const series = useMemo<TableSeries[]>(() => {
    const metrics = view.series.map(({ key, label, steps, values }) => ({ key, label, x: steps, values }));
    const { x, indices } = valueRows(view.series.map(({ steps }) => steps));
    const epochs = new Float64Array(x.length).fill(Number.NaN);
    view.series.forEach((metric, at) => {
      indices[at]?.forEach((index, row) => {
        const epoch = metric.epochs[index];
        if (epoch !== undefined && Number.isFinite(epoch)) epochs[row] = epoch;
      });
    });
    const known = Array.from(epochs.keys()).filter((row) => Number.isFinite(epochs[row]));
    const pick = (column: Float64Array) => Float64Array.from(known, (row) => column[row] ?? Number.NaN);
    // Named so that no metric can have the same key.
    const epoch = { key: " epoch", label: "Epoch", x: pick(x), values: pick(epochs) };
    return known.length === 0 ? metrics : [epoch, ...metrics];
  }, [view]);
  return (
    <ValuesTable
      label="Training log"
      xLabel="Step"
      formatX={formatPosition}
      series={series}
      onCopy={onCopy}
    />
  );
}
