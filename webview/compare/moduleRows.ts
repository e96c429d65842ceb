import type {
  CompareCell,
  CompareModuleRow,
  CompareView,
  SnapshotColumn,
} from "../../src/core/lora/compareView";

/** What the module table can say of a module in a snapshot. */
export const metricIds = [
  "rank",
  "frobenius",
  "relativeChange",
  "cosine",
  "spectral",
  "stableRank",
  "effectiveRank",
] as const;
export type MetricId = (typeof metricIds)[number];

export function isMetric(value: unknown): value is MetricId {
  return (metricIds as readonly unknown[]).includes(value);
}

/** Against the first snapshot, so the first itself has none of these. */
export function isAgainstFirst(metric: MetricId): boolean {
  return metric === "relativeChange" || metric === "cosine";
}

export function metricOf(cell: CompareCell | null | undefined, metric: MetricId): number | undefined {
  return cell?.[metric];
}

export type ModuleSort =
  | { readonly by: "module" | "largestChange"; readonly descending: boolean }
  | ColumnSort;

/** Of the snapshot with this path: columns move, the order of rows stays. */
export interface ColumnSort {
  readonly by: MetricId;
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
export function queryModules(view: CompareView, { filter, subset, sort }: ModuleQuery): CompareModuleRow[] {
  const words = filter.trim().toLowerCase().split(/\s+/);
  const rows = view.modules.filter((row) => {
    const name = row.module.toLowerCase();
    return words.every((word) => name.includes(word)) && isInSubset(row, subset, view.columns);
  });
  // The view comes in the natural order of names.
  if (sort.by === "module") return sort.descending ? rows.reverse() : rows;
  const keys = new Map(rows.map((row) => [row, sortKey(row, sort, view.columns)]));
  const direction = sort.descending ? -1 : 1;
  return rows.sort((a, b) => {
    const left = keys.get(a);
    const right = keys.get(b);
    if (left === undefined || right === undefined)
      return Number(left === undefined) - Number(right === undefined);
    return (left - right) * direction;
  });
}

function sortKey(
  row: CompareModuleRow,
  sort: ModuleSort,
  columns: readonly SnapshotColumn[],
): number | undefined {
  if (!isColumnSort(sort)) return sort.by === "largestChange" ? largestChange(row) : undefined;
  const at = columns.findIndex(({ path }) => path === sort.path);
  return finite(metricOf(row.cells[at], sort.by));
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
export type HeatScale = (metric: MetricId, value: number) => number;

/** The largest values would leave the rest without colour if one module is far off; so the scale ends before. */
const scaleQuantile = 0.98;

export function heatScale(view: CompareView): HeatScale {
  const tops = new Map<MetricId, number>();
  for (const metric of metricIds) {
    if (metric === "rank") continue;
    const values = view.modules
      .flatMap(({ cells }) => cells.map((cell) => metricOf(cell, metric)))
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

/** A cosine of 1 is "the same" and should be as pale as a change of 0: the sine of half the angle. */
function distance(metric: MetricId, value: number): number {
  return metric === "cosine" ? Math.sqrt(Math.max(0, (1 - value) / 2)) : value;
}
