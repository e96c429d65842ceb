import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { MetricHead } from "../../src/core/runs/merge/runHead";
import type { Picture } from "../../src/protocol/picture";
import { ChartIcon } from "../charts/chartIcon";
import type { ChartMarker, ChartRange, ChartSeries } from "../charts/chartSeries";
import type { ChartView } from "../charts/chartView";
import { IconButton } from "../charts/iconButton";
import { LineChart } from "../charts/lineChart";
import { safeText } from "../ui/safeText";
import type { ChartAxis } from "./chartAxis";
import { type ChartPlan, isSmoothed, seriesKey, smoothingOf } from "./chartPlans";
import { copyChart, useChartTable } from "./chartTable";
import type { Extents } from "./extents";
import { leftOutMetricNotes, metricWords } from "./metricWords";
import { useOnScreen } from "./onScreen";
import { type ChartHost, type RunLine, type SampledLine, useSampledLines } from "./sampledLines";
import type { ChangeViewState, TrainingViewState } from "./trainingViewState";

/** What all charts of a panel have in common. */
export interface ChartSetting {
  readonly host: ChartHost;
  readonly axis: ChartAxis;
  readonly viewState: TrainingViewState;
  readonly change: ChangeViewState;
  readonly view: ChartView;
  readonly extents: Extents;
  readonly domain: ChartRange;
  readonly markers: readonly ChartMarker[];
  /** Another one where the logs have grown. */
  readonly version: number;
  /** Of several runs, whose legend is beside the charts. */
  readonly isOverlay: boolean;
  readonly onOpenCheckpoint: (path: string) => void;
  readonly onCopy: (text: string, what: string) => void;
}

export interface MetricChartProps {
  readonly plan: ChartPlan;
  readonly setting: ChartSetting;
}

/** A metric, or the losses, along the axis that was chosen: only what is in sight of it is on the page. */
export function MetricChart({ plan, setting }: MetricChartProps) {
  const { viewState } = setting;
  const frame = useRef<HTMLDivElement>(null);
  const { isVisible, wasSeen } = useOnScreen(frame);
  const logarithmic = viewState.logarithmic && !isMostlyNotPositive(plan);
  const lines = useMemo(
    () => plan.lines.map(({ run, metric }) => lineOf(run, metric, viewState, logarithmic)),
    [
      plan,
      viewState.axis,
      viewState.smoothing,
      viewState.weight,
      viewState.radius,
      viewState.smoothed,
      logarithmic,
    ],
  );
  return (
    <div ref={frame} class={`metric-chart metric-chart-${plan.size}`}>
      {wasSeen ? (
        <SeenChart
          plan={plan}
          setting={setting}
          lines={lines}
          logarithmic={logarithmic}
          isVisible={isVisible}
        />
      ) : (
        <div class={`chart chart-${plan.size}`}>
          <h3 class="chart-title">{safeText(plan.title)}</h3>
          <div class="plot" />
        </div>
      )}
    </div>
  );
}

interface SeenChartProps extends MetricChartProps {
  readonly lines: readonly RunLine[];
  readonly logarithmic: boolean;
  readonly isVisible: boolean;
}

function SeenChart({ plan, setting, lines, logarithmic, isVisible }: SeenChartProps) {
  const { host, axis, viewState, change, view, extents, markers, isOverlay } = setting;
  const [pixels, setPixels] = useState(0);
  const range = view.range.value;
  const { version } = setting;
  const { sampled, failure } = useSampledLines(host, lines, { range, pixels, version, isVisible });
  useEffect(() => {
    sampled?.forEach((sample, index) => {
      const line = lines[index];
      if (sample !== undefined && line !== undefined) extents.take(line, sample);
    });
  }, [sampled]);

  const series = useMemo(
    () =>
      plan.lines.flatMap(({ run, metric, label, style }, index): ChartSeries[] => {
        const sample = sampled?.[index];
        return sample === undefined ? [] : [chartSeries(seriesKey(run, metric.key), label, style, sample)];
      }),
    [plan, sampled],
  );
  const words = useMemo(() => metricWords(plan), [plan]);
  const leftOut = useMemo(() => leftOutMetricNotes(plan, logarithmic, sampled), [plan, logarithmic, sampled]);
  const table = useChartTable(host, plan, lines, axis, version);
  const hidden = useMemo(
    () =>
      new Set(
        plan.lines
          .filter(({ run }) => viewState.hiddenRuns.includes(run))
          .map(({ run, metric }) => seriesKey(run, metric.key)),
      ),
    [plan, viewState.hiddenRuns],
  );
  // In the chart of the losses the training's own is meant: evaluations are few and hold no noise to smooth.
  const subject = plan.lines.find(({ metric }) => metric.kind !== "eval")?.metric ?? plan.lines[0]?.metric;
  const smoothing = smoothingOf(viewState);
  const pressed = subject !== undefined && isSmoothed(subject, viewState);
  return (
    <LineChart
      title={plan.title}
      series={series}
      markers={markers}
      xLabel={axis.label}
      integerX={axis.integer}
      formatX={axis.format}
      xTicks={axis.ticks}
      logarithmic={logarithmic}
      note={noteOf(failure, viewState.logarithmic && !logarithmic)}
      leftOut={leftOut}
      words={words}
      domain={setting.domain}
      ends={endsOf(sampled)}
      view={view}
      size={plan.size}
      legend={isOverlay ? false : plan.lines.length > 1}
      hidden={hidden}
      table={table}
      onWidth={setPixels}
      onMarker={setting.onOpenCheckpoint}
      onCopy={setting.onCopy}
      onCopyCsv={() => copyChart(host, plan, lines, axis, "csv")}
      onSavePicture={(picture: Picture) => host.notify("savePng", picture)}
      actions={
        subject !== undefined && (
          <IconButton
            label={`Smooth ${safeText(subject.label)}`}
            title={
              smoothing === undefined
                ? "Smoothing is off; move the slider first"
                : `Smooth ${safeText(subject.label)}`
            }
            pressed={pressed}
            disabled={smoothing === undefined}
            onClick={() => change({ smoothed: { ...viewState.smoothed, [subject.key]: !pressed } })}
          >
            <ChartIcon name="smooth" />
          </IconButton>
        )
      }
    />
  );
}

function lineOf(
  run: string,
  metric: MetricHead,
  viewState: TrainingViewState,
  positiveOnly: boolean,
): RunLine {
  const smoothing = isSmoothed(metric, viewState) ? smoothingOf(viewState) : undefined;
  return {
    run,
    key: metric.key,
    axis: viewState.axis,
    ...(smoothing === undefined ? {} : { smoothing }),
    ...(positiveOnly ? { positiveOnly } : {}),
  };
}

/** A logarithmic axis would leave out most of such a metric, so it keeps its linear one. */
function isMostlyNotPositive({ lines }: ChartPlan): boolean {
  return lines.every(
    ({ metric: { count, notFinite, notPositive } }) => notPositive > (count - notFinite) / 2,
  );
}

function chartSeries(key: string, label: string, style: number, sample: SampledLine): ChartSeries {
  const { x, first, last, min, max, count, notFinite, smoothed } = sample;
  return {
    key,
    label,
    x,
    y: last,
    style,
    slices: { first, min, max, count, notFinite },
    ...(smoothed === undefined ? {} : { smoothed }),
  };
}

function endsOf(sampled: readonly (SampledLine | undefined)[] | undefined): ChartRange | undefined {
  const known = (sampled ?? []).filter((line) => line !== undefined && line.firstX <= line.lastX);
  if (known.length === 0) return undefined;
  return {
    min: Math.min(...known.map((line) => line?.firstX ?? 0)),
    max: Math.max(...known.map((line) => line?.lastX ?? 0)),
  };
}

function noteOf(failure: string | undefined, isLinear: boolean): string | undefined {
  if (failure !== undefined) return `Could not be read: ${failure}`;
  return isLinear ? "Linear axis: most of the values are not above zero" : undefined;
}
