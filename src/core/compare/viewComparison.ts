import type { Problem } from "../problem/problem";
import type { ModuleMeasurement } from "../update/measureModule";
import { pairOf } from "./adapterTotals";
import { compareSteps, storyOf } from "./compareSteps";
import type { CompareCell, CompareModuleRow, CompareView } from "./compareView";
import { metricTables } from "./metricTables";
import type { ModuleComparison } from "./modules/moduleComparison";
import { moduleGrid } from "./modules/moduleGrid";
import type { Snapshot } from "./openSnapshots";
import { snapshotColumn } from "./snapshotColumn";
import { refinedStages } from "./snapshotStages";
import type { TensorLayouts } from "./tensorDiffSummary";

/** Shapes a comparison for the panel. */
export function viewComparison(
  snapshots: readonly Snapshot[],
  modules: readonly ModuleComparison[],
  tensors: TensorLayouts,
  problems: readonly Problem[],
  initial: number | undefined,
): CompareView {
  const stages = refinedStages(snapshots, modules);
  const steps = compareSteps(
    snapshots,
    modules,
    stages.map(({ stage }) => stage),
    tensors.aligned,
  );
  const story = storyOf(steps);
  return {
    columns: snapshots.map((snapshot, index) => snapshotColumn(snapshot, index, modules, stages[index])),
    modules: modules.map(rowOf),
    tensors: tensors.rows,
    problems,
    grid: moduleGrid(modules.map(({ module }) => module)),
    metrics: metricTables(modules, snapshots.length),
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
  const { metrics, unavailable, alpha, scale } = measurement;
  const first = pairOf(module, 0, index);
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
    ...(unavailable === undefined ? {} : { unavailable }),
  };
}
