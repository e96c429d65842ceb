import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Timeline, type TimelineMetric, timelineMetrics } from "../../../src/core/compare/timeline";
import { plural } from "../../../src/core/text/quantities";
import { toCsv, toMarkdown } from "../../../src/core/text/tableText";
import { ChartIcon } from "../../charts/chartIcon";
import type { ChartSeries } from "../../charts/chartSeries";
import { chartTheme } from "../../charts/chartTheme";
import { colorRamp } from "../../charts/colorRamp";
import { HeatLegend } from "../../charts/heatLegend";
import { type HeatLook, paintCells } from "../../charts/heatPaint";
import { IconButton } from "../../charts/iconButton";
import { LineChart } from "../../charts/lineChart";
import { fitText, paintTitle, pictureMargin, pngOf } from "../../charts/picture";
import { valueScale } from "../../charts/valueScale";
import { Button, Dropdown } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Banner, Empty, ErrorState, Progress } from "../../ui/states";
import type { CompareModel } from "../compareModel";
import { CopyButtons } from "../copyButtons";
import { shownLabels } from "../heat/heatModel";
import { TimelineMap, timelineHeight, timelineNameWidth } from "./timelineMap";
import type { TimelineModel } from "./timelineModel";
import {
  checkpointName,
  mostMoved,
  orderedModules,
  type TimelineOrder,
  timelineMatrix,
  timelineMetricInfos,
  timelineText,
} from "./timelineRows";
import { TimelineTable } from "./timelineTable";

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
  const theme = chartTheme().value;
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
  const order = useMemo(() => orderedModules(timeline, orderBy), [timeline, orderBy]);
  const matrix = useMemo(() => timelineMatrix(timeline, order, metric), [timeline, order, metric]);
  const scale = useMemo(() => valueScale(matrix.values, "sequential", followed.log), [matrix, followed.log]);
  const ramp = useMemo(() => colorRamp("sequential", theme.isDark), [theme.isDark]);
  const look = useMemo<HeatLook>(() => ({ scale, ramp, theme }), [scale, ramp, theme]);
  const isKnown = selected !== undefined && timeline.modules.includes(selected);
  const module = isKnown ? selected : mostMoved(timeline);
  const { label, format } = timelineMetricInfos[metric];
  const failures = timeline.checkpoints.filter(({ failure }) => failure !== undefined);
  const width = Math.max(
    120,
    Math.min(room - timelineNameWidth - 48, timeline.checkpoints.length * widestCheckpointPx),
  );
  const change = (part: Partial<typeof followed>) => model.change({ followed: { ...followed, ...part } });
  const copy = (kind: "Markdown" | "CSV") => {
    const table = timelineText(timeline, order, metric, kind === "CSV" ? "all" : "shown");
    const text = kind === "CSV" ? toCsv(table) : toMarkdown(table);
    model.host.notify("copy", { text, what: `${table.rows.length} modules as ${kind}` });
  };
  const save = async () => {
    const name = `${label} by module and checkpoint`;
    const bytes = await pngOf(mapDrawing(timeline, order, matrix, look, width, name), theme);
    model.host.notify("savePng", { bytes, name });
  };
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
          onChange={(chosen) => change({ order: chosen as TimelineOrder })}
        />
        <button
          type="button"
          class="chip"
          aria-pressed={scale?.logarithmic === true}
          title="Logarithmic colours"
          onClick={() => change({ log: scale?.logarithmic !== true })}
        >
          Log
        </button>
        <HeatLegend label="" scale={scale} ramp={ramp} format={format} />
        <span class="toolbar-rest">
          <IconButton
            label={followed.table ? "Show the timeline as a map" : "Show the timeline as a table"}
            onClick={() => change({ table: !followed.table })}
          >
            {followed.table ? <ChartIcon name="chart" /> : <Icon name="table" />}
          </IconButton>
          {!followed.table && (
            <IconButton label="Save the timeline as a PNG picture" onClick={() => void save()}>
              <ChartIcon name="save" />
            </IconButton>
          )}
          <CopyButtons what="the timeline" onCopy={copy} />
        </span>
      </div>
      <ModuleLine model={model} timeline={timeline} metric={metric} module={module} />
      {followed.table ? (
        <TimelineTable
          timeline={timeline}
          order={order}
          metric={metric}
          scroller={scroller}
          selected={module}
          onSelect={(name) => model.change({ selected: name })}
        />
      ) : (
        <TimelineMap
          timeline={timeline}
          order={order}
          metric={metric}
          matrix={matrix}
          look={look}
          width={width}
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
      onCopy={(text, what) => model.host.notify("copy", { text, what })}
      onSavePicture={(picture) => model.host.notify("savePng", picture)}
    />
  );
}

function mapDrawing(
  { checkpoints, modules }: Timeline,
  order: readonly number[],
  matrix: Parameters<typeof paintCells>[1],
  look: HeatLook,
  width: number,
  title: string,
) {
  const height = timelineHeight(order.length);
  const [left, top] = [pictureMargin + timelineNameWidth, pictureMargin + 30];
  return {
    width: left + width + pictureMargin,
    height: top + height + 24 + pictureMargin,
    paint: (context: CanvasRenderingContext2D) => {
      const { theme } = look;
      paintTitle(context, theme, title, timelineNameWidth + width);
      context.font = `11px ${theme.fontFamily}`;
      context.fillStyle = theme.muted;
      context.textBaseline = "middle";
      context.textAlign = "end";
      for (const row of shownLabels(order.length, height, 13)) {
        const name = fitText(context, safeText(modules[order[row] ?? -1] ?? ""), timelineNameWidth - 12);
        context.fillText(name, left - 8, top + ((row + 0.5) * height) / order.length);
      }
      context.textAlign = "center";
      for (const col of shownLabels(checkpoints.length, width, 60)) {
        const checkpoint = checkpoints[col];
        if (checkpoint === undefined) continue;
        context.fillText(
          safeText(checkpointName(checkpoint)),
          left + ((col + 0.5) * width) / checkpoints.length,
          top + height + 12,
        );
      }
      paintCells(context, matrix, look, left, top, width, height);
    },
  };
}
