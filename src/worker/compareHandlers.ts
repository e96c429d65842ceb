import { Comparison } from "../core/lora/comparison";
import { computeTimeline } from "../core/lora/timeline";
import type { Handlers } from "../protocol/channel";
import type { CompareCalls } from "../protocol/compareCalls";
import type { HandleMap } from "./handleMap";
import { nodeFiles } from "./nodeFiles";
import type { ReportProgress } from "./reportProgress";
import { stageLookup } from "./stageLookup";

/** Answers about snapshots side by side. */
export function compareHandlers(
  comparisons: HandleMap<Comparison>,
  reportProgress: ReportProgress,
): Handlers<CompareCalls> {
  return {
    compare: async ({ paths, userStages, progressToken: token }, signal) => {
      const comparison = await Comparison.compute(nodeFiles, paths, stageLookup(userStages), {
        report: (done, total, label) => reportProgress({ token, done, total, label }),
        signal,
      });
      return { handle: comparisons.add(comparison), view: comparison.view };
    },
    timeline: ({ paths, userStages, progressToken: token }, signal) =>
      computeTimeline(nodeFiles, paths, stageLookup(userStages), {
        report: (done, total, label) => reportProgress({ token, done, total, label }),
        signal,
      }),
    compareModule: ({ handle, module }, signal) => comparisons.get(handle).moduleDetail(module, signal),
    comparePair: ({ handle, module, a, b }, signal) =>
      comparisons.get(handle).modulePair(module, a, b, signal),
  };
}
