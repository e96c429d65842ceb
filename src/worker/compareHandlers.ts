import { Comparison } from "../core/compare/comparison";
import { computeTimeline, inStepOrder } from "../core/compare/computeTimeline";
import { openSnapshots } from "../core/compare/openSnapshots";
import { readLineage } from "../core/compare/readLineage";
import type { Handlers } from "../protocol/channel";
import type { CompareCalls } from "../protocol/compareCalls";
import type { AnalysisPool } from "./analysisPool";
import { weightTimeline } from "./diff/weightTimeline";
import type { HandleMap } from "./handleMap";
import { nodeFiles } from "./nodeFiles";
import { stageLookup } from "./stageLookup";

/** Answers about snapshots side by side. */
export function compareHandlers(
  comparisons: HandleMap<Comparison>,
  analysis: AnalysisPool,
): Handlers<CompareCalls> {
  return {
    compare: async ({ paths, userStages, threads }, signal, tell) => {
      const comparison = await analysis.use(threads, (pool) =>
        Comparison.compute(nodeFiles, paths, stageLookup(userStages), {
          report: tell.progress,
          signal,
          compareModules: pool.compareModules(signal),
        }),
      );
      return { handle: comparisons.add(comparison), view: comparison.view };
    },
    timeline: async ({ paths, userStages, threads }, signal, tell) => {
      const stages = stageLookup(userStages);
      const snapshots = inStepOrder(await openSnapshots(nodeFiles, paths, stages, signal));
      const hasAdapter = snapshots.some(({ session }) => session?.adapter !== undefined);
      if (hasAdapter) {
        return analysis.use(threads, (pool) =>
          computeTimeline(nodeFiles, paths, stages, {
            report: tell.progress,
            signal,
            followModules: pool.followModules(signal),
          }),
        );
      }
      const label = "Comparing weights, percent of the bytes";
      return analysis.use(threads, (pool) =>
        weightTimeline(snapshots, pool, {
          signal,
          report: (done, total) => tell.progress(Math.round((100 * done) / Math.max(1, total)), 100, label),
        }),
      );
    },
    lineage: ({ paths, userStages }, signal) =>
      readLineage(nodeFiles, paths, stageLookup(userStages), signal),
    compareModule: ({ handle, module }, signal) => comparisons.get(handle).moduleDetail(module, signal),
    comparePair: ({ handle, module, a, b }, signal) =>
      comparisons.get(handle).modulePair(module, a, b, signal),
  };
}
