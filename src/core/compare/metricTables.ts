import { metricValues } from "../update/moduleMetrics";
import { pairOf } from "./adapterTotals";
import { type CompareMetric, compareMetrics } from "./compareView";
import type { ModuleComparison } from "./modules/moduleComparison";

/** Every metric of every module and column, as tables; those without any value are left out. */
export function metricTables(
  modules: readonly ModuleComparison[],
  columns: number,
): Readonly<Partial<Record<CompareMetric, Float32Array>>> {
  const tables = new Map<CompareMetric, Float32Array>();
  for (const [row, module] of modules.entries()) {
    for (let column = 0; column < columns; column++) {
      const values = valuesOf(module, column);
      for (const metric of compareMetrics) {
        const value = values[metric];
        if (value === undefined) continue;
        let table = tables.get(metric);
        if (table === undefined) {
          table = new Float32Array(modules.length * columns).fill(Number.NaN);
          tables.set(metric, table);
        }
        table[row * columns + column] = value;
      }
    }
  }
  return Object.fromEntries(tables);
}

function valuesOf(
  module: ModuleComparison,
  column: number,
): Partial<Record<CompareMetric, number | undefined>> {
  const measurement = module.measurements[column];
  if (measurement === undefined) return {};
  const { metrics } = measurement;
  const first = pairOf(module, 0, column);
  const previous = pairOf(module, column - 1, column);
  return {
    rank: measurement.module.rank,
    ...(metrics === undefined ? {} : metricValues(metrics)),
    change: first?.relativeChange,
    cosine: first?.cosine,
    similarity: first?.subspaceSimilarity,
    kept: first?.energyKept,
    added: first?.newShare,
    changePrevious: previous?.relativeChange,
    cosinePrevious: previous?.cosine,
    similarityPrevious: previous?.subspaceSimilarity,
    keptPrevious: previous?.energyKept,
    addedPrevious: previous?.newShare,
    trueChange: module.trueChanges?.[column]?.frobenius,
  };
}
