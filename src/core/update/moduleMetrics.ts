/**
 * Every number of a single update that tables, charts and reports show, in their order. A new one is stated here and in
 * `UpdateMetrics`; the comparison, the timeline and the reports follow.
 */
export const moduleMetricIds = [
  "frobenius",
  "spectral",
  "stableRank",
  "effectiveRank",
  "rank99",
  "normA",
  "normB",
] as const;

export type ModuleMetricId = (typeof moduleMetricIds)[number];

export type ModuleMetricValues = Readonly<Record<ModuleMetricId, number>>;

/** Only these, of whatever else is known of an update. */
export function metricValues(metrics: ModuleMetricValues): ModuleMetricValues {
  const { frobenius, spectral, stableRank, effectiveRank, rank99, normA, normB } = metrics;
  return { frobenius, spectral, stableRank, effectiveRank, rank99, normA, normB };
}
