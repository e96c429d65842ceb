import type { CompareMetric } from "../../src/core/lora/compareView";
import { isMetric } from "./compareMetrics";
import { type ModuleSort, type ModuleSubset, subsets } from "./moduleRows";

/** Where the reader is in the comparison; it outlives the page, which is destroyed when its tab is hidden. */
export interface ComparePlace {
  readonly filter: string;
  readonly subset: ModuleSubset;
  readonly sort: ModuleSort;
  readonly metrics: readonly CompareMetric[];
  /** Only as many of them as fit with all snapshots in sight. */
  readonly fit: boolean;
  readonly tint: boolean;
  readonly choosing: boolean;
  /** Name of the module whose singular values are shown. */
  readonly selected: string | undefined;
  readonly detailShare: number;
  readonly tensorFilter: string;
  readonly tensorStatus: string | undefined;
  /** How far the tables are scrolled. */
  readonly scroll: { readonly left: number; readonly top: number };
}

export const startPlace: ComparePlace = {
  filter: "",
  subset: "all",
  sort: { by: "module", descending: false },
  metrics: ["rank", "frobenius", "change", "cosine"],
  fit: true,
  tint: true,
  choosing: false,
  selected: undefined,
  detailShare: 0.36,
  tensorFilter: "",
  tensorStatus: undefined,
  scroll: { left: 0, top: 0 },
};

/** What was saved, by some version of this page; where one starts for what it lacks. */
export function placeFrom(saved: Partial<ComparePlace>): ComparePlace {
  const metrics = Array.isArray(saved.metrics) ? saved.metrics.filter(isMetric) : [];
  return {
    ...startPlace,
    ...saved,
    metrics: metrics.length > 0 ? metrics : startPlace.metrics,
    subset: subsets.some(({ id }) => id === saved.subset) ? (saved.subset as ModuleSubset) : "all",
    sort: isSort(saved.sort) ? saved.sort : startPlace.sort,
  };
}

function isSort(sort: ModuleSort | undefined): sort is ModuleSort {
  if (typeof sort !== "object" || sort === null) return false;
  return sort.by === "module" || sort.by === "largestChange" || ("path" in sort && isMetric(sort.by));
}
