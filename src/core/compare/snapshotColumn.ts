import { rangeText } from "../adapter/adapterText";
import { latestProgress } from "../session/progressSummary";
import { elementCount } from "../tensors/tensor";
import type { RefinedStage } from "../update/adapterFingerprint";
import { fingerprintOfMeasurements } from "../update/adapterFingerprint";
import { findingsOf } from "../update/findings";
import { totalChange, totalNorm } from "./adapterTotals";
import type { SnapshotColumn } from "./compareView";
import type { ModuleComparison } from "./modules/moduleComparison";
import type { Snapshot } from "./openSnapshots";

/** The head of a snapshot's column: what it is, and its whole adapter in numbers. */
export function snapshotColumn(
  snapshot: Snapshot,
  index: number,
  modules: readonly ModuleComparison[],
  refined: RefinedStage | undefined,
): SnapshotColumn {
  const { path, label, session, failure } = snapshot;
  const own = modules.flatMap(({ measurements }) => measurements[index] ?? []);
  const state = session?.folder.trainerState;
  const progress = state === undefined ? session?.inside?.progress : latestProgress(state);
  const alphas = own.flatMap(({ alpha }) => alpha ?? []);
  const againstFirst = index === 0 ? undefined : totalChange(modules, 0, index);
  const previous = index === 0 ? undefined : totalChange(modules, index - 1, index);
  const fingerprint = fingerprintOfMeasurements(own);
  const trueChange = totalTrueChange(modules, index);
  return {
    path,
    label,
    stage: refined?.stage ?? session?.stage,
    ...(refined?.note === undefined ? {} : { stageNote: refined.note }),
    step: progress?.step,
    epoch: progress?.epoch,
    loss: progress?.loss,
    evalLoss: progress?.evalLoss,
    rank: own.length > 0 ? rangeText(own.map(({ module }) => module.rank)) : undefined,
    alpha: alphas.length > 0 ? rangeText(alphas) : undefined,
    baseModel: session?.adapterConfig?.baseModel,
    moduleCount: own.length,
    parameterCount: (session?.checkpoint.tensors ?? []).reduce(
      (sum, { shape }) => sum + elementCount(shape),
      0,
    ),
    fileBytes: (session?.checkpoint.files ?? []).reduce((sum, { bytes }) => sum + bytes, 0),
    frobenius: own.length > 0 ? totalNorm(modules, index) : undefined,
    relativeChange: againstFirst?.relativeChange,
    cosine: againstFirst?.cosine,
    ...(previous === undefined ? {} : { previous }),
    ...(trueChange === undefined ? {} : { trueChange }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(own.length > 0 ? { findings: findingsOf(own, session?.adapter?.unpaired ?? []) } : {}),
    failure,
  };
}

function totalTrueChange(modules: readonly ModuleComparison[], index: number): number | undefined {
  const changes = modules.flatMap(({ trueChanges }) => trueChanges?.[index]?.frobenius ?? []);
  return changes.length === 0 ? undefined : Math.hypot(...changes);
}
