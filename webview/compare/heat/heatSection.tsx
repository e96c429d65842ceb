import type { RefObject } from "preact";
import type { CompareView } from "../../../src/core/compare/compareView";
import { Icon } from "../../ui/icon";
import { lazyPart, OnceLoaded } from "../../ui/lazyPart";
import type { ColumnWidths } from "../columnWidths";
import type { CompareModel } from "../compareModel";

export const snapshotHeat = lazyPart(async () => (await import("./snapshotHeat")).SnapshotHeat);

export interface HeatSectionProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly scroller: RefObject<HTMLElement | null>;
}

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
      {heat.open && (
        <OnceLoaded part={snapshotHeat}>
          {(SnapshotHeat) => <SnapshotHeat model={model} view={view} widths={widths} scroller={scroller} />}
        </OnceLoaded>
      )}
    </section>
  );
}
