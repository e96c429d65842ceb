import type { LogEntry, TrainerState } from "../../progress/trainerState";
import type { MetricValue } from "../run";
import { type BestWord, bestWordOf, collapsedFrom, lastEvaluations } from "./evaluations";

/** What grouping and listing need of a trainer_state.json, without the log itself. */
export interface LogDigest {
  readonly globalStep: number | undefined;
  readonly epoch: number | undefined;
  readonly maxSteps: number | undefined;
  readonly numTrainEpochs: number | undefined;
  readonly saveSteps: number | undefined;
  /** What the trainer says of the best step. */
  readonly best: BestWord | undefined;
  /** The step from which on the training was lost. */
  readonly collapsedFrom: number | undefined;
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

/** @param metrics names of further metrics to keep, as they were logged. */
export function digestTrainerState(state: TrainerState, metrics: readonly string[] = []): LogDigest {
  const { globalStep, epoch, maxSteps, numTrainEpochs, saveSteps, log } = state;
  const at = globalStep ?? Number.POSITIVE_INFINITY;
  const evaluation = lastLogged(log, "eval_loss", at);
  return {
    globalStep,
    epoch,
    maxSteps,
    numTrainEpochs,
    saveSteps,
    best: bestWordOf(state),
    collapsedFrom: collapsedFrom(log),
    loss: lastLogged(log, "loss", at)?.value,
    evalLoss: evaluation?.value,
    evalStep: evaluation?.step,
    learningRate: lastLogged(log, "learning_rate", at)?.value,
    metrics: lastMetrics(log, metrics, at),
    hashes: Uint32Array.from(log, hashEntry),
    steps: Float64Array.from(log, ({ step }) => step),
  };
}

export interface LoggedValue {
  readonly step: number;
  readonly value: number;
}

/** The value of a metric with the highest step that is not beyond `step`; of equal ones the last. */
export function lastLogged(log: readonly LogEntry[], key: string, step: number): LoggedValue | undefined {
  let last: LoggedValue | undefined;
  for (const entry of log) {
    const value = entry.values.get(key);
    if (value === undefined || entry.step > step || entry.step < (last?.step ?? 0)) continue;
    last = { step: entry.step, value };
  }
  return last;
}

/** The same of the evaluation's metrics and of those named; those that were not logged are left out. */
export function lastMetrics(
  log: readonly LogEntry[],
  names: readonly string[],
  step: number,
): readonly MetricValue[] {
  const metrics = new Map<string, number>();
  for (const name of names) {
    const last = lastLogged(log, name, step);
    if (last !== undefined) metrics.set(name, last.value);
  }
  for (const [name, value] of lastEvaluations(log, step)) if (!metrics.has(name)) metrics.set(name, value);
  return [...metrics];
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
