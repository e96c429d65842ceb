import { statisticsFrom, type TensorStatistics } from "../../src/core/analysis/statisticColumns";

/** Statistics of which a test says those that matter to it; the others are 0. */
export function someStatistics(given: Partial<TensorStatistics>): TensorStatistics {
  return statisticsFrom(({ id }) => given[id] ?? 0);
}
