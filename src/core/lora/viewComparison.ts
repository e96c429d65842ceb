import type { Problem } from "../problem";
import { pairOf } from "./adapterTotals";
import { compareSteps, storyOf } from "./compareSteps";
import type {
  CompareCell,
  CompareModuleRow,
  CompareTensorRow,
  CompareView,
  UpdateChange,
} from "./compareView";
import type { ModuleMeasurement } from "./measureModule";
import type { ModuleComparison, ModulePair } from "./moduleComparison";
import { moduleGrid } from "./moduleGrid";
import type { Snapshot } from "./openSnapshots";
import { snapshotColumn } from "./snapshotColumn";
import { refinedStages } from "./snapshotStages";

/** Shapes a comparison for the panel. */
export function viewComparison(
  snapshots: readonly Snapshot[],
  modules: readonly ModuleComparison[],
  tensors: readonly CompareTensorRow[],
  problems: readonly Problem[],
  initial: number | undefined,
): CompareView {
  const stages = refinedStages(snapshots, modules);
  const steps = compareSteps(
    snapshots,
    modules,
    stages.map(({ stage }) => stage),
  );
  const story = storyOf(steps);
  return {
    columns: snapshots.map((snapshot, index) => snapshotColumn(snapshot, index, modules, stages[index])),
    modules: modules.map(rowOf),
    tensors,
    problems,
    grid: moduleGrid(modules.map(({ module }) => module)),
    steps,
    ...(story === undefined ? {} : { story }),
    ...(initial === undefined ? {} : { initialColumn: initial }),
  };
}

function rowOf(module: ModuleComparison): CompareModuleRow {
  const cells = module.measurements.map((measurement, index) =>
    measurement === undefined ? null : cellOf(measurement, module, index),
  );
  return { module: module.module, cells };
}

function cellOf(measurement: ModuleMeasurement, module: ModuleComparison, index: number): CompareCell {
  const { metrics, unavailable, alpha, scale, fingerprint } = measurement;
  const first = pairOf(module, 0, index);
  const previous = pairOf(module, index - 1, index);
  return {
    rank: measurement.module.rank,
    alpha,
    scale,
    frobenius: metrics?.frobenius,
    spectral: metrics?.spectral,
    stableRank: metrics?.stableRank,
    effectiveRank: metrics?.effectiveRank,
    relativeChange: first?.relativeChange,
    cosine: first?.cosine,
    ...optional("rank99", metrics?.rank99),
    ...optional("subspaceSimilarity", first?.subspaceSimilarity),
    ...optional("energyKept", first?.energyKept),
    ...optional("newShare", first?.newShare),
    ...(previous === undefined ? {} : { previous: changeOf(previous) }),
    ...optional("trueChange", module.trueChanges?.[index]?.frobenius),
    ...optional("fingerprint", fingerprint?.kind),
    ...(unavailable === undefined ? {} : { unavailable }),
  };
}

function changeOf({ relativeChange, cosine, energyKept, newShare, sameness }: ModulePair): UpdateChange {
  return { relativeChange, cosine, energyKept, newShare, sameness };
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });
}
