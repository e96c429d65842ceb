import type { RefObject } from "preact";
import { useMemo } from "preact/hooks";
import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import { Button } from "../../ui/controls";
import type { ColumnWidths, MetricWidth } from "../columnWidths";
import type { CompareModel } from "../compareModel";
import { heatScale, queryModules } from "./moduleRows";
import { ModuleTable } from "./moduleTable";
import { moduleText } from "./moduleText";
import { ModuleToolbar } from "./moduleToolbar";

export interface ModuleSectionProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly widthOf: MetricWidth;
  readonly metrics: readonly CompareMetric[];
  readonly scroller: RefObject<HTMLElement | null>;
}

/** The modules that the snapshots adapt, aligned by name. */
export function ModuleSection({ model, view, widths, widthOf, metrics, scroller }: ModuleSectionProps) {
  const { filter, subset, sort, tint, selected } = model.viewState.value;
  const rows = useMemo(() => queryModules(view, { filter, subset, sort }), [view, filter, subset, sort]);
  const heat = useMemo(() => heatScale(view, metrics), [view, metrics]);
  const nothingCommon = useMemo(() => sharesNoModule(view), [view]);
  return (
    <section class="compare-section" aria-label="Modules">
      <div class="compare-section-head">
        <h2 class="section-title">Modules</h2>
        <ModuleToolbar
          model={model}
          view={view}
          shown={rows.length}
          shownMetrics={metrics}
          copied={(format) => moduleText(view, rows, metrics, format === "CSV" ? "all" : "shown")}
        />
        {nothingCommon && (
          <p class="compare-hint">
            No module is adapted by more than one of these snapshots, so there is nothing to compare module by
            module. Are they adapters of the same base model?
          </p>
        )}
      </div>
      <ModuleTable
        scroller={scroller}
        view={view}
        rows={rows}
        metrics={metrics}
        widths={widths}
        widthOf={widthOf}
        heat={tint ? heat : undefined}
        sort={sort}
        onSort={(order) => model.change({ sort: order })}
        selected={selected}
        onSelect={(module) => model.select(module)}
      />
      {rows.length === 0 && (
        <p class="compare-none">
          <span class="dim">No module matches the filter.</span>
          <Button onClick={() => model.change({ filter: "", subset: "all" })}>Show all modules</Button>
        </p>
      )}
    </section>
  );
}

function sharesNoModule({ columns, modules }: CompareView): boolean {
  const readable = columns.filter(({ failure }) => failure === undefined).length;
  return readable > 1 && modules.every(({ cells }) => cells.filter((cell) => cell !== null).length < 2);
}
