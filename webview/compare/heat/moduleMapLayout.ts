import { useMemo } from "preact/hooks";
import { type ModuleGrid, moduleGrid } from "../../../src/core/compare/modules/moduleGrid";
import type { CellSize } from "../../cells/cellCanvas";
import type { CellMatrix } from "../../cells/cellMatrix";
import type { ColumnWidths } from "../columnWidths";
import { type HeatLayout, heatLayout, moduleMatrix, panelHeight } from "./heatModel";
import type { MapValues } from "./mapValues";
import { panelPadding } from "./moduleMap";

export interface ModuleMapLayout {
  readonly grid: ModuleGrid;
  readonly layout: HeatLayout;
  readonly size: CellSize;
  /** One a column. */
  readonly matrices: readonly (CellMatrix | undefined)[];
}

/** Where the modules lie in the maps below the snapshots, and the values there. */
export function useModuleMapLayout(values: MapValues, widths: ColumnWidths): ModuleMapLayout {
  const grid = useMemo(() => moduleGrid(values.modules), [values.modules]);
  const width = Math.max(40, Math.min(...widths.snapshots) - 2 * panelPadding);
  const layout = useMemo(() => heatLayout(grid, width), [grid, width]);
  const matrices = useMemo(
    () => values.columns.map((_, at) => moduleMatrix(values, layout, at)),
    [values, layout],
  );
  const size = useMemo(() => ({ width, height: panelHeight(layout) }), [width, layout]);
  return { grid, layout, size, matrices };
}
