import { describeMetric } from "./metricFamily";

/** Outcomes that one checkpoint keeps: a log may hold thousands, one for each subject of a benchmark. */
export const maxOutcomes = 32;

/** What reinforcement learning is judged by; its loss says little. */
export const rewardMetric = "reward";

/**
 * A reward, or a metric of an evaluation other than its loss, which has a column of its own. YOLO calls its precision
 * and recall `metrics/…`.
 */
export function isOutcome(name: string): boolean {
  return name === rewardMetric || name.startsWith("metrics/") || (name !== "eval_loss" && isEvaluation(name));
}

export function isEvaluation(name: string): boolean {
  return describeMetric(name).kind === "eval";
}

/** The loss of one of several evaluation sets: `eval_code_loss`. */
export function isEvaluationLoss(name: string): boolean {
  return /^eval_.+_loss$/.test(name);
}
