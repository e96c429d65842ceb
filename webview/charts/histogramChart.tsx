import { useMemo, useState } from "preact/hooks";
import type { ValueHistogram } from "../../src/core/analysis/tensorNumbers";
import { formatCount, formatNumber, plural } from "../../src/core/text/quantities";
import { LineChart } from "./lineChart";

export interface HistogramChartProps {
  readonly title: string;
  readonly xLabel: string;
  readonly histogram: ValueHistogram;
  /** How the counts are shown at first; a button changes it. */
  readonly logarithmicAtFirst: boolean;
  readonly onCopy: (text: string, what: string) => void;
}

/** A bar a bin; the chart's twin is their table. */
export function HistogramChart({
  title,
  xLabel,
  histogram,
  logarithmicAtFirst,
  onCopy,
}: HistogramChartProps) {
  const [logarithmic, setLogarithmic] = useState(logarithmicAtFirst);
  const series = useMemo(() => {
    const { from, to, counts } = histogram;
    const width = (to - from) / counts.length;
    const x = Float64Array.from(counts, (_, bin) => from + (bin + 0.5) * width);
    const y = Float64Array.from(counts);
    return [{ key: "count", label: "Values in the bin", x, y, barWidth: width, style: 0 }];
  }, [histogram]);
  const domain = useMemo(() => ({ min: histogram.from, max: histogram.to }), [histogram]);
  const largest = useMemo(() => Math.max(1, ...histogram.counts), [histogram]);
  const words = useMemo(() => {
    const { from, to, counts } = histogram;
    const bins = plural(counts.length, "bin");
    return {
      short: () => bins,
      sentence: () =>
        `${bins} from ${formatNumber(from)} to ${formatNumber(to)}; the fullest has ${formatCount(largest)} values.`,
    };
  }, [histogram, largest]);
  return (
    <LineChart
      title={title}
      series={series}
      xLabel={xLabel}
      size="small"
      domain={domain}
      formatX={formatBin}
      formatY={formatCount}
      logarithmic={logarithmic}
      words={words}
      {...(logarithmic ? {} : { yRange: { min: 0, max: 1.05 * largest } })}
      onCopy={onCopy}
      actions={
        <button
          type="button"
          class="chip"
          aria-pressed={logarithmic}
          title="Logarithmic counts"
          onClick={() => setLogarithmic(!logarithmic)}
        >
          Log
        </button>
      }
    />
  );
}

function formatBin(value: number): string {
  return formatNumber(value, 4);
}
