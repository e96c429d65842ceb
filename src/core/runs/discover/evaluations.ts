import { baseName } from "../../bytes/paths";
import { parseStepFolder } from "../../progress/checkpointNames";
import { betterEnd } from "../../progress/metricDirection";
import type { LogEntry, TrainerState } from "../../progress/trainerState";
import { formatCount, formatNumber, plural } from "../../text/quantities";
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

/** What the evaluations in a log tell of the choice of the best checkpoint. */
export interface EvaluationFault {
  readonly severity: "warning" | "info";
  readonly code: "EvaluationNotFinite" | "EvaluationRises";
  readonly message: string;
}

/** Fewer evaluations behind the lowest are noise. */
const leastRising = 2;

/** A rise of less than this is noise. */
const risenRatio = 1.1;

/** Evaluations that say nothing, and losses that rise while the training's falls. */
export function evaluationFaults({ log, bestMetric }: TrainerState): readonly EvaluationFault[] {
  const found = valuesOf(log, "eval_loss");
  const finite = found.filter(({ value }) => Number.isFinite(value));
  if (found.length > 0 && finite.length === 0) {
    const best =
      bestMetric === undefined || Number.isFinite(bestMetric)
        ? ""
        : " No later evaluation is ever better than NaN: what the trainer calls the best is only the first.";
    const message = `Every evaluation loss in the log is NaN or infinite (${plural(found.length, "evaluation")}): it tells no best checkpoint.${best}`;
    return [{ severity: "warning", code: "EvaluationNotFinite", message }];
  }
  return rising(log, finite);
}

function rising(log: readonly LogEntry[], found: readonly Evaluated[]): readonly EvaluationFault[] {
  const lowest = found.reduce<Evaluated | undefined>(
    (best, one) => (best === undefined || one.value < best.value ? one : best),
    undefined,
  );
  const last = found.at(-1);
  if (lowest === undefined || last === undefined || lowest.value <= 0) return [];
  const later = found.filter(({ step }) => step > lowest.step);
  const isRisen = later.length >= leastRising && later.every(({ value }) => value > lowest.value);
  if (!isRisen || last.value < risenRatio * lowest.value) return [];
  const losses = valuesOf(log, "loss");
  const then = losses.findLast(({ step }) => step <= lowest.step);
  const now = losses.at(-1);
  if (then === undefined || now === undefined || !(now.value < then.value)) return [];
  const message =
    `The evaluation loss rises from ${formatNumber(lowest.value)} at step ${formatCount(lowest.step)} to ` +
    `${formatNumber(last.value)} at step ${formatCount(last.step)}, while the loss falls from ` +
    `${formatNumber(then.value)} to ${formatNumber(now.value)}: from there on the training overfits.`;
  return [{ severity: "info", code: "EvaluationRises", message }];
}

interface Evaluated {
  readonly step: number;
  readonly value: number;
}

function valuesOf(log: readonly LogEntry[], name: string): readonly Evaluated[] {
  return log.flatMap(({ step, values }) => {
    const value = values.get(name);
    return value === undefined ? [] : [{ step, value }];
  });
}
