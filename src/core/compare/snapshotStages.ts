import { fingerprintOfMeasurements, type RefinedStage, refineStage } from "../update/adapterFingerprint";
import type { ModuleMeasurement } from "../update/measureModule";
import type { ModuleComparison } from "./modules/moduleComparison";
import type { Snapshot } from "./openSnapshots";

/**
 * The stages of all snapshots after a look at their tensors and at each other: of two SVD products with the same
 * leading singular values, the one of lower rank is the other's rank reduction, which alone would not show.
 */
export function refinedStages(
  snapshots: readonly Snapshot[],
  modules: readonly ModuleComparison[],
): readonly RefinedStage[] {
  return snapshots.map(({ session }, index) => {
    const own = modules.flatMap(({ measurements }) => measurements[index] ?? []);
    const fingerprint = fingerprintOfMeasurements(own);
    const refined = refineStage(session?.stage, fingerprint);
    const isGuess = refined.stage === undefined || refined.stage.source === "tensors";
    if (!isGuess || (fingerprint !== undefined && fingerprint.stage !== "svd")) return refined;
    const parent = snapshots.findIndex((_, other) => other !== index && isReductionOf(modules, index, other));
    const label = snapshots[parent]?.label;
    if (label === undefined) return refined;
    const reason = `The tensors tell it: its singular values are the first ones of ${label}, which has a higher rank.`;
    return {
      stage: { stage: "rank-reduction", source: "tensors", reason, inferred: true },
      note: refined.note,
    };
  });
}

/** In most of the modules of `index` that `parent` adapts too, and in at least one. */
function isReductionOf(modules: readonly ModuleComparison[], index: number, parent: number): boolean {
  const common = modules.flatMap(({ measurements }) => {
    const [own, other] = [measurements[index], measurements[parent]];
    return own?.metrics === undefined || other?.metrics === undefined ? [] : [{ own, other }];
  });
  const reduced = common.filter(({ own, other }) => isTruncation(own, other));
  return reduced.length > 0 && reduced.length * 2 > common.length;
}

/** Rounding of 16-bit factors moves singular values by less. */
const spectrumTolerance = 3e-3;

function isTruncation(own: ModuleMeasurement, parent: ModuleMeasurement): boolean {
  if (own.module.rank >= parent.module.rank) return false;
  const values = own.metrics?.singularValues ?? new Float64Array();
  const longer = parent.metrics?.singularValues ?? new Float64Array();
  const limit = spectrumTolerance * (longer[0] ?? 0);
  return limit > 0 && values.every((value, k) => Math.abs(value - (longer[k] ?? 0)) <= limit);
}
