import type { UpdateChange } from "./compareView";
import type { ModuleComparison } from "./modules/moduleComparison";

/** ‖ΔW‖_F over all modules of a snapshot that could be measured: √Σ‖ΔW_i‖². */
export function totalNorm(modules: readonly ModuleComparison[], index: number): number {
  return Math.hypot(...modules.map((module) => normIn(module, index)));
}

function normIn({ measurements }: ModuleComparison, index: number): number {
  const { metrics, experts = [] } = measurements[index] ?? {};
  const norm = metrics?.frobenius ?? Math.hypot(...experts.map(({ frobenius }) => frobenius));
  return Number.isFinite(norm) ? norm : 0;
}

/**
 * Whether it is known what a module's update is in two snapshots, if only that one does not adapt it. Of NaN, and of
 * factors that could not be read, it is not: a zero in its place would look like a change.
 */
export function isKnownInBoth({ measurements }: ModuleComparison, before: number, after: number): boolean {
  return [before, after].every((index) => {
    const measurement = measurements[index];
    if (measurement === undefined) return true;
    const { metrics, experts } = measurement;
    const norms = metrics === undefined ? experts?.map(({ frobenius }) => frobenius) : [metrics.frobenius];
    return norms?.every(Number.isFinite) === true;
  });
}

/**
 * A whole adapter against another, as one long vector: a module that only one of them adapts counts as zero in the
 * other, and one that is not known in one of them not at all. Shares are weighted by the energy of the modules. Undefined where either is zero, and where no module is
 * measured in both: of what was not aligned nothing is known, so the two are not called unrelated.
 */
export function totalChange(
  all: readonly ModuleComparison[],
  before: number,
  after: number,
): UpdateChange | undefined {
  const modules = all.filter((module) => isKnownInBoth(module, before, after));
  const normBefore = totalNorm(modules, before);
  const normAfter = totalNorm(modules, after);
  if (normBefore === 0 || normAfter === 0) return undefined;
  if (!modules.some((module) => pairOf(module, before, after)?.distance !== undefined)) return undefined;
  let inner = 0;
  let kept = 0;
  let added = 0;
  const samenesses = new Set<UpdateChange["sameness"]>();
  const distances = modules.map((module) => {
    const pair = pairOf(module, before, after);
    const own = [normIn(module, before), normIn(module, after)] as const;
    if (pair?.distance === undefined) {
      added += own[1] ** 2;
      if (own[0] !== 0 || own[1] !== 0) samenesses.add(undefined);
      return Math.hypot(...own);
    }
    inner += pair.inner ?? 0;
    kept += (pair.energyKept ?? 0) * own[0] ** 2;
    added += (pair.newShare ?? 1) * own[1] ** 2;
    // Two updates that are zero differ in nothing.
    if (own[0] !== 0 || own[1] !== 0) samenesses.add(pair.sameness);
    return pair.distance;
  });
  return {
    relativeChange: Math.hypot(...distances) / normBefore,
    cosine: Math.min(Math.max(inner / (normBefore * normAfter), -1), 1),
    energyKept: kept / normBefore ** 2,
    newShare: added / normAfter ** 2,
    sameness: samenesses.has(undefined) ? undefined : samenesses.has("gauge") ? "gauge" : "bytes",
  };
}

export function pairOf(module: ModuleComparison, before: number, after: number) {
  return module.pairs.find(({ a, b }) => a === before && b === after);
}

/** Squared distance of every module that either snapshot adapts. */
export function squaredMoves(modules: readonly ModuleComparison[], before: number, after: number) {
  return modules.flatMap((module) => {
    if (!isKnownInBoth(module, before, after)) return [];
    const distance =
      pairOf(module, before, after)?.distance ?? Math.hypot(normIn(module, before), normIn(module, after));
    return distance > 0 ? [{ module: module.module, square: distance * distance }] : [];
  });
}
