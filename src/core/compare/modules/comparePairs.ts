import type { LoadedModule, MeasuredModule } from "../../update/measureModule";
import { compareLinear } from "./compareLinear";
import { compareUpdates, notCompared, type UpdateComparison } from "./compareUpdates";
import { type FactorProducts, productsOfPairs } from "./coreComparison";
import type { ExpertChange, ModulePair } from "./moduleComparison";

/** Which snapshots are held against each other: all against the first and against their left one, or each against each. */
export type Pairing = "first" | "all";

/**
 * Measures a module in each snapshot and compares every pair of those that have it. Where one of a pair could not be
 * measured it has no numbers, and `reason` says why.
 */
export function comparePairs(
  loaded: readonly (LoadedModule | undefined)[],
  pairing: Pairing,
): { readonly measured: readonly (MeasuredModule | undefined)[]; readonly pairs: ModulePair[] } {
  const asked: (readonly [a: number, b: number])[] = [];
  for (let a = 0; a < loaded.length; a++) {
    const last = pairing === "first" && a > 0 ? a + 1 : loaded.length - 1;
    for (let b = a + 1; b <= last && b < loaded.length; b++) asked.push([a, b]);
  }
  const products = productsOfPairs(
    loaded.map((each) => each?.analysis),
    asked,
  );
  const measured = loaded.map((each) => each?.measure());
  const pairs = asked.flatMap(([a, b], index) => {
    const [first, second] = [measured[a], measured[b]];
    if (first === undefined || second === undefined) return [];
    return [{ a, b, ...compareMeasured(first, second, products[index]) }];
  });
  return { measured, pairs };
}

function compareMeasured(
  first: MeasuredModule,
  second: MeasuredModule,
  products: FactorProducts | undefined,
): Omit<ModulePair, "a" | "b"> {
  if (first.analysis !== undefined && second.analysis !== undefined)
    return compareUpdates(first.analysis, second.analysis, products);
  if (first.expertAnalysis !== undefined && second.expertAnalysis !== undefined)
    return compareExperts(first, second);
  if (first.linear !== undefined && second.linear !== undefined)
    return compareLinear(first.linear, second.linear);
  const { measurement } = first.analysis === undefined ? first : second;
  if (first.linear !== undefined || second.linear !== undefined)
    return { ...notCompared, reason: "One of the two has no small factors, and the other has." };
  return { ...notCompared, reason: measurement.unavailable ?? "One of the two was not measured." };
}

/** Expert by expert; the numbers of the module are those of all its experts side by side, as one long vector. */
function compareExperts(first: MeasuredModule, second: MeasuredModule): Omit<ModulePair, "a" | "b"> {
  const [before, after] = [first.measurement.experts ?? [], second.measurement.experts ?? []];
  if (before.length !== after.length) {
    return { ...notCompared, reason: `The two have ${before.length} and ${after.length} experts.` };
  }
  const changes = before.flatMap((_, expert): UpdateComparison[] => {
    const [one, other] = [first.expertAnalysis?.(expert), second.expertAnalysis?.(expert)];
    return one === undefined || other === undefined ? [] : [compareUpdates(one, other)];
  });
  const experts = changes.map(
    ({ cosine, relativeChange, sameness }): ExpertChange => ({ cosine, relativeChange, sameness }),
  );
  const failed = changes.find(({ distance }) => distance === undefined);
  const [norm1, norm2] = [before, after].map((metrics) =>
    Math.hypot(...metrics.map((each) => each.frobenius)),
  );
  // Of experts that are zero in both there is no distance, and nothing differs.
  if (failed !== undefined && failed.inner === undefined)
    return { ...notCompared, experts, reason: failed.reason };
  if (norm1 === undefined || norm2 === undefined || !(norm1 * norm2 > 0))
    return { ...notCompared, experts, reason: "All experts of one of the two are zero." };
  const distance = Math.hypot(...changes.map((change) => change.distance ?? 0));
  const inner = changes.reduce((sum, change) => sum + (change.inner ?? 0), 0);
  const share = (of: (change: UpdateComparison) => number | undefined, norms: typeof before, total: number) =>
    changes.reduce((sum, change, at) => sum + (of(change) ?? 0) * (norms[at]?.frobenius ?? 0) ** 2, 0) /
    total ** 2;
  return {
    ...notCompared,
    cosine: Math.min(Math.max(inner / norm1 / norm2, -1), 1),
    relativeChange: distance / norm1,
    distance,
    inner,
    energyKept: share(({ energyKept }) => energyKept, before, norm1),
    newShare: share(({ newShare }) => newShare, after, norm2),
    sameness: changes.every(({ sameness }) => sameness === "bytes") ? "bytes" : undefined,
    experts,
  };
}
