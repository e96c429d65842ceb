import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import type { ModuleGrid } from "../../../src/core/compare/modules/moduleGrid";
import type { TextTable } from "../../../src/core/text/tableText";
import { blanks, type HeatMatrix } from "../../charts/heatPaint";
import {
  allDigits,
  formatMetric,
  isRelative,
  type ModuleLine,
  metricInfos,
  metricOf,
} from "../compareMetrics";

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

export function heatValue(
  view: CompareView,
  line: ModuleLine,
  column: number,
  { metric, from }: HeatSubject,
): number | undefined {
  const value = metricOf(view, line, column, metric);
  if (from === undefined || value === undefined) return value;
  if (from === column) return undefined;
  const other = metricOf(view, line, from, metric);
  return other === undefined ? undefined : value - other;
}

/** Undefined for a column that has nothing to show: unreadable, or what the others are held against. */
export function heatMatrix(
  view: CompareView,
  lines: readonly ModuleLine[],
  layout: HeatLayout,
  column: number,
  subject: HeatSubject,
): HeatMatrix | undefined {
  if (emptyReason(view, column, subject) !== undefined) return undefined;
  const { moduleAt, rowLabels, colLabels } = layout;
  const values = new Float32Array(moduleAt.length).fill(Number.NaN);
  const presence = new Uint8Array(moduleAt.length);
  for (let at = 0; at < moduleAt.length; at++) {
    const line = lines[moduleAt[at] ?? -1];
    if (line === undefined) continue;
    const isAbsent = line.cells[column] === null || isUnmatched(line, column, subject);
    presence[at] = isAbsent ? blanks.absent : blanks.present;
    if (!isAbsent) values[at] = heatValue(view, line, column, subject) ?? Number.NaN;
  }
  return { rows: rowLabels.length, cols: colLabels.length, values, presence };
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

export function formatHeat({ metric, from }: HeatSubject, value: number): string {
  if (from === undefined) return formatMetric(metric, value);
  const text = formatMetric(metric, Math.abs(value));
  return value === 0 ? text : `${value > 0 ? "+" : "−"}${text}`;
}

/** What a place without a value says. */
export function absenceText(
  view: CompareView,
  line: ModuleLine,
  column: number,
  subject: HeatSubject,
): string {
  const empty = emptyReason(view, column, subject);
  if (empty !== undefined) return "–";
  const cell = line.cells[column];
  if (!cell) return "not adapted";
  if (isUnmatched(line, column, subject)) return "added";
  return cell.unavailable === undefined ? "–" : "n/a";
}

/** What is copied crosses as one message. */
const maxCopiedCells = 40_000;

/** The twin of the map: a row a module, in the order of layers. */
export function heatText(
  view: CompareView,
  lines: readonly ModuleLine[],
  subject: HeatSubject,
  digits: "shown" | "all",
): TextTable {
  const { columns } = view;
  const rows = lines.slice(0, Math.floor(maxCopiedCells / (columns.length + 1)));
  return {
    headers: ["Module", ...columns.map(({ label }) => label)],
    rows: rows.map((line) => [
      line.module,
      ...columns.map((_, at) => {
        const value = heatValue(view, line, at, subject);
        if (value === undefined) return absenceText(view, line, at, subject);
        return digits === "all" ? allDigits(subject.metric, value) : formatHeat(subject, value);
      }),
    ]),
    alignEnd: new Set(columns.map((_, at) => at + 1)),
  };
}

/** Modules in the order of their layers, and in each in the order of kinds. */
export function inGridOrder(grid: ModuleGrid, lines: readonly ModuleLine[]): ModuleLine[] {
  const placed = new Set<number>();
  const ordered: ModuleLine[] = [];
  for (const index of grid.cells) {
    const line = lines[index];
    if (line === undefined || placed.has(index)) continue;
    placed.add(index);
    ordered.push(line);
  }
  // Two modules of one place, which a name that repeats its layer can bring about.
  return [...ordered, ...lines.filter(({ index }) => !placed.has(index))];
}

/** The height of a panel: rows as high as a text where that fits, else as high as the room allows. */
export function panelHeight({ rowLabels, areLayersAcross }: HeatLayout): number {
  const [roomPx, most] = areLayersAcross ? [420, 18] : [520, 14];
  const each = Math.min(most, Math.max(2, Math.floor(roomPx / Math.max(1, rowLabels.length))));
  return Math.min(6000, each * rowLabels.length);
}

/** Every n-th label, so that they do not touch. Few labels are all shown. */
export function shownLabels(count: number, lengthPx: number, roomPx: number): readonly number[] {
  const every = [1, 2, 4, 5, 8, 10, 16, 20, 25, 50, 100, 200, 500, 1000].find(
    (step) => (lengthPx / Math.max(1, count)) * step >= roomPx,
  );
  if (every === undefined) return count > 0 ? [0] : [];
  return Array.from({ length: Math.ceil(count / every) }, (_, index) => index * every);
}
