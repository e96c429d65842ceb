import "../common";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Timeline, type TimelineMetric, timelineMetrics } from "../../../src/core/compare/timeline";
import { plural } from "../../../src/core/text/quantities";
import { CellLegend } from "../../cells/cellLegend";
import type { CellMatrix } from "../../cells/cellMatrix";
import { useCellScale } from "../../cells/cellScale";
import { MapActions } from "../../cells/mapActions";
import type { ChartSeries } from "../../charts/chartSeries";
import { LineChart } from "../../charts/lineChart";
import { Button, Dropdown } from "../../ui/controls";
import { safeText } from "../../ui/safeText";
import { Banner, Empty, ErrorState, Progress } from "../../ui/states";
import { CopyButtons } from "../../ui/tables/copyButtons";
import type { CompareModel } from "../compareModel";
import { chartOutlets } from "../detail/readyDetail";
import { copiedValues, inGridOrder, longestText, type ModuleOrder } from "../heat/mapValues";
import { MatrixTable } from "../heat/matrixTable";
import { numberWidth } from "../metricWidths";
import { TimelineMap, timelineHeight, timelineNameWidth } from "./timelineMap";
import type { TimelineModel } from "./timelineModel";
import { mostMoved, timelineMatrix, timelineMetricInfos, timelineValues } from "./timelineRows";

export interface TimelineViewProps {
  readonly model: CompareModel;
  readonly timeline: TimelineModel;
}

/** Few checkpoints need no more. */
const widestCheckpointPx = 64;

/** A metric of every module over all checkpoints of a run. */
export function TimelineView({ model, timeline }: TimelineViewProps) {
  const state = timeline.state.value;
  useEffect(() => timeline.show(), [timeline, timeline.paths.value]);
  if (state.status === "failed") {
    return (
      <ErrorState what="The checkpoints could not be followed." where={state.message}>
        <Button look="primary" onClick={() => void timeline.load()}>
          Try again
        </Button>
      </ErrorState>
    );
  }
  if (state.status !== "ready") {
    const progress = timeline.progress.value;
    return (
      <div class="compare-working">
        <Progress
          label={`Following ${plural(timeline.paths.value?.length ?? 0, "checkpoint")}, module by module…`}
          done={progress?.done}
          total={progress?.total}
          onCancel={() => timeline.cancel()}
        />
      </div>
    );
  }
  if (state.timeline.modules.length === 0) {
    return (
      <Empty title="No two checkpoints of this run hold weights that could be followed.">
        <p>Open the comparison to see why.</p>
      </Empty>
    );
  }
  return <TimelineContent model={model} source={timeline} timeline={state.timeline} />;
}

interface TimelineContentProps {
  readonly model: CompareModel;
  readonly source: TimelineModel;
  readonly timeline: Timeline;
}

function TimelineContent({ model, source, timeline }: TimelineContentProps) {
  const { followed, selected } = model.viewState.value;
  const scroller = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(800);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setRoom(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const { order: orderBy } = followed;
  const known = timeline.metrics ?? timelineMetrics;
  const metric = known.includes(followed.metric) ? followed.metric : (known[0] ?? "fromFirst");
  useEffect(() => void source.ensureLoaded(metric), [metric, timeline]);
  const order = useMemo(
    () => inGridOrder(timeline.grid, timeline.modules.length, orderBy),
    [timeline, orderBy],
  );
  const values = useMemo(() => timelineValues(timeline, metric), [timeline, metric]);
  const matrices = useMemo(() => [timelineMatrix(values, order)], [values, order]);
  const look = useCellScale(matrices, "sequential", followed.log);
  const isLogarithmic = look.scale?.logarithmic === true;
  const outlets = chartOutlets(model);
  const isKnown = selected !== undefined && timeline.modules.includes(selected);
  const module = isKnown ? selected : mostMoved(timeline);
  const { label, format } = timelineMetricInfos[metric];
  const failures = timeline.checkpoints.filter(({ failure }) => failure !== undefined);
  const width = Math.max(
    120,
    Math.min(room - timelineNameWidth - 48, timeline.checkpoints.length * widestCheckpointPx),
  );
  const change = (part: Partial<typeof followed>) => model.change({ followed: { ...followed, ...part } });
  const size = { width, height: timelineHeight(order.length) };
  const title = `${label} by module and checkpoint`;
  const columnWidth = useMemo(() => numberWidth(longestText(values)), [values]);
  return (
    <section ref={scroller} class="scrolled-parts timeline-scroll" aria-label="Timeline">
      {failures.length > 0 && (
        <Banner tone="warning">
          {safeText(
            `${plural(failures.length, "checkpoint")} could not be read: ${failures[0]?.label}, ${failures[0]?.failure}`,
          )}
        </Banner>
      )}
      <div class="toolbar" role="toolbar" aria-label="Timeline">
        <Dropdown
          label="Metric of the timeline"
          value={metric}
          options={known.map((each) => ({ value: each, label: timelineMetricInfos[each].label }))}
          onChange={(chosen) => change({ metric: chosen as TimelineMetric })}
        />
        <Dropdown
          label="Order of the modules"
          value={orderBy}
          options={[
            { value: "layer", label: "Layer by layer" },
            { value: "kind", label: "Kind by kind" },
          ]}
          onChange={(chosen) => change({ order: chosen as ModuleOrder })}
        />
        <button
          type="button"
          class="chip"
          aria-pressed={isLogarithmic}
          title="Logarithmic colours"
          onClick={() => change({ log: !isLogarithmic })}
        >
          Log
        </button>
        <CellLegend look={look} format={format} />
        <span class="toolbar-rest">
          <MapActions
            what="the timeline"
            asTable={followed.table}
            onTable={(table) => change({ table })}
            picture={() => ({
              title,
              panels: [{ matrix: matrices[0] }],
              size,
              look,
              rowLabels: { texts: order.map((each) => timeline.modules[each] ?? ""), roomPx: 13 },
              nameWidth: timelineNameWidth,
              colLabels: { texts: values.columns.map((column) => column.label), roomPx: 60 },
              format,
            })}
            onSavePicture={outlets.onSavePicture}
          >
            <CopyButtons
              what="the timeline"
              copied={(kind) => copiedValues({ ...values, absence: () => "" }, order, kind)}
              onCopy={outlets.onCopy}
            />
          </MapActions>
        </span>
      </div>
      <ModuleLine model={model} timeline={timeline} metric={metric} module={module} />
      {followed.table ? (
        <MatrixTable
          label={title}
          values={values}
          order={order}
          nameWidth={320}
          columnWidth={() => columnWidth}
          head={(at) => safeText(values.columns[at]?.label ?? "")}
          scroller={scroller}
          selected={module}
          onSelect={(name) => model.change({ selected: name })}
        />
      ) : (
        <TimelineMap
          timeline={timeline}
          values={values}
          order={order}
          label={title}
          matrix={matrices[0] as CellMatrix}
          look={look}
          size={size}
          selected={module}
          onSelect={(name) => model.change({ selected: name })}
        />
      )}
    </section>
  );
}

interface ModuleLineProps {
  readonly model: CompareModel;
  readonly timeline: Timeline;
  readonly metric: TimelineMetric;
  readonly module: string | undefined;
}

/** The chosen module over the steps. */
function ModuleLine({ model, timeline, metric, module }: ModuleLineProps) {
  const { checkpoints, modules, values } = timeline;
  const { label, format } = timelineMetricInfos[metric];
  const hasSteps = checkpoints.every(({ step }) => step !== undefined);
  const series = useMemo<ChartSeries[]>(() => {
    const row = modules.indexOf(module ?? "");
    if (row < 0) return [];
    const x = Float64Array.from(checkpoints, ({ step }, at) => (hasSteps ? (step ?? at) : at + 1));
    const y = Float64Array.from(
      checkpoints,
      (_, at) => values[metric]?.[row * checkpoints.length + at] ?? Number.NaN,
    );
    // What is measured from an earlier checkpoint has no value at the first.
    const first = Math.max(
      0,
      y.findIndex((value) => !Number.isNaN(value)),
    );
    return [{ key: module ?? "", label: module ?? "", x: x.subarray(first), y: y.subarray(first), style: 0 }];
  }, [checkpoints, modules, values, metric, module, hasSteps]);
  if (series.length === 0) return null;
  return (
    <LineChart
      title={`${label}: ${module ?? ""}`}
      series={series}
      size="small"
      xLabel={hasSteps ? "Step" : "Checkpoint"}
      integerX
      formatY={format}
      {...chartOutlets(model)}
    />
  );
}
