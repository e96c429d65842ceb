import type { RefObject } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import { moduleGrid } from "../../../src/core/compare/modules/moduleGrid";
import { toCsv, toMarkdown } from "../../../src/core/text/tableText";
import { ChartIcon } from "../../charts/chartIcon";
import { chartTheme } from "../../charts/chartTheme";
import { colorRamp } from "../../charts/colorRamp";
import { HeatLegend } from "../../charts/heatLegend";
import { blanks, type HeatLook } from "../../charts/heatPaint";
import { IconButton } from "../../charts/iconButton";
import { pngOf } from "../../charts/picture";
import { valueScale } from "../../charts/valueScale";
import { Dropdown } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { ColumnWidths } from "../columnWidths";
import { knownMetrics, metricInfos, moduleLines } from "../compareMetrics";
import type { CompareModel } from "../compareModel";
import { CopyButtons } from "../copyButtons";
import {
  formatHeat,
  type HeatSubject,
  heatLayout,
  heatMatrix,
  heatText,
  inGridOrder,
  panelHeight,
} from "./heatModel";
import { HeatPanels, type HeatPlace, panelPadding } from "./heatPanels";
import { heatDrawing } from "./heatPicture";
import { HeatTable } from "./heatTable";

export interface HeatSectionProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly scroller: RefObject<HTMLElement | null>;
}

const noReference = "";

/** Where in the model something happens: a metric of all modules by layer and kind, under each snapshot. */
export function HeatSection({ model, view, widths, scroller }: HeatSectionProps) {
  const { heat } = model.viewState.value;
  return (
    <section class="compare-section" aria-label="Heat map">
      <div class="compare-section-head">
        <h2 class="section-title">
          <button
            type="button"
            aria-expanded={heat.open}
            onClick={() => model.changeHeat({ open: !heat.open })}
          >
            <Icon name={heat.open ? "chevronDown" : "chevronRight"} />
            Heat map
          </button>
        </h2>
      </div>
      {heat.open && <HeatMap model={model} view={view} widths={widths} scroller={scroller} />}
    </section>
  );
}

function HeatMap({ model, view, widths, scroller }: HeatSectionProps) {
  const { heat, selected } = model.viewState.value;
  const theme = chartTheme().value;
  const [cursor, setCursor] = useState<HeatPlace>();
  const known = useMemo(() => knownMetrics(view), [view]);
  const metric = known.includes(heat.metric) ? heat.metric : "frobenius";
  const canDiffer = metricInfos[metric].against === "nothing";
  const reference = view.columns.findIndex(({ path }) => path === heat.from);
  const from = canDiffer && reference >= 0 ? reference : undefined;
  const subject = useMemo<HeatSubject>(() => ({ metric, from }), [metric, from]);

  const lines = useMemo(() => moduleLines(view), [view]);
  const grid = useMemo(() => moduleGrid(view.modules.map(({ module }) => module)), [view.modules]);
  const panelWidth = Math.max(40, Math.min(...widths.snapshots) - 2 * panelPadding);
  const layout = useMemo(() => heatLayout(grid, panelWidth), [grid, panelWidth]);
  const height = panelHeight(layout);
  const matrices = useMemo(
    () => view.columns.map((_, at) => heatMatrix(view, lines, layout, at, subject)),
    [view, lines, layout, subject],
  );
  const kind = from === undefined ? "sequential" : "diverging";
  const scale = useMemo(
    () =>
      valueScale(
        matrices.flatMap((matrix) => (matrix === undefined ? [] : [...matrix.values])),
        kind,
        heat.log,
      ),
    [matrices, kind, heat.log],
  );
  const ramp = useMemo(() => colorRamp(kind, theme.isDark), [kind, theme.isDark]);
  const look = useMemo<HeatLook>(() => ({ scale, ramp, theme }), [scale, ramp, theme]);
  const has = (presence: number, lacksValue: boolean) =>
    matrices.some((matrix) =>
      matrix?.presence?.some(
        (each, at) => each === presence && (!lacksValue || Number.isNaN(matrix.values[at] ?? 0)),
      ),
    );
  const hasAbsent = useMemo(() => has(blanks.absent, false), [matrices]);
  const hasBroken = useMemo(() => has(blanks.present, true), [matrices]);
  const ordered = useMemo(() => inGridOrder(grid, lines), [grid, lines]);

  const referenceLabel = from === undefined ? undefined : view.columns[from]?.label;
  const title =
    referenceLabel === undefined
      ? `${metricInfos[metric].long} by layer and kind`
      : `${metricInfos[metric].long}: difference from ${referenceLabel}`;
  const save = async () => {
    const drawing = heatDrawing({ title, view, layout, subject, matrices, look, panelWidth, height });
    model.host.notify("savePng", { bytes: await pngOf(drawing, theme), name: title });
  };
  const copy = (format: "Markdown" | "CSV") => {
    const table = heatText(view, ordered, subject, format === "CSV" ? "all" : "shown");
    const text = format === "CSV" ? toCsv(table) : toMarkdown(table);
    model.host.notify("copy", { text, what: `${table.rows.length} modules as ${format}` });
  };
  return (
    <>
      <div class="compare-section-head heat-head">
        <div class="toolbar" role="toolbar" aria-label="Heat map">
          <Dropdown
            label="Metric of the heat map"
            value={metric}
            options={known.map((each) => ({ value: each, label: metricInfos[each].long }))}
            onChange={(chosen) => model.changeHeat({ metric: chosen as CompareMetric })}
          />
          <Dropdown
            key={`${canDiffer} ${view.columns.map(({ path }) => path).join()}`}
            label="Values or differences"
            value={from === undefined ? noReference : (heat.from ?? noReference)}
            options={[
              { value: noReference, label: "Values" },
              ...(canDiffer
                ? view.columns.map(({ path, label }) => ({
                    value: path,
                    label: safeText(`Difference from ${label}`),
                  }))
                : []),
            ]}
            onChange={(path) => model.changeHeat({ from: path === noReference ? undefined : path })}
          />
          <button
            type="button"
            class="chip"
            aria-pressed={scale?.logarithmic === true}
            disabled={kind === "diverging"}
            title="Logarithmic colours"
            onClick={() => model.changeHeat({ log: scale?.logarithmic !== true })}
          >
            Log
          </button>
          <HeatLegend
            label={metricInfos[metric].short}
            scale={scale}
            ramp={ramp}
            format={(value) => formatHeat(subject, value)}
            hasAbsent={hasAbsent}
            hasBroken={hasBroken}
          />
          <span class="toolbar-rest">
            <IconButton
              label={heat.table ? "Show the heat map as a map" : "Show the heat map as a table"}
              onClick={() => model.changeHeat({ table: !heat.table })}
            >
              {heat.table ? <ChartIcon name="chart" /> : <Icon name="table" />}
            </IconButton>
            {!heat.table && (
              <IconButton label="Save the heat map as a PNG picture" onClick={() => void save()}>
                <ChartIcon name="save" />
              </IconButton>
            )}
            <CopyButtons what="the heat map" onCopy={copy} />
          </span>
        </div>
      </div>
      {heat.table ? (
        <HeatTable
          view={view}
          lines={ordered}
          widths={widths}
          subject={subject}
          label={safeText(title)}
          scroller={scroller}
          selected={selected}
          onSelect={(module) => model.select(module)}
        />
      ) : (
        <HeatPanels
          view={view}
          lines={lines}
          widths={widths}
          layout={layout}
          subject={subject}
          matrices={matrices}
          look={look}
          height={height}
          panelWidth={panelWidth}
          title={title}
          cursor={cursor}
          onCursor={setCursor}
          selected={selected}
          onSelect={(module) => model.select(module)}
        />
      )}
    </>
  );
}
