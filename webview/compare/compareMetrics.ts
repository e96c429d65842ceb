import {
  type CompareCell,
  type CompareMetric,
  type CompareModuleRow,
  type CompareView,
  compareMetrics,
} from "../../src/core/compare/compareView";
import { formatCount } from "../../src/core/text/quantities";
import { formatChange, formatCosine, formatNorm, formatShareOf } from "./compareFormat";

/** What the page says of a metric, and how. */
export interface MetricInfo {
  /** Above a column of numbers. */
  readonly short: string;
  /** In a list to choose from. */
  readonly long: string;
  readonly help: string;
  /** Of a column of the module table, in pixels. */
  readonly width: number;
  /** What the update is held against; a snapshot without it has no value. */
  readonly against: "nothing" | "first" | "previous" | "initial";
  readonly format: (value: number) => string;
}

const first = "the update in the first snapshot";
const previous = "the update in the snapshot to the left";

export const metricInfos: Readonly<Record<CompareMetric, MetricInfo>> = {
  rank: {
    short: "Rank",
    long: "Rank",
    help: "Rank of the factors in the file",
    width: 48,
    against: "nothing",
    format: formatCount,
  },
  frobenius: {
    short: "‖ΔW‖",
    long: "‖ΔW‖ (Frobenius norm)",
    help: "Frobenius norm of the update ΔW = scale · B · A",
    width: 80,
    against: "nothing",
    format: formatNorm,
  },
  spectral: {
    short: "σ₁",
    long: "σ₁ (spectral norm)",
    help: "Largest singular value of ΔW",
    width: 80,
    against: "nothing",
    format: formatNorm,
  },
  stableRank: {
    short: "Stable rank",
    long: "Stable rank",
    help: "‖ΔW‖² / σ₁²",
    width: 88,
    against: "nothing",
    format: formatRank,
  },
  effectiveRank: {
    short: "Eff. rank",
    long: "Effective rank",
    help: "Exponential of the entropy of the singular values",
    width: 80,
    against: "nothing",
    format: formatRank,
  },
  rank99: {
    short: "Rank 99 %",
    long: "Rank for 99 % of the energy",
    help: "The fewest singular values that hold 99 % of Σσ²",
    width: 80,
    against: "nothing",
    format: formatCount,
  },
  normA: {
    short: "‖A‖",
    long: "‖A‖",
    help: "Frobenius norm of the factor A, which depends on how the update is split into factors",
    width: 80,
    against: "nothing",
    format: formatNorm,
  },
  normB: {
    short: "‖B‖",
    long: "‖B‖",
    help: "Frobenius norm of the factor B, which depends on how the update is split into factors",
    width: 80,
    against: "nothing",
    format: formatNorm,
  },
  change: {
    short: "Change",
    long: "Change since the first",
    help: `‖ΔW − ΔW₁‖ / ‖ΔW₁‖, where ΔW₁ is ${first}`,
    width: 82,
    against: "first",
    format: formatChange,
  },
  cosine: {
    short: "Cosine",
    long: "Cosine with the first",
    help: `Cosine between the update and ${first}: 1 is the same direction`,
    width: 78,
    against: "first",
    format: formatCosine,
  },
  similarity: {
    short: "Subspace",
    long: "Subspace similarity with the first",
    help: `φ of the input spaces of the update and of ${first}: 1 is the same space, 0 an orthogonal one`,
    width: 78,
    against: "first",
    format: formatCosine,
  },
  kept: {
    short: "Kept",
    long: "Energy kept since the first",
    help: `Share of the energy of ${first} within the spaces of this one`,
    width: 78,
    against: "first",
    format: formatShareOf,
  },
  added: {
    short: "New",
    long: "New energy since the first",
    help: `Share of the energy of the update outside of the spaces of ${first}`,
    width: 78,
    against: "first",
    format: formatShareOf,
  },
  changePrevious: {
    short: "Change, left",
    long: "Change from the left",
    help: `‖ΔW − ΔW′‖ / ‖ΔW′‖, where ΔW′ is ${previous}`,
    width: 94,
    against: "previous",
    format: formatChange,
  },
  cosinePrevious: {
    short: "Cosine, left",
    long: "Cosine with the left",
    help: `Cosine between the update and ${previous}`,
    width: 94,
    against: "previous",
    format: formatCosine,
  },
  similarityPrevious: {
    short: "Subspace, left",
    long: "Subspace similarity with the left",
    help: `φ of the input spaces of the update and of ${previous}`,
    width: 104,
    against: "previous",
    format: formatCosine,
  },
  keptPrevious: {
    short: "Kept, left",
    long: "Energy kept from the left",
    help: `Share of the energy of ${previous} within the spaces of this one`,
    width: 86,
    against: "previous",
    format: formatShareOf,
  },
  addedPrevious: {
    short: "New, left",
    long: "New energy beyond the left",
    help: `Share of the energy of the update outside of the spaces of ${previous}`,
    width: 86,
    against: "previous",
    format: formatShareOf,
  },
  trueChange: {
    short: "True change",
    long: "True change of the weights",
    help: "‖s·(B·A − B₀·A₀)‖: the change from the public base, counted from the initial adapter",
    width: 94,
    against: "initial",
    format: formatNorm,
  },
};

export function isMetric(value: unknown): value is CompareMetric {
  return (compareMetrics as readonly unknown[]).includes(value);
}

/** The first snapshot is held against nothing. */
export function isRelative(metric: CompareMetric): boolean {
  const { against } = metricInfos[metric];
  return against === "first" || against === "previous";
}

export function formatMetric(metric: CompareMetric, value: number): string {
  return metricInfos[metric].format(value);
}

/** A module with its place in the tables of metrics. */
export interface ModuleLine extends CompareModuleRow {
  readonly index: number;
}

export function moduleLines(view: CompareView): ModuleLine[] {
  return view.modules.map((row, index) => ({ ...row, index }));
}

/** What a cell holds, in full precision. The tables hold all metrics, in single precision. */
const cellFields: Partial<Record<CompareMetric, keyof CompareCell>> = {
  rank: "rank",
  frobenius: "frobenius",
  spectral: "spectral",
  stableRank: "stableRank",
  effectiveRank: "effectiveRank",
  change: "relativeChange",
  cosine: "cosine",
};

/** Undefined where there is no value. */
export function metricOf(
  view: CompareView,
  { cells, index }: ModuleLine,
  column: number,
  metric: CompareMetric,
): number | undefined {
  const cell = cells[column];
  if (!cell) return undefined;
  const field = cellFields[metric];
  if (field !== undefined) return cell[field] as number | undefined;
  const value = view.metrics?.[metric]?.[index * view.columns.length + column];
  return value === undefined || Number.isNaN(value) ? undefined : value;
}

/** With all digits that mean something, for a spreadsheet. */
export function allDigits(metric: CompareMetric, value: number): string {
  return String(metric in cellFields ? value : Number(value.toPrecision(7)));
}

/** Metrics that at least one module has a value of. */
export function knownMetrics({ metrics }: CompareView): CompareMetric[] {
  return compareMetrics.filter((metric) => metric in cellFields || metrics?.[metric] !== undefined);
}

function formatRank(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : formatNorm(value);
}
