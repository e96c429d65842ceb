import type { Comparison } from "../compare/comparison";
import type { ModuleComparison } from "../compare/modules/moduleComparison";
import type { DiffTable } from "../compare/tensors/diffTable";
import { quantisationCost, typedRows } from "../compare/tensors/quantisationCost";
import type { Problem } from "../problem/problem";
import { stepSentence, type TensorFindings, tensorReport } from "./tensorReport";

export interface CompareReportParts {
  /** As they were given, one for each of the snapshots. */
  readonly paths: readonly string[];
  readonly findings: TensorFindings;
  /** Those of the values' comparison. */
  readonly problems: readonly Problem[];
}

/** What `compare --json` prints: a contract that scripts depend on (README, "Command line"). */
export function compareReport(comparison: Comparison, { paths, findings, problems }: CompareReportParts) {
  return {
    /** As they were given, one for each of `snapshots`. */
    paths,
    snapshots: comparison.view.columns.map(({ path, label, stage, step }) => ({
      path,
      label,
      stage: stage?.stage,
      step,
    })),
    /** How names of modules and of tensors were made to agree. */
    aligned: (comparison.modules.length > 0 ? comparison : findings).alignment.aligned,
    story: comparison.view.story,
    steps: comparison.view.steps?.map((step) => ({
      from: step.from,
      to: step.to,
      sentence: stepSentence(step, findings),
    })),
    /** What quantisation cost against weights that are not quantised, by type, for each of the pairs compared. */
    quantisation: quantisationReport(findings),
    modules: comparison.modules.map(moduleReport),
    tensors: tensorReport(findings),
    problems: [
      ...comparison.view.problems,
      ...(comparison.view.tensors.length + comparison.view.modules.length > 0
        ? []
        : findings.alignment.problems),
      ...problems,
      ...comparison.view.columns.flatMap(({ failure }) => failure ?? []),
    ],
  };
}

function quantisationReport({ alignment: { rows }, table }: TensorFindings) {
  return (table?.pairs ?? []).flatMap(({ a, b }) =>
    quantisationCost(typedRows(rows), a, b, table as DiffTable).map((cost) => ({ from: a, to: b, ...cost })),
  );
}

function moduleReport({ module, measurements, pairs }: ModuleComparison) {
  return {
    module,
    snapshots: measurements.map((measurement) =>
      measurement === undefined
        ? null
        : {
            rank: measurement.module.rank,
            alpha: measurement.alpha,
            scale: measurement.scale,
            frobenius: measurement.metrics?.frobenius,
            spectral: measurement.metrics?.spectral,
            stableRank: measurement.metrics?.stableRank,
            effectiveRank: measurement.metrics?.effectiveRank,
            energy: measurement.metrics?.energy ?? [],
            experts: measurement.experts?.map(({ frobenius, spectral, stableRank, effectiveRank }) => ({
              frobenius,
              spectral,
              stableRank,
              effectiveRank,
            })),
          },
    ),
    pairs: pairs.map((pair) => ({
      a: pair.a,
      b: pair.b,
      cosine: pair.cosine,
      relativeChange: pair.relativeChange,
      subspaceSimilarity: pair.subspaceSimilarity,
      energyKept: pair.energyKept,
      newShare: pair.newShare,
      sameness: pair.sameness,
      experts: pair.experts,
      reason: pair.reason,
    })),
  };
}
