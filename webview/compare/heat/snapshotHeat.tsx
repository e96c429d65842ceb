import "../common";
import { useMemo } from "preact/hooks";
import type { CompareMetric } from "../../../src/core/compare/compareView";
import { CellLegend } from "../../cells/cellLegend";
import { blanksOf } from "../../cells/cellMatrix";
import { useCellScale } from "../../cells/cellScale";
import { MapActions } from "../../cells/mapActions";
import { Dropdown } from "../../ui/controls";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import { CopyButtons } from "../../ui/tables/copyButtons";
import { knownMetrics, metricInfos, moduleLines } from "../compareMetrics";
import { chartOutlets } from "../detail/readyDetail";
import { comparedValues, type HeatSubject } from "./heatModel";
import type { HeatSectionProps } from "./heatSection";
import { copiedValues, inGridOrder } from "./mapValues";
import { MatrixTable } from "./matrixTable";
import { colLabelsOf, ModuleMap } from "./moduleMap";
import { useModuleMapLayout } from "./moduleMapLayout";

const noReference = "";

/** A metric of all modules by layer and kind, under each snapshot, or what it differs from one of them. */
export function SnapshotHeat({ model, view, widths, scroller }: HeatSectionProps) {
  const { heat, selected } = model.viewState.value;
  const known = useMemo(() => knownMetrics(view), [view]);
  const metric = known.includes(heat.metric) ? heat.metric : "frobenius";
  const canDiffer = metricInfos[metric].against === "nothing";
  const reference = view.columns.findIndex(({ path }) => path === heat.from);
  const from = canDiffer && reference >= 0 ? reference : undefined;
  const subject = useMemo<HeatSubject>(() => ({ metric, from }), [metric, from]);
  const values = useMemo(() => comparedValues(view, moduleLines(view), subject), [view, subject]);
  const { grid, layout, size, matrices } = useModuleMapLayout(values, widths);
  const kind = from === undefined ? "sequential" : "diverging";
  const look = useCellScale(matrices, kind, heat.log);
  const isLogarithmic = look.scale?.logarithmic === true;
  const order = useMemo(() => inGridOrder(grid, view.modules.length), [grid, view]);
  const blanks = useMemo(() => blanksOf(matrices), [matrices]);
  const outlets = chartOutlets(model);

  const referenceLabel = from === undefined ? undefined : view.columns[from]?.label;
  const title =
    referenceLabel === undefined
      ? `${metricInfos[metric].long} by layer and kind`
      : `${metricInfos[metric].long}: difference from ${referenceLabel}`;
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
            aria-pressed={isLogarithmic}
            disabled={kind === "diverging"}
            title="Logarithmic colours"
            onClick={() => model.changeHeat({ log: !isLogarithmic })}
          >
            Log
          </button>
          <CellLegend label={metricInfos[metric].short} look={look} format={values.format} {...blanks} />
          <span class="toolbar-rest">
            <MapActions
              what="the heat map"
              asTable={heat.table}
              onTable={(table) => model.changeHeat({ table })}
              picture={() => ({
                title,
                panels: view.columns.map(({ label }, at) => ({ title: label, matrix: matrices[at] })),
                size,
                look,
                rowLabels: { texts: layout.rowLabels, roomPx: 12 },
                nameWidth: 110,
                colLabels: colLabelsOf(layout),
                format: values.format,
              })}
              onSavePicture={outlets.onSavePicture}
            >
              <CopyButtons
                what="the heat map"
                copied={(format) => copiedValues(values, order, format)}
                onCopy={outlets.onCopy}
              />
            </MapActions>
          </span>
        </div>
      </div>
      {heat.table ? (
        <MatrixTable
          values={values}
          order={order}
          nameWidth={widths.name}
          columnWidth={(at) => widths.snapshots[at] ?? 0}
          head={(at) => <MiddleEllipsis text={view.columns[at]?.label ?? ""} tail={14} />}
          label={title}
          scroller={scroller}
          selected={selected}
          onSelect={(module) => model.select(module)}
        />
      ) : (
        <ModuleMap
          values={values}
          widths={widths}
          layout={layout}
          matrices={matrices}
          look={look}
          size={size}
          title={title}
          selected={selected}
          onSelect={(module) => model.select(module)}
        />
      )}
    </>
  );
}
