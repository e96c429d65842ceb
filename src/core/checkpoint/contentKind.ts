import type { ContentValue } from "../formats/contentValue";
import { attributesOf, mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { findOptimizers } from "../optimizer/findOptimizers";
import { modelKeys, modelsInside } from "../optimizer/modelsInside";
import type { CheckpointKind } from "./summary";

/** What a file is for, told from what it holds. Undefined where that does not tell: then its tensors do. */
export function contentKind(content: FileContent): CheckpointKind | undefined {
  const { root } = content;
  const keys = keysOf(root);
  if (isTrainingArgs(root)) return "training-args";
  const optimizers = findOptimizers(root);
  if (optimizers.some(({ path }) => path === "")) return "optimizer";
  if (isScheduler(keys)) return "scheduler";
  if (isRngState(keys)) return "rng-state";
  if (optimizers.length > 0) return "training-checkpoint";
  return isTrainingCheckpoint(content, keys) ? "training-checkpoint" : undefined;
}

function keysOf(root: ContentValue): ReadonlySet<string> {
  const keys = mappingOf(root)?.keys ?? [];
  return new Set(keys.slice(0, 200).flatMap((key) => (typeof key === "string" ? [key] : [])));
}

function isTrainingArgs(root: ContentValue): boolean {
  const attributes = attributesOf(root);
  return attributes?.has("learning_rate") === true && attributes.has("output_dir");
}

function isScheduler(keys: ReadonlySet<string>): boolean {
  const isOfTorch =
    keys.has("last_epoch") && (keys.has("_step_count") || keys.has("base_lrs") || keys.has("best"));
  return isOfTorch || (keys.has("_schedulers") && (keys.has("_step_count") || keys.has("_milestones")));
}

const rngKeys = ["python", "numpy", "cpu", "cuda", "random_state", "numpy_random_seed", "torch_manual_seed"];

function isRngState(keys: ReadonlySet<string>): boolean {
  return rngKeys.filter((key) => keys.has(key)).length >= 2 && !keys.has("model") && !keys.has("state_dict");
}

/** A module saved as an object is told by its key alone. */
const namesOfModels: readonly string[] = [...modelKeys, "ema", "model_ema"];
const progressKeys = [
  "epoch",
  "step",
  "iter",
  "iter_num",
  "iteration",
  "global_step",
  "global_steps",
  "epochs_run",
  "episode",
  "n_updates",
  "total_steps",
  "num_timesteps",
];

/** A model with something that tells how far its training was. */
function isTrainingCheckpoint(content: FileContent, keys: ReadonlySet<string>): boolean {
  if (!progressKeys.some((key) => keys.has(key))) return false;
  return namesOfModels.some((key) => keys.has(key)) || modelsInside(content).length > 0;
}
