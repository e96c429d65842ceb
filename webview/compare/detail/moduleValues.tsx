import { useMemo } from "preact/hooks";
import { sum } from "../../../src/core/lists/sum";
import { formatCount, formatNumber, formatShare } from "../../../src/core/text/quantities";
import type { FactorHistogram } from "../../../src/core/update/factorHistogram";
import type { ChartSeries } from "../../charts/chartSeries";
import { LineChart, type SeriesWords } from "../../charts/lineChart";
import { byColumn, chartOutlets, type DetailProps } from "./readyDetail";

/** How the values of the factors spread, the snapshots over each other. */
export function ModuleValues(props: DetailProps) {
  const { model } = props;
  const isLog = model.viewState.value.valuesLog;
  return (
    <>
      <button
        type="button"
        class="chip fit"
        aria-pressed={isLog}
        title="Logarithmic axis, which shows the rare values"
        onClick={() => model.change({ valuesLog: !isLog })}
      >
        Log
      </button>
      <Histogram {...props} factor="A" />
      <Histogram {...props} factor="B" />
    </>
  );
}

function Histogram({ model, view, detail, factor }: DetailProps & { readonly factor: "A" | "B" }) {
  const found = useMemo(() => byColumn(view, detail, detail.detail.factors), [view, detail]);
  const histograms = found.map((each) => (factor === "A" ? each?.histogramA : each?.histogramB));
  const series = useMemo<ChartSeries[]>(
    () =>
      view.columns.flatMap(({ path, label }, at) => {
        const histogram = factor === "A" ? found[at]?.histogramA : found[at]?.histogramB;
        return histogram === undefined ? [] : [{ key: path, label, ...curve(histogram), style: at }];
      }),
    [view, found, factor],
  );
  if (series.length === 0)
    return <p class="dim">{`No snapshot has values of ${factor} that can be counted.`}</p>;
  const zeros = view.columns.flatMap(({ label }, at) => {
    const histogram = histograms[at];
    if (histogram === undefined || histogram.zeros === 0) return [];
    const total = sum(histogram.counts);
    return [`${label}: ${formatCount(histogram.zeros)} zeros (${formatShare(histogram.zeros / total)})`];
  });
  return (
    <LineChart
      title={`Values of ${factor}`}
      series={series}
      size="small"
      xLabel="Value"
      formatX={(x) => formatNumber(x, 3)}
      formatY={formatPercent}
      logarithmic={model.viewState.value.valuesLog}
      words={words}
      note={zeros.length === 0 ? undefined : zeros.join(". ")}
      {...chartOutlets(model)}
    />
  );
}

/** Middles of the bins, and the share of all values in each. */
function curve({ limit, counts }: FactorHistogram): { readonly x: Float64Array; readonly y: Float64Array } {
  const total = sum(counts);
  const width = (2 * limit) / counts.length;
  return {
    x: Float64Array.from(counts, (_, bin) => (limit === 0 ? bin : -limit + (bin + 0.5) * width)),
    y: Float64Array.from(counts, (count) => (total === 0 ? 0 : (100 * count) / total)),
  };
}

function formatPercent(value: number): string {
  return `${Number(value.toPrecision(3))} %`;
}

/** Half of the values are nearer to zero than this bin's edge: how wide the values spread. */
function spread({ x, y }: ChartSeries): string {
  const order = [...x.keys()].sort((a, b) => Math.abs(x[a] ?? 0) - Math.abs(x[b] ?? 0));
  let share = 0;
  const at = order.find((index) => {
    share += y[index] ?? 0;
    return share >= 50;
  });
  return `half of the values within ±${formatNumber(Math.abs(x[at ?? 0] ?? 0), 2)}`;
}

const words: SeriesWords = {
  short: spread,
  sentence: (series) => `${series.label}: ${spread(series)}.`,
};
