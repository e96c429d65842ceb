import { useMemo } from "preact/hooks";
import { ChartIcon } from "../charts/chartIcon";
import type { ChartMarker, ChartRange } from "../charts/chartSeries";
import type { ChartView } from "../charts/chartView";
import { IconButton } from "../charts/iconButton";
import { LineChart } from "../charts/lineChart";
import { countLeftOut } from "../charts/plotPoints";
import { type ChartPlan, chartSeries, isSmoothed } from "./trainingCharts";
import type { TrainingPlace } from "./trainingPlace";

export interface MetricChartProps {
  readonly plan: ChartPlan;
  readonly place: TrainingPlace;
  readonly change: (part: Partial<TrainingPlace>) => void;
  readonly view: ChartView;
  readonly domain: ChartRange;
  readonly markers: readonly ChartMarker[];
  readonly onOpenCheckpoint: (path: string) => void;
  readonly onCopy: (text: string, what: string) => void;
}

/** The losses, or one other metric, along steps or epochs. */
export function MetricChart(props: MetricChartProps) {
  const { plan, place, change } = props;
  const series = useMemo(
    () => plan.metrics.map((metric, index) => chartSeries(metric, index, place)),
    [plan, place.axis, place.smoothing, place.smoothed],
  );
  // A logarithmic axis would leave out most of such a metric, so it keeps its linear one.
  const mostlyNotPositive = useMemo(
    () =>
      series.every(({ y }) => {
        const { notFinite, notPositive } = countLeftOut(y);
        return notPositive > (y.length - notFinite) / 2;
      }),
    [series],
  );
  const smoothed = plan.metrics.filter((metric) => isSmoothed(metric, place));
  // In the chart of the losses the training's own is meant: evaluations are few and hold no noise to smooth.
  const subject = plan.metrics.find(({ kind }) => kind !== "eval") ?? plan.metrics[0];
  const pressed = subject !== undefined && smoothed.includes(subject);
  return (
    <LineChart
      title={plan.title}
      series={series}
      markers={props.markers}
      xLabel={place.axis === "step" ? "Step" : "Epoch"}
      integerX={place.axis === "step"}
      logarithmic={place.logarithmic && !mostlyNotPositive}
      note={
        place.logarithmic && mostlyNotPositive
          ? "Linear axis: most of the values are not above zero"
          : undefined
      }
      domain={props.domain}
      view={props.view}
      size={plan.size}
      onMarker={props.onOpenCheckpoint}
      onCopy={props.onCopy}
      actions={
        subject !== undefined && (
          <IconButton
            label={`Smooth ${subject.label}`}
            title={
              place.smoothing === 0 ? "Smoothing is off; move the slider first" : `Smooth ${subject.label}`
            }
            pressed={pressed}
            disabled={place.smoothing === 0}
            onClick={() => change({ smoothed: { ...place.smoothed, [subject.key]: !pressed } })}
          >
            <ChartIcon name="smooth" />
          </IconButton>
        )
      }
    />
  );
}
