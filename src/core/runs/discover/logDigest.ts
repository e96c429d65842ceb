import { logOddities } from "../../progress/logOddities";
import type { LogEntry, TrainerState } from "../../progress/trainerState";
import { type TrainingFault, trainingFaults } from "../../progress/trainingFaults";
import type { PointColumns } from "../logs/pointColumns";
import type { MetricValue } from "../run";
import { lastLogged, lastMetrics } from "../series/lastLogged";
import { type BestWord, bestWordOf, type EvaluationFault, evaluationFaults } from "./evaluations";

/** What grouping and listing need of a trainer_state.json, without the log itself. */
export interface LogDigest {
  readonly globalStep: number | undefined;
  readonly epoch: number | undefined;
  readonly maxSteps: number | undefined;
  readonly numTrainEpochs: number | undefined;
  readonly saveSteps: number | undefined;
  /** What the trainer says of the best step. */
  readonly best: BestWord | undefined;
  /** What no longer learns, and from which step on. */
  readonly faults: readonly TrainingFault[];
  /** What tells of a resume that lost something. */
  readonly oddities: ReturnType<typeof logOddities>;
  readonly evaluationFaults: readonly EvaluationFault[];
  /** A callback ended the training before its planned steps. */
  readonly isStoppedEarly: boolean;
  /** Last logged at or before the step. */
  readonly loss: number | undefined;
  readonly evalLoss: number | undefined;
  /** Step of that evaluation. */
  readonly evalStep: number | undefined;
  readonly learningRate: number | undefined;
  /** Those of the evaluation, a reward, and those that were asked for, last logged at or before the step. */
  readonly metrics: readonly MetricValue[];
  /** One hash and one step per log entry: enough to tell whether one log continues another. */
  readonly hashes: Uint32Array;
  readonly steps: Float64Array;
}

/**
 * @param columns the points of its log.
 * @param metrics names of further metrics to keep, as they were logged.
 */
export function digestTrainerState(
  state: TrainerState,
  columns: ReadonlyMap<string, PointColumns>,
  metrics: readonly string[],
): LogDigest {
  const { globalStep, epoch, maxSteps, numTrainEpochs, saveSteps, log } = state;
  const at = globalStep ?? Number.POSITIVE_INFINITY;
  const evaluation = lastLogged(columns, "eval_loss", at);
  return {
    globalStep,
    epoch,
    maxSteps,
    numTrainEpochs,
    saveSteps,
    best: bestWordOf(state),
    faults: trainingFaults(log, maxSteps),
    oddities: logOddities(log),
    evaluationFaults: evaluationFaults(state),
    isStoppedEarly: state.isStoppedEarly,
    loss: lastLogged(columns, "loss", at)?.value,
    evalLoss: evaluation?.value,
    evalStep: evaluation?.step,
    learningRate: lastLogged(columns, "learning_rate", at)?.value,
    metrics: lastMetrics(columns, metrics, at),
    hashes: Uint32Array.from(log, hashEntry),
    steps: Float64Array.from(log, ({ step }) => step),
  };
}

/** One log is the beginning of the other, they share a beginning, or they share nothing. */
export type LogRelation =
  | { readonly kind: "prefix" }
  | { readonly kind: "forked"; readonly lastCommonStep: number }
  | { readonly kind: "different" };

export function relateLogs(a: LogDigest, b: LogDigest): LogRelation {
  const length = Math.min(a.hashes.length, b.hashes.length);
  let common = 0;
  while (common < length && a.hashes[common] === b.hashes[common]) common++;
  if (common === length) return { kind: "prefix" };
  return common === 0 ? { kind: "different" } : { kind: "forked", lastCommonStep: a.steps[common - 1] ?? 0 };
}

const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);
const keyHashes = new Map<string, number>();

/** Does not depend on the order of the keys: a tool that copies a log may write them otherwise. */
function hashEntry({ step, values }: LogEntry): number {
  let sum = hashNumber(step);
  for (const [key, value] of values) sum = (sum + Math.imul(hashKey(key) | 1, hashNumber(value))) >>> 0;
  return sum;
}

function hashNumber(value: number): number {
  scratch[0] = Number.isNaN(value) ? Number.NaN : value;
  return mix((scratchWords[0] ?? 0) ^ mix(scratchWords[1] ?? 0));
}

function hashKey(key: string): number {
  const known = keyHashes.get(key);
  if (known !== undefined) return known;
  const hash = hashText(key);
  // Names come from files: a hostile one with a million of them must not fill the memory.
  if (keyHashes.size > 10_000) keyHashes.clear();
  keyHashes.set(key, hash);
  return hash;
}

/** FNV-1a. Only for telling things apart, not for safety. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

function mix(word: number): number {
  let hash = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
