import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import { compareProblems, faultsAmong, type Problem } from "../../src/core/problem/problem";
import { plural } from "../../src/core/text/quantities";
import type { ChartChoices } from "../../src/protocol/chartCalls";
import { createChartView } from "../charts/chartView";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import { Banner, Empty } from "../ui/states";
import { chartAxis } from "./chartAxis";
import {
  type ChartPlan,
  chartGroups,
  chartMarkers,
  chartPlans,
  choosableMetrics,
  type DrawnRun,
  mainGroup,
  shownPlans,
} from "./chartPlans";
import { Extents } from "./extents";
import { type ChartSetting, MetricChart } from "./metricChart";
import { MetricChooser } from "./metricChooser";
import type { ChartHost } from "./sampledLines";
import { TrainingTable } from "./trainingTable";
import { TrainingToolbar } from "./trainingToolbar";
import type { ChangeViewState, TrainingViewState } from "./trainingViewState";
import { useTrainingViewState } from "./useTrainingViewState";

export interface TrainingPanelProps {
  readonly host: ChartHost;
  readonly runs: readonly DrawnRun[];
  /** Under which key of the page's state the choices of the reader (smoothing, axis, metrics) are kept. */
  readonly stateKey: string;
  /** What was chosen in charts before. */
  readonly choices: ChartChoices | undefined;
  readonly onOpenCheckpoint: (path: string) => void;
  readonly onCopy: (text: string, what: string) => void;
  /** Between the toolbar and the charts: what is known of the runs apart from their lines. */
  readonly above?: (viewState: TrainingViewState, change: ChangeViewState) => ComponentChildren;
}

/** The logs of trainings as charts that zoom together, and as the table of all their values. */
export function TrainingPanel(props: TrainingPanelProps) {
  const { host, runs, stateKey, onOpenCheckpoint, onCopy } = props;
  const chooserId = useId();
  const [viewState, change] = useTrainingViewState(stateKey, props.choices, (choices) =>
    host.notify("rememberChoices", { choices }),
  );
  const axes = useMemo(() => [...new Set(runs.flatMap(({ head }) => head.axes))], [runs]);
  // The choice stays, for a log that has epochs; this one has none.
  const axis = chartAxis(axes.includes(viewState.axis) ? viewState.axis : "step");
  const shown = axis.kind === viewState.axis ? viewState : { ...viewState, axis: axis.kind };
  const view = useMemo(() => {
    const created = createChartView();
    created.range.value = viewState.range;
    return created;
  }, []);
  const range = view.range.value;
  useEffect(() => change({ range }), [range]);
  const version = useVersion(runs);
  const extents = useMemo(() => new Extents(), []);

  const isOverlay = runs.length > 1;
  const plans = useMemo(() => chartPlans(runs), [runs]);
  const drawn = useMemo(() => shownPlans(plans, viewState.hidden), [plans, viewState.hidden]);
  const [only] = runs;
  const markers = useMemo(
    () => (only === undefined || isOverlay ? [] : chartMarkers(only.head, axis.kind)),
    [only, isOverlay, axis],
  );
  const reached = extents.version.value;
  const domain = useMemo(
    () => extents.domain(axis.kind, runs, markers),
    [extents, reached, axis, runs, markers],
  );
  const choosable = useMemo(() => choosableMetrics(plans), [plans]);
  const above = props.above?.(shown, change);

  if (plans.length === 0) {
    return (
      <div class="training">
        {above}
        <NoEntries runs={runs} />
      </div>
    );
  }
  const setting: ChartSetting = {
    host,
    axis,
    viewState: shown,
    change,
    view,
    extents,
    domain,
    markers,
    version,
    isOverlay,
    onOpenCheckpoint,
    onCopy,
  };
  const chart = (plan: ChartPlan) => <MetricChart key={plan.id} plan={plan} setting={setting} />;
  const main = drawn.filter(({ group, size }) => group === mainGroup || size === "large");
  const hiddenCount = choosable.filter(({ key }) => viewState.hidden.includes(key)).length;
  return (
    <div class="training">
      <WorstProblem problems={runs.flatMap(({ head }) => head.problems)} />
      <TrainingToolbar
        viewState={shown}
        change={change}
        view={view}
        axis={axis}
        axes={axes}
        shownMetrics={choosable.length - hiddenCount}
        allMetrics={choosable.length}
        chooserId={chooserId}
      />
      {viewState.choosing && (
        <MetricChooser
          id={chooserId}
          metrics={choosable}
          hidden={viewState.hidden}
          onChange={(hidden) => change({ hidden })}
        />
      )}
      {above}
      {viewState.shows === "table" ? (
        <TrainingTable host={host} runs={runs} plans={drawn} version={version} onCopy={onCopy} />
      ) : (
        <>
          <MainCharts plans={main} chart={chart} />
          {chartGroups(drawn).map(({ name, plans: members, foldedByItself }) => {
            const isFolded = Object.hasOwn(viewState.folded, name)
              ? viewState.folded[name] === true
              : foldedByItself;
            return (
              <Section
                key={name}
                title={safeText(name)}
                note={plural(members.length, "chart")}
                open={!isFolded}
                onToggle={(open) => change({ folded: { ...viewState.folded, [name]: !open } })}
                class="training-group"
              >
                <div class="training-multiples">{members.map(chart)}</div>
              </Section>
            );
          })}
        </>
      )}
    </div>
  );
}

interface MainChartsProps {
  readonly plans: readonly ChartPlan[];
  readonly chart: (plan: ChartPlan) => ComponentChildren;
}

/** As many as have room beside the large chart. */
const besideLarge = 2;

function MainCharts({ plans, chart }: MainChartsProps) {
  const large = plans.filter(({ size }) => size === "large");
  const small = plans.filter(({ size }) => size === "small");
  const beside = large.length > 0 ? small.slice(0, besideLarge) : [];
  const below = small.slice(beside.length);
  return (
    <>
      {large.length > 0 && <div class="training-main with-large">{[...large, ...beside].map(chart)}</div>}
      {below.length > 0 && <div class="training-multiples">{below.map(chart)}</div>}
    </>
  );
}

/** A number that is another one whenever a run is. */
function useVersion(runs: readonly DrawnRun[]): number {
  const known = useRef<{ readonly heads: readonly object[]; readonly version: number }>({
    heads: [],
    version: 0,
  });
  const heads = runs.map(({ head }) => head);
  const isSame =
    heads.length === known.current.heads.length &&
    heads.every((head, index) => head === known.current.heads[index]);
  if (!isSame) known.current = { heads, version: known.current.version + 1 };
  return known.current.version;
}

function NoEntries({ runs }: { readonly runs: readonly DrawnRun[] }) {
  const logs = runs.flatMap(({ head }) => head.sources);
  return (
    <Empty title="No log entries yet.">
      <p>
        {logs.length === 0
          ? "No log was found."
          : `${plural(logs.length, "log")} ${logs.length === 1 ? "was" : "were"} read, and no value is in ${logs.length === 1 ? "it" : "them"}.`}{" "}
        Trainers write an entry every <code>logging_steps</code> steps, into trainer_state.json with each
        checkpoint. The charts appear here as soon as there is one.
      </p>
    </Empty>
  );
}

/** What the reader must know before the charts; all of it is listed below them. */
function WorstProblem({ problems }: { readonly problems: readonly Problem[] }) {
  const serious = faultsAmong(problems).toSorted(compareProblems);
  const [worst] = serious;
  if (worst === undefined) return null;
  const more = serious.length > 1 ? ` (${plural(serious.length - 1, "more problem")} below)` : "";
  return <Banner tone={worst.severity}>{`${safeText(worst.message)}${more}`}</Banner>;
}
