import { baseName } from "../../bytes/paths";
import { parseStepFolder } from "../../progress/checkpointNames";
import { betterEnd } from "../../progress/metricDirection";
import type { LogEntry, TrainerState } from "../../progress/trainerState";
import { isEvaluation } from "../series/outcomeMetrics";

/** What the trainer says of the best step, with the metric that it went by. */
export interface BestWord {
  readonly checkpoint: string | undefined;
  readonly step: number | undefined;
  readonly value: number | undefined;
  /** The logged metric whose value is `best_metric`: this tells `metric_for_best_model`. */
  readonly metric: string | undefined;
  /** Whether the highest value of that metric is its best. */
  readonly highest: boolean;
}

/** The trainer's own word; undefined where it says nothing. */
export function bestWordOf(state: TrainerState): BestWord | undefined {
  const { bestModelCheckpoint: checkpoint, bestGlobalStep, bestMetric: value, log } = state;
  if (checkpoint === undefined && bestGlobalStep === undefined && value === undefined) return undefined;
  const namedStep = checkpoint === undefined ? undefined : parseStepFolder(baseName(checkpoint))?.step;
  const found = value === undefined ? undefined : metricWithValue(log, value, bestGlobalStep ?? namedStep);
  return {
    checkpoint,
    step: bestGlobalStep ?? found?.step,
    value,
    metric: found?.name,
    highest: found?.highest ?? false,
  };
}

interface FoundMetric {
  readonly name: string;
  readonly step: number;
  readonly highest: boolean;
}

/** An evaluation's metric that once had exactly this value: at the best step, else as the end of its range. */
function metricWithValue(
  log: readonly LogEntry[],
  value: number,
  bestStep: number | undefined,
): FoundMetric | undefined {
  const found = new Map<string, { step: number; lowest: number; highest: number }>();
  for (const { step, values } of log) {
    for (const [name, logged] of values) {
      const known = found.get(name);
      if (known === undefined && (logged !== value || !isEvaluation(name))) continue;
      // The first time counts: a later value that is only equal does not replace the best.
      if (logged === value && (known === undefined || step === bestStep))
        found.set(name, { step, lowest: known?.lowest ?? value, highest: known?.highest ?? value });
    }
  }
  for (const { values } of log) {
    for (const [name, range] of found) {
      const logged = values.get(name);
      if (logged === undefined || Number.isNaN(logged)) continue;
      range.lowest = Math.min(range.lowest, logged);
      range.highest = Math.max(range.highest, logged);
    }
  }
  const ranked = [...found].map(([name, { step, lowest, highest }]) => {
    const isEnd = lowest === value || highest === value;
    const atStep = bestStep === undefined || step === bestStep;
    const isHighest = lowest === highest ? betterEnd(name) === "highest" : highest === value;
    return { name, step, highest: isHighest, rank: Number(!atStep) * 2 + Number(!isEnd) };
  });
  return ranked.sort((a, b) => a.rank - b.rank)[0];
}

/**
 * The step from which on a training was lost: to the end of the log every loss is NaN, or exactly 0 with a
 * gradient norm of NaN, which the Trainer's filter of NaN losses makes of it. A loss of 0 alone is none: GRPO
 * begins so.
 */
export function collapsedFrom(log: readonly LogEntry[]): number | undefined {
  let from: number | undefined;
  let count = 0;
  for (let at = log.length - 1; at >= 0; at--) {
    const { step, values } = log[at] as LogEntry;
    const loss = values.get("loss");
    if (loss === undefined) continue;
    const norm = values.get("grad_norm");
    if (!Number.isNaN(loss) && !(loss === 0 && norm !== undefined && Number.isNaN(norm))) break;
    from = step;
    count++;
  }
  // One entry may be one bad batch.
  return count >= 2 ? from : undefined;
}
