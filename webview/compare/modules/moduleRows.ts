import type {
  CompareMetric,
  CompareModuleRow,
  CompareView,
  SnapshotColumn,
} from "../../../src/core/compare/compareView";
import { type ModuleLine, metricInfos, metricOf, moduleLines } from "../compareMetrics";

export type ModuleSort =
  | { readonly by: "module" | "largestChange"; readonly descending: boolean }
  | ColumnSort;

/** Of the snapshot with this path: columns move, the order of rows stays. */
export interface ColumnSort {
  readonly by: CompareMetric;
  readonly path: string;
  readonly descending: boolean;
}

export function isColumnSort(sort: ModuleSort): sort is ColumnSort {
  return "path" in sort;
}

export const subsets = [
  { id: "all", label: "All modules" },
  { id: "common", label: "In all snapshots" },
  { id: "added", label: "Added since the first" },
  { id: "missing", label: "Missing in some" },
  { id: "rank", label: "Of different rank" },
  { id: "unavailable", label: "Not computable" },
] as const;
export type ModuleSubset = (typeof subsets)[number]["id"];

export function isInSubset(
  { cells }: CompareModuleRow,
  subset: ModuleSubset,
  columns: readonly SnapshotColumn[],
): boolean {
  const readable = cells.filter((_, at) => columns[at]?.failure === undefined);
  switch (subset) {
    case "all":
      return true;
    case "common":
      return readable.every((cell) => cell !== null);
    case "added":
      return cells[0] === null && columns[0]?.failure === undefined;
    case "missing":
      return readable.some((cell) => cell === null);
    case "rank":
      return new Set(cells.flatMap((cell) => (cell === null ? [] : [cell.rank]))).size > 1;
    case "unavailable":
      return cells.some((cell) => cell?.unavailable !== undefined);
  }
}

export interface ModuleQuery {
  readonly filter: string;
  readonly subset: ModuleSubset;
  readonly sort: ModuleSort;
}

/** The rows to show, in the order to show them. Modules without the value sorted by come last either way. */
export function queryModules(view: CompareView, { filter, subset, sort }: ModuleQuery): ModuleLine[] {
  const words = filter.trim().toLowerCase().split(/\s+/);
  const rows = moduleLines(view).filter((row) => {
    const name = row.module.toLowerCase();
    return words.every((word) => name.includes(word)) && isInSubset(row, subset, view.columns);
  });
  // The view comes in the natural order of names.
  if (sort.by === "module") return sort.descending ? rows.reverse() : rows;
  const keys = new Map(rows.map((row) => [row, sortKey(view, row, sort)]));
  const direction = sort.descending ? -1 : 1;
  return rows.sort((a, b) => {
    const left = keys.get(a);
    const right = keys.get(b);
    if (left === undefined || right === undefined)
      return Number(left === undefined) - Number(right === undefined);
    return (left - right) * direction;
  });
}

function sortKey(view: CompareView, row: ModuleLine, sort: ModuleSort): number | undefined {
  if (!isColumnSort(sort)) return sort.by === "largestChange" ? largestChange(row) : undefined;
  const at = view.columns.findIndex(({ path }) => path === sort.path);
  return finite(metricOf(view, row, at, sort.by));
}

export function largestChange({ cells }: CompareModuleRow): number | undefined {
  const changes = cells.flatMap((cell) => {
    const change = cell?.relativeChange;
    // An update that was zero before has changed beyond any factor.
    return change === undefined || Number.isNaN(change) ? [] : [change];
  });
  return changes.length === 0 ? undefined : Math.max(...changes);
}

function finite(value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value) ? undefined : value;
}

/** How strongly a cell is tinted, 0 to 1, for each metric that is tinted at all. */
export type HeatScale = (metric: CompareMetric, value: number) => number;

/** The largest values would leave the rest without colour if one module is far off; so the scale ends before. */
const scaleQuantile = 0.98;

export function heatScale(view: CompareView, metrics: readonly CompareMetric[]): HeatScale {
  const lines = moduleLines(view);
  const tops = new Map<CompareMetric, number>();
  for (const metric of metrics) {
    if (metric === "rank") continue;
    const values = lines
      .flatMap((line) => view.columns.map((_, at) => metricOf(view, line, at, metric)))
      .filter((value): value is number => value !== undefined && Number.isFinite(value))
      .map((value) => distance(metric, value))
      .sort((a, b) => a - b);
    tops.set(metric, values[Math.floor((values.length - 1) * scaleQuantile)] ?? 0);
  }
  return (metric, value) => {
    const top = tops.get(metric);
    if (top === undefined || !(top > 0) || Number.isNaN(value)) return 0;
    // Bent, so that the usual stays pale and what stands out does.
    return Math.min(1, Math.max(0, distance(metric, value) / top)) ** 1.6;
  };
}

/** Where 1 says "the same", it should be as pale as a change of 0: the sine of half the angle. */
function distance(metric: CompareMetric, value: number): number {
  const isLikeness =
    metric.startsWith("cosine") || metric.startsWith("similarity") || metric.startsWith("kept");
  return isLikeness ? Math.sqrt(Math.max(0, (1 - value) / 2)) : value;
}

/** What stands in a cell that has no value: why there is none. */
export function absenceOf(line: ModuleLine, column: number, metric: CompareMetric): string | undefined {
  const isUnheld = metricInfos[metric].against === "first" && line.cells[0] === null;
  return line.cells[column] !== null && isUnheld ? "added" : undefined;
}
