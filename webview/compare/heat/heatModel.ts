import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import type { ModuleGrid } from "../../../src/core/compare/modules/moduleGrid";
import { blanks, type CellMatrix } from "../../cells/cellMatrix";
import {
  allDigits,
  formatMetric,
  isRelative,
  type ModuleLine,
  metricInfos,
  metricOf,
} from "../compareMetrics";
import type { MapValues } from "./mapValues";

/** Modules in rows and columns: kinds down and layers across where these have room, else the other way round. */
export interface HeatLayout {
  readonly rowLabels: readonly string[];
  readonly colLabels: readonly string[];
  readonly areLayersAcross: boolean;
  /** Index of the module at each place, row by row; -1 where there is none. */
  readonly moduleAt: Int32Array;
}

/** Narrower cells are hard to hit. */
const narrowestLayerPx = 4;

export function heatLayout(grid: ModuleGrid, panelWidth: number): HeatLayout {
  const layers = grid.rows.map(({ label }) => (label === "" ? "–" : label));
  const kinds = grid.columns.map(({ label }) => label);
  if (layers.length * narrowestLayerPx > panelWidth) {
    return { rowLabels: layers, colLabels: kinds, areLayersAcross: false, moduleAt: grid.cells };
  }
  const moduleAt = new Int32Array(grid.cells.length);
  for (let kind = 0; kind < kinds.length; kind++) {
    for (let layer = 0; layer < layers.length; layer++) {
      moduleAt[kind * layers.length + layer] = grid.cells[layer * kinds.length + kind] ?? -1;
    }
  }
  return { rowLabels: kinds, colLabels: layers, areLayersAcross: true, moduleAt };
}

/** What is shown of each module: a metric, or how much it differs from that in another snapshot. */
export interface HeatSubject {
  readonly metric: CompareMetric;
  /** Index of the column that is taken off. */
  readonly from: number | undefined;
}

/** A metric of the modules of a comparison. */
export function comparedValues(
  view: CompareView,
  lines: readonly ModuleLine[],
  subject: HeatSubject,
): MapValues {
  const { metric, from } = subject;
  const value = (line: ModuleLine | undefined, column: number): number | undefined => {
    const own = line && metricOf(view, line, column, metric);
    if (line === undefined || from === undefined || own === undefined) return own;
    if (from === column) return undefined;
    const other = metricOf(view, line, from, metric);
    return other === undefined ? undefined : own - other;
  };
  return {
    columns: view.columns,
    modules: lines.map(({ module }) => module),
    value: (module, column) => value(lines[module], column),
    isAbsent: (module, column) => {
      const line = lines[module];
      return line === undefined || line.cells[column] === null || isUnmatched(line, column, subject);
    },
    absence: (module, column) => absenceText(view, lines[module], column, subject),
    none: (column) => emptyReason(view, column, subject),
    format: (each) => formatHeat(subject, each),
    exact: (each) => allDigits(metric, each),
  };
}

/** Undefined for a column that has nothing to show: unreadable, or what the others are held against. */
export function moduleMatrix(
  values: MapValues,
  { moduleAt, rowLabels, colLabels }: HeatLayout,
  column: number,
): CellMatrix | undefined {
  if (values.none(column) !== undefined) return undefined;
  const cells = new Float32Array(moduleAt.length).fill(Number.NaN);
  const presence = new Uint8Array(moduleAt.length);
  for (const [at, module] of moduleAt.entries()) {
    if (values.modules[module] === undefined) continue;
    const isAbsent = values.isAbsent(module, column);
    presence[at] = isAbsent ? blanks.absent : blanks.present;
    if (!isAbsent) cells[at] = values.value(module, column) ?? Number.NaN;
  }
  return { rows: rowLabels.length, cols: colLabels.length, values: cells, presence };
}

/** There is no such module to hold it against. */
function isUnmatched({ cells }: ModuleLine, column: number, { metric, from }: HeatSubject): boolean {
  if (from !== undefined) return cells[from] === null;
  const { against } = metricInfos[metric];
  if (against === "first") return cells[0] === null;
  return against === "previous" && cells[column - 1] === null;
}

/** Why there is no map for a column. */
export function emptyReason(
  { columns, initialColumn }: CompareView,
  column: number,
  { metric, from }: HeatSubject,
): string | undefined {
  if (columns[column]?.failure !== undefined) return "unreadable";
  if (columns[column]?.moduleCount === 0) return "no adapter";
  if (column === from) return "the others are held against it";
  if (column === 0 && isRelative(metric)) return "the others are held against it";
  if (metricInfos[metric].against === "initial" && column === initialColumn) return "the start";
  return undefined;
}

function formatHeat({ metric, from }: HeatSubject, value: number): string {
  if (from === undefined) return formatMetric(metric, value);
  const text = formatMetric(metric, Math.abs(value));
  return value === 0 ? text : `${value > 0 ? "+" : "−"}${text}`;
}

function absenceText(
  view: CompareView,
  line: ModuleLine | undefined,
  column: number,
  subject: HeatSubject,
): string {
  if (line === undefined || emptyReason(view, column, subject) !== undefined) return "–";
  const cell = line.cells[column];
  if (!cell) return "not adapted";
  if (isUnmatched(line, column, subject)) return "added";
  return cell.unavailable === undefined ? "–" : "n/a";
}

/** The height of a panel: rows as high as a text where that fits, else as high as the room allows. */
export function panelHeight({ rowLabels, areLayersAcross }: HeatLayout): number {
  const [roomPx, most] = areLayersAcross ? [420, 18] : [520, 14];
  const each = Math.min(most, Math.max(2, Math.floor(roomPx / Math.max(1, rowLabels.length))));
  return Math.min(6000, each * rowLabels.length);
}
