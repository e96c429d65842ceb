import type { CompareMetric } from "../../src/core/compare/compareView";
import { type TimelineMetric, timelineMetrics } from "../../src/core/compare/timeline";
import { isMetric } from "./compareMetrics";
import { type ModuleSort, type ModuleSubset, subsets } from "./modules/moduleRows";

/** What the heat map shows. */
export interface HeatChoice {
  readonly open: boolean;
  readonly metric: CompareMetric;
  /** Path of the snapshot that is taken off; undefined shows the values themselves. */
  readonly from: string | undefined;
  /** Undefined leaves it to the values. */
  readonly log: boolean | undefined;
  /** As numbers. */
  readonly table: boolean;
}

export type DetailTab = "spectrum" | "subspaces" | "norms" | "values" | "base";

/** Rows and columns of the update and of its factors. */
export type NormProfileId =
  | "outputs"
  | "inputs"
  | "componentsOfA"
  | "inputsOfA"
  | "componentsOfB"
  | "outputsOfB";

/** How a run is followed. */
export interface FollowChoice {
  readonly metric: TimelineMetric;
  readonly order: "layer" | "kind";
  readonly log: boolean | undefined;
  readonly table: boolean;
}

/** The pages of a panel that was opened on a run. */
export const comparePageIds = ["timeline", "comparison", "lineage"] as const;
export type ComparePageId = (typeof comparePageIds)[number];

/** Where the reader is in the comparison; it outlives the page, which is destroyed when its tab is hidden. */
export interface CompareViewState {
  readonly filter: string;
  readonly subset: ModuleSubset;
  readonly sort: ModuleSort;
  readonly metrics: readonly CompareMetric[];
  /** Only as many of them as fit with all snapshots in sight. */
  readonly fit: boolean;
  readonly tint: boolean;
  readonly heat: HeatChoice;
  readonly choosing: boolean;
  /** Name of the module whose singular values are shown. */
  readonly selected: string | undefined;
  /** Notes on the snapshots, besides the warnings. */
  readonly findings: boolean;
  readonly detailShare: number;
  readonly detailTab: DetailTab;
  /** Paths of the two snapshots whose spaces are compared, with a line break between them. */
  readonly pair: string | undefined;
  readonly normProfile: NormProfileId;
  readonly valuesLog: boolean;
  /** Spectra of the true change instead of those of ΔW. */
  readonly trueSpectrum: boolean;
  /** What a panel that follows a run shows. */
  readonly page: ComparePageId;
  readonly followed: FollowChoice;
  readonly tensorFilter: string;
  readonly tensorStatus: string | undefined;
  /** How far the tables are scrolled. */
  readonly scroll: { readonly left: number; readonly top: number };
}

export const startViewState: CompareViewState = {
  filter: "",
  subset: "all",
  sort: { by: "module", descending: false },
  metrics: ["rank", "frobenius", "change", "cosine"],
  fit: true,
  tint: true,
  heat: { open: true, metric: "frobenius", from: undefined, log: undefined, table: false },
  choosing: false,
  selected: undefined,
  findings: false,
  detailShare: 0.36,
  detailTab: "spectrum",
  pair: undefined,
  normProfile: "outputs",
  valuesLog: false,
  trueSpectrum: false,
  page: "timeline",
  followed: { metric: "frobenius", order: "layer", log: undefined, table: false },
  tensorFilter: "",
  tensorStatus: undefined,
  scroll: { left: 0, top: 0 },
};

/** What was saved, by some version of this page; where one starts for what it lacks. */
export function viewStateFrom(saved: Partial<CompareViewState>): CompareViewState {
  const metrics = Array.isArray(saved.metrics) ? saved.metrics.filter(isMetric) : [];
  return {
    ...startViewState,
    ...saved,
    metrics: metrics.length > 0 ? metrics : startViewState.metrics,
    subset: subsets.some(({ id }) => id === saved.subset) ? (saved.subset as ModuleSubset) : "all",
    page: comparePageIds.find((page) => page === saved.page) ?? startViewState.page,
    heat: heatFrom(saved.heat),
    followed: followedFrom(saved.followed),
    sort: isSort(saved.sort) ? saved.sort : startViewState.sort,
  };
}

function isSort(sort: ModuleSort | undefined): sort is ModuleSort {
  if (typeof sort !== "object" || sort === null) return false;
  return sort.by === "module" || sort.by === "largestChange" || ("path" in sort && isMetric(sort.by));
}

function heatFrom(saved: Partial<HeatChoice> | undefined): HeatChoice {
  const heat = { ...startViewState.heat, ...saved };
  return isMetric(heat.metric) ? heat : { ...heat, metric: startViewState.heat.metric };
}

function followedFrom(saved: Partial<FollowChoice> | undefined): FollowChoice {
  const followed = { ...startViewState.followed, ...saved };
  const isKnown = timelineMetrics.includes(followed.metric);
  return isKnown ? followed : { ...followed, metric: startViewState.followed.metric };
}
