import type { OptimizerState } from "../optimizer/optimizerState";
import type { Problem } from "../problem/problem";
import type { HealthSubject } from "./healthSubject";

/** Weights that were saved without `optimizer.eval()` are those of the gradient's place, and not the average. */
export function scheduleFree({ checkpoint, inside }: HealthSubject): readonly Problem[] {
  return trainMode(inside?.optimizers ?? []).map((problem) => ({ ...problem, file: checkpoint.path }));
}

/** Schedule-Free optimizers keep in their groups whether the parameters were those of training (`train_mode`). */
function trainMode(states: readonly OptimizerState[]): readonly Problem[] {
  const isTraining = states.some(({ groups }) =>
    groups.some(({ settings }) => settings.get("train_mode") === true && settings.has("weight_sum")),
  );
  if (!isTraining) return [];
  const message =
    "The Schedule-Free optimizer was in train mode (train_mode) when this was saved: the weights are those at which gradients are taken, not the averaged ones that are meant for use. Training goes on from them; for evaluation call optimizer.eval() before saving.";
  return [{ severity: "warning", code: "ScheduleFreeTrainMode", message }];
}
