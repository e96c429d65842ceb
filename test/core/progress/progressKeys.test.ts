import { expect, it } from "vitest";
import { meaningOf } from "../../../src/core/progress/progressKeys";

it.each(["val_per", "per", "val_acc", "kl", "reward_per_episode"])("%s is a metric", (key) => {
  expect(meaningOf(key)?.meaning).toBe("metric");
});

it.each([
  "num_cases_per_batch",
  "MCMCniters_per_level",
  "target_kl",
  "data_target_kl",
  "old_reward",
  "float_precision",
])("%s is none", (key) => {
  expect(meaningOf(key)).toBeUndefined();
});
