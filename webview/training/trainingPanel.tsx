import { useEffect, useId, useMemo } from "preact/hooks";
import { compareProblems } from "../../src/core/problem";
import type { TrainingView } from "../../src/core/runs/trainingView";
import { plural } from "../../src/core/text/quantities";
import { domainOf } from "../charts/chartSeries";
import { createChartView } from "../charts/chartView";
import { safeText } from "../ui/safeText";
import { Banner, Empty } from "../ui/states";
import { MetricChart } from "./metricChart";
import { MetricChooser } from "./metricChooser";
import {
  type ChartPlan,
  chartMarkers,
  chartPlans,
  chartSeries,
  chosenMetrics,
  hasEpochs,
  otherMetrics,
} from "./trainingCharts";
import { TrainingFacts } from "./trainingFacts";
import { useTrainingPlace } from "./trainingPlace";
import { TrainingTable } from "./trainingTable";
import { TrainingToolbar } from "./trainingToolbar";

export interface TrainingPanelProps {
  readonly view: TrainingView;
  /** Under which key of the page's state the choices of the reader (smoothing, axis, metrics) are kept. */
  readonly stateKey: string;
  readonly onOpenCheckpoint: (path: string) => void;
  readonly onCopy: (text: string, what: string) => void;
}

/** The log of a training as charts that zoom together, and as the table of all its values. */
export function TrainingPanel({ view, stateKey, onOpenCheckpoint, onCopy }: TrainingPanelProps) {
  const chooserId = useId();
  const [saved, change] = useTrainingPlace(stateKey);
  const epochsKnown = useMemo(() => hasEpochs(view.series), [view]);
  // The choice stays, for a log that has epochs; this one has none.
  const place = saved.axis === "epoch" && !epochsKnown ? { ...saved, axis: "step" as const } : saved;
  const charts = useMemo(() => {
    const created = createChartView();
    created.range.value = place.range;
    return created;
  }, []);
  const range = charts.range.value;
  useEffect(() => change({ range }), [range]);

  const plans = useMemo(() => chartPlans(view.series, place.metrics), [view, place.metrics]);
  const markers = useMemo(() => chartMarkers(view.checkpoints, place.axis), [view, place.axis]);
  // Of all metrics, not of those that are shown: choosing one must not move the others.
  const domain = useMemo(
    () =>
      domainOf(
        view.series.map((metric) => chartSeries(metric, 0, { ...place, smoothing: 0 })),
        markers,
      ),
    [view, place.axis, markers],
  );

  if (view.series.length === 0) {
    return (
      <div class="training">
        <Empty title="No log entries yet.">
          <p>
            The trainer writes its log every <code>logging_steps</code> steps. The charts appear here once
            trainer_state.json has a <code>log_history</code>.
          </p>
        </Empty>
        <TrainingFacts view={view} />
      </div>
    );
  }
  const chart = (plan: ChartPlan) => (
    <MetricChart
      key={plan.id}
      plan={plan}
      place={place}
      change={change}
      view={charts}
      domain={domain}
      markers={markers}
      onOpenCheckpoint={onOpenCheckpoint}
      onCopy={onCopy}
    />
  );
  return (
    <div class="training">
      <WorstProblem problems={view.problems} />
      <TrainingToolbar
        place={place}
        change={change}
        view={charts}
        epochsKnown={epochsKnown}
        shownMetrics={chosenMetrics(view.series, place.metrics).length}
        allMetrics={otherMetrics(view.series).length}
        chooserId={chooserId}
      />
      {place.choosing && place.shows === "charts" && (
        <MetricChooser
          id={chooserId}
          metrics={otherMetrics(view.series)}
          chosen={chosenMetrics(view.series, place.metrics)}
          onChange={(metrics) => change({ metrics })}
        />
      )}
      {place.shows === "table" ? (
        <TrainingTable view={view} onCopy={onCopy} />
      ) : (
        <div class="training-charts">
          {plans.filter(({ size }) => size === "large").map(chart)}
          <div class="training-multiples">{plans.filter(({ size }) => size === "small").map(chart)}</div>
        </div>
      )}
      <TrainingFacts view={view} />
    </div>
  );
}

/** What the reader must know before the charts; all of it is listed below them. */
function WorstProblem({ problems }: Pick<TrainingView, "problems">) {
  const serious = problems.filter(({ severity }) => severity !== "info").sort(compareProblems);
  const [worst] = serious;
  if (worst === undefined) return null;
  const more = serious.length > 1 ? ` (${plural(serious.length - 1, "more problem")} below)` : "";
  return <Banner tone={worst.severity}>{`${safeText(worst.message)}${more}`}</Banner>;
}
