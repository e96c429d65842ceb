import { rankKeeping, shareTolerance } from "../update/rankChoice";

/** How ranks are chosen; every rule is exact unless `kohyaPlusOne` asks for kohya's count (lora.md §3.1). */
export type ReductionRule =
  /** min(rank, own rank) */
  | { readonly kind: "rank"; readonly rank: number }
  /** Fewest with Σσ² of at least this share of all: PEFT's float rank. */
  | { readonly kind: "energy"; readonly share: number }
  /** kohya's sv_fro: fewest with √Σσ² of at least this share, that is an energy of its square. */
  | { readonly kind: "svFro"; readonly share: number }
  /** kohya's sv_cumulative: fewest with Σσ of at least this share. */
  | { readonly kind: "svCumulative"; readonly share: number }
  /** kohya's sv_ratio: all above σ₁ / ratio. */
  | { readonly kind: "svRatio"; readonly ratio: number };

export interface ReductionOptions {
  readonly rule: ReductionRule;
  /** A rank for each module, or the smallest one with which the rule holds for all modules together. */
  readonly scope: "module" | "uniform";
  /** No rank above this, whatever the rule says. */
  readonly maxRank?: number;
  /** kohya's resize_lora keeps one component more than its rules ask for. */
  readonly kohyaPlusOne?: boolean;
}

/** What must be known of a module to plan its reduction. */
export interface ReducibleModule {
  readonly module: string;
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Largest first. */
  readonly singularValues: Float64Array;
  /** Where the list ends early: Σσ² and Σσ of the rest, which no plan then keeps. */
  readonly rest?: { readonly squares: number; readonly sum: number };
  readonly bytesPerValue: number;
  /** What the module takes in the file, where that is known: LoKr's matrices are far smaller than their product's factors. */
  readonly storedBytes?: number;
}

export interface PlannedModule {
  readonly module: string;
  readonly rankBefore: number;
  readonly rank: number;
  /** Share of Σσ² that is kept; 1 where the update is zero. */
  readonly energyKept: number;
  /** ‖ΔW - ΔW'‖_F, and the same relative to ‖ΔW‖_F: √(1 - energyKept). */
  readonly distance: number;
  readonly error: number;
  /** ‖ΔW - ΔW'‖₂, the first singular value that is left out. */
  readonly spectralError: number;
  /** Share of Σσ that is kept, kohya's "sum(S) retained". */
  readonly sumKept: number;
  /** ‖ΔW'‖_F. */
  readonly norm: number;
}

/** What a reduction would do. Plain data; cheap enough to be computed anew while a slider moves. */
export interface ReductionPlan {
  readonly modules: readonly PlannedModule[];
  /** Over all modules, weighted by their energy. */
  readonly energyKept: number;
  readonly error: number;
  /** Bytes of the factors. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Chooses ranks by a rule. Time is linear in the number of singular values.
 * @param bytesPerValue of the factors that will be written; without it those of the source
 */
export function planReduction(
  modules: readonly ReducibleModule[],
  options: ReductionOptions,
  bytesPerValue?: number,
): ReductionPlan {
  const ranks =
    options.scope === "uniform"
      ? uniformRanks(modules, options)
      : modules.map((module) => ownRank(module, options));
  const planned = modules.map((module, index) => plannedModule(module, ranks[index] ?? module.rank));
  const total = sumOf(modules, totalSquares);
  const lost = sumOf(planned, ({ distance }) => distance * distance);
  const energyKept = total === 0 ? 1 : Math.max(1 - lost / total, 0);
  const after = modules.map((module, index) =>
    factorBytes(module, planned[index]?.rank ?? 0, bytesPerValue ?? module.bytesPerValue),
  );
  return {
    modules: planned,
    energyKept,
    error: total === 0 ? 0 : Math.sqrt(lost / total),
    bytesBefore: sumOf(
      modules,
      (module) => module.storedBytes ?? factorBytes(module, module.rank, module.bytesPerValue),
    ),
    bytesAfter: sumOf(after, (bytes) => bytes),
  };
}

/** Of A and B together. */
export function factorBytes(
  { inFeatures, outFeatures }: Pick<ReducibleModule, "inFeatures" | "outFeatures">,
  rank: number,
  bytesPerValue: number,
): number {
  return rank * (inFeatures + outFeatures) * bytesPerValue;
}

/** Between 1 and what the module has. */
function bounded(rank: number, { singularValues }: ReducibleModule, maxRank: number | undefined): number {
  return Math.max(1, Math.min(rank, singularValues.length, maxRank ?? Number.POSITIVE_INFINITY));
}

function ownRank(module: ReducibleModule, { rule, maxRank, kohyaPlusOne }: ReductionOptions): number {
  const { singularValues } = module;
  const exact = exactRank([module], rule);
  if (kohyaPlusOne !== true || rule.kind === "rank") return bounded(exact, module, maxRank);
  // networks/resize_lora.py: index functions clamp to [1, length - 1], rank_resize adds 1; nothing is left of zero.
  if ((singularValues[0] ?? 0) <= kohyaSmallestValue) return 1;
  const index = Math.max(1, Math.min(exact, singularValues.length - 1));
  return bounded(index + 1, module, maxRank);
}

const kohyaSmallestValue = 1e-6;

/** The smallest rank with which the rule holds for all of the modules together. */
function exactRank(modules: readonly ReducibleModule[], rule: ReductionRule): number {
  const spectra = modules.map(({ singularValues }) => singularValues);
  const restSquares = sumOf(modules, ({ rest }) => rest?.squares ?? 0);
  switch (rule.kind) {
    case "rank":
      return rule.rank;
    case "energy":
      return rankKeeping(spectra, rule.share, squareOf, restSquares).rank;
    case "svFro":
      return rankKeeping(spectra, rule.share ** 2, squareOf, restSquares).rank;
    case "svCumulative": {
      const restSum = sumOf(modules, ({ rest }) => rest?.sum ?? 0);
      return rankKeeping(spectra, rule.share, (value) => value, restSum).rank;
    }
    case "svRatio": {
      const counts = spectra.map(
        (values) => values.filter((value) => value > (values[0] ?? 0) / rule.ratio).length,
      );
      return counts.reduce((most, count) => Math.max(most, count), 1);
    }
  }
}

function uniformRanks(modules: readonly ReducibleModule[], options: ReductionOptions): number[] {
  const { rule, maxRank, kohyaPlusOne } = options;
  const rank = exactRank(modules, rule) + Number(kohyaPlusOne === true && rule.kind !== "rank");
  return modules.map((module) => bounded(rank, module, maxRank));
}

function plannedModule(reducible: ReducibleModule, rank: number): PlannedModule {
  const { module, rank: rankBefore, singularValues, rest } = reducible;
  const kept = singularValues.subarray(0, rank);
  const total = totalSquares(reducible);
  // Summed from the small end, so that a cut of nothing loses exactly nothing.
  const lost = (rest?.squares ?? 0) + squares(singularValues.subarray(rank));
  const sum = singularValues.reduce((all, value) => all + value, rest?.sum ?? 0);
  return {
    module,
    rankBefore,
    rank,
    energyKept: total === 0 ? 1 : 1 - lost / total,
    distance: Math.sqrt(lost),
    error: total === 0 ? 0 : Math.sqrt(lost / total),
    spectralError: singularValues[rank] ?? 0,
    sumKept: sum === 0 ? 1 : kept.reduce((all, value) => all + value, 0) / sum,
    norm: Math.sqrt(squares(kept)),
  };
}

function totalSquares({ singularValues, rest }: ReducibleModule): number {
  return (rest?.squares ?? 0) + squares(singularValues);
}

const squareOf = (value: number) => value * value;

function squares(values: Float64Array): number {
  let sum = 0;
  for (let k = values.length - 1; k >= 0; k--) sum += (values[k] as number) ** 2;
  return sum;
}

function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

/** A rule with a number that means nothing; the message says what it should be. Undefined where it is in order. */
export function ruleProblem(rule: ReductionRule): string | undefined {
  switch (rule.kind) {
    case "rank":
      return Number.isSafeInteger(rule.rank) && rule.rank >= 1
        ? undefined
        : "A rank is a whole number from 1.";
    case "svRatio":
      return rule.ratio >= 1 ? undefined : "sv_ratio is a number from 1; kohya's users know it from 2.";
    default:
      return rule.share > shareTolerance && rule.share <= 1 ? undefined : "A share lies between 0 and 1.";
  }
}
