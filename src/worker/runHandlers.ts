import picomatch from "picomatch";
import { peekWeights } from "../core/formats/safetensors/peekWeights";
import type { DigestCache } from "../core/runs/checkpointFacts";
import { discoverRuns } from "../core/runs/discover";
import { mergedRunLog } from "../core/runs/mergedRunLog";
import type { Handlers } from "../protocol/channel";
import type { RunCalls } from "../protocol/runCalls";
import { nodeFiles } from "./nodeFiles";
import { stageLookup } from "./stageLookup";

/** Answers about training runs. */
export function runHandlers(): Handlers<RunCalls> {
  // What the logs said at the last search, so that a refresh reads only those that changed.
  const cache: DigestCache = new Map();
  return {
    discoverRuns: ({ roots, exclude, maxDepth, maxFolders, userStages }, signal) => {
      const isExcluded = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true });
      return discoverRuns(nodeFiles, roots, {
        exclude: isExcluded,
        maxDepth,
        maxFolders,
        userStage: stageLookup(userStages),
        peek: (path, peekSignal) => peekWeights(nodeFiles, path, peekSignal),
        cache,
        signal,
      });
    },
    runTraining: ({ run }, signal) => mergedRunLog(nodeFiles, run, signal),
  };
}
