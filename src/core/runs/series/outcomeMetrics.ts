import { describeMetric } from "./metricFamily";

/** Outcomes that one checkpoint keeps: a log may hold thousands, one for each subject of a benchmark. */
export const maxOutcomes = 32;

/** What reinforcement learning is judged by; its loss says little. */
const rewardNames: readonly string[] = [
  "reward",
  "rollout/ep_rew_mean",
  "eval/mean_reward",
  "charts/episodic_return",
  "Train/mean_reward",
  "rewards/iter",
  "mean_reward",
  "episode_reward",
  "episode_reward_mean",
  "env_runners/episode_return_mean",
  "AverageEpRet",
];

export function isReward(name: string): boolean {
  return rewardNames.includes(name);
}

/** The reward among logged metrics, the surest name first. */
export function rewardKeyOf(keys: readonly string[]): string | undefined {
  return rewardNames.find((name) => keys.includes(name));
}

/**
 * A reward, or a metric of an evaluation other than its loss, which has a column of its own. YOLO calls its precision
 * and recall `metrics/…`, MMDetection its own `bbox_mAP`.
 */
export function isOutcome(name: string): boolean {
  if (isReward(name) || /^metrics\/|(?:^|[_/])mAP/.test(name)) return true;
  return name !== "eval_loss" && isEvaluation(name);
}

export function isEvaluation(name: string): boolean {
  return describeMetric(name).kind === "eval";
}

/** The loss of one of several evaluation sets: `eval_code_loss`. */
export function isEvaluationLoss(name: string): boolean {
  return /^eval_.+_loss$/.test(name);
}
