import { type ContentValue, ForeignValue } from "../formats/contentValue";
import { attributesOf, mappingOf, sequenceOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { findOptimizers, isOptimizer } from "../optimizer/findOptimizers";
import { findModels, isPaddleOptimizer } from "../optimizer/modelsInside";
import { isPlainData } from "../optimizer/plainData";
import { isMeasureName } from "../optimizer/tensorWords";
import type { Tensor } from "../tensors/tensor";
import { seriesInside } from "./inside/seriesInside";
import { statedNumbers } from "./statedNumbers";
import type { CheckpointKind } from "./summary";

/** What a file is for, told from what it holds. Undefined where that does not tell: then its tensors do. */
export function contentKind(content: FileContent): CheckpointKind | undefined {
  const { root } = content;
  const keys = keysOf(root);
  if (isTrainingArgs(root)) return "training-args";
  if (isPlans(root)) return "data";
  const optimizers = findOptimizers(root);
  if (optimizers.some(({ path }) => path === "") || holdsOnly(root, isOptimizer)) return "optimizer";
  const dict = mappingOf(root);
  if (dict !== undefined && isPaddleOptimizer(dict)) return "optimizer";
  if (isScheduler(keys) || holdsOnly(root, (value) => isScheduler(keysOf(value)))) return "scheduler";
  if (isScaler(keys)) return "scaler";
  if (isRngState(keys) || holdsOnly(root, isBesideWeights)) return "rng-state";
  if (optimizers.length > 0) return "training-checkpoint";
  const models = findModels(content);
  if (models.length > 0) {
    const isWhole = models.some(({ path }) => path === "");
    return !isWhole && isOfTraining(content) ? "training-checkpoint" : undefined;
  }
  if (isBesideModels(root) || holdsOnlyTwisters(content)) return "data";
  if (seriesInside(content).length > 0 && isPlainOrEmpty(content)) return "history";
  if (holdsOnlyMeasures(content)) return "data";
  return isPlainOrEmpty(content) && (content.tensors.size > 0 || isVocabulary(root)) ? "data" : undefined;
}

/** A model with something that tells how far its training was. */
function isOfTraining(content: FileContent): boolean {
  const stated = statedNumbers(content);
  return (
    (["step", "epoch", "episode"] as const).some((meaning) => stated.has(meaning)) ||
    seriesInside(content).length > 0
  );
}

/** What stands beside a model: statistics by which its inputs are normalised, experience, data sets, graphs, spaces. */
const besideModels =
  /^(?:torch_geometric\.data|dgl|gym|gymnasium)\.|\.(?:Running(?:MeanStd|Stats?)|\w*(?:Replay|Rollout)\w*Buffer|ReplayMemory|\w*Normalizer|\w*Scaler|\w*Dataset)$/;

/** An object that is not trained, or not in steps: what it counts is no progress. */
export function isBesideModels(root: ContentValue): boolean {
  if (root instanceof ForeignValue && besideModels.test(root.qualifiedName)) return true;
  return otherLibrary(root) !== undefined;
}

/** And what normalises or keeps the observations of an environment. */
const otherLibraries =
  /^(sklearn|imblearn|xgboost|lightgbm|catboost|statsmodels|gensim|pandas|optuna|stable_baselines3?(?=\.common\.(?:vec_env|buffers|running_mean_std)\.))\./;

/** What is trained without steps, such as an estimator of scikit-learn, alone or with what goes with it. */
export function otherLibrary(
  root: ContentValue,
): { readonly library: string; readonly className: string } | undefined {
  const values = sequenceOf(root) ?? mappingOf(root)?.values ?? [];
  for (const value of [root, ...values.slice(0, 64)]) {
    if (!(value instanceof ForeignValue)) continue;
    const name = otherLibraries.exec(value.qualifiedName)?.[1];
    if (name === undefined) continue;
    // `_new_Index` makes one of pandas' indexes again.
    const className = (value.qualifiedName.split(".").at(-1) ?? "").replace(/^_new_(?=[A-Z])/, "");
    return { library: libraryNames.get(name) ?? name, className };
  }
  return undefined;
}

const libraryNames: ReadonlyMap<string, string> = new Map([
  ["sklearn", "scikit-learn"],
  ["imblearn", "imbalanced-learn"],
  ["optuna", "Optuna"],
  ["stable_baselines", "Stable-Baselines"],
  ["stable_baselines3", "Stable-Baselines3"],
]);

function isPlainOrEmpty(content: FileContent): boolean {
  return content.tensors.size === 0 || isPlainData(content);
}

/** Whether every entry at the top that is anything is one of these. */
function holdsOnly(root: ContentValue, is: (value: ContentValue) => boolean): boolean {
  const values = mappingOf(root)?.values ?? [];
  let some = 0;
  // Of a model's dict of tensors the first tells.
  for (const value of values) {
    if (value === null) continue;
    if (++some > 16 || !is(value)) return false;
  }
  return some > 0;
}

const vocabularyKeys =
  /^(?:word2idx|idx2word|word2index|index2word|word_to_ix|ix_to_word|stoi|itos|vocab|token2id|id2token|char2idx|idx2char|label2id|id2label|token_to_idx|idx_to_token|w2i|i2w)$/i;

function isVocabulary(root: ContentValue): boolean {
  if ([...keysOf(root)].some((key) => vocabularyKeys.test(key))) return true;
  const dict = mappingOf(root);
  if (dict === undefined || dict.size < 3) return false;
  const looked = dict.values.slice(0, 200);
  const isCounted =
    looked.every((value) => typeof value === "number") && new Set(looked).size === looked.length;
  return isCounted && looked.includes(0) && looked.includes(looked.length - 1);
}

function keysOf(root: ContentValue): ReadonlySet<string> {
  const keys = mappingOf(root)?.keys ?? [];
  return new Set(keys.slice(0, 200).flatMap((key) => (typeof key === "string" ? [key] : [])));
}

function isTrainingArgs(root: ContentValue): boolean {
  if (!(root instanceof ForeignValue)) return false;
  const attributes = attributesOf(root);
  return attributes?.has("learning_rate") === true && attributes.has("output_dir");
}

/** What nnU-Net plans for a data set, alone or as its trainers write it beside each checkpoint. */
function isPlans(root: ContentValue): boolean {
  const plans = mappingOf(mappingOf(root)?.get("plans")) ?? mappingOf(root);
  return plans?.has("plans_per_stage") === true && plans.has("num_stages");
}

function isScheduler(keys: ReadonlySet<string>): boolean {
  const isOfTorch =
    keys.has("last_epoch") && (keys.has("_step_count") || keys.has("base_lrs") || keys.has("best"));
  return (
    isOfTorch ||
    (keys.has("_schedulers") && ["_step_count", "_milestones", "_last_lr"].some((key) => keys.has(key)))
  );
}

/** What torch.amp.GradScaler saves. */
function isScaler(keys: ReadonlySet<string>): boolean {
  return ["scale", "growth_factor", "backoff_factor", "growth_interval"].every((key) => keys.has(key));
}

/** Losses and scores that were never made plain numbers: `4.cluster_losses.0`. */
function holdsOnlyMeasures({ tensors }: FileContent): boolean {
  return (
    tensors.size > 0 &&
    [...tensors.values()].every(({ name, shape }) => shape.length === 0 && isMeasureName(name))
  );
}

/** The state of a Mersenne Twister, as NumPy's generators keep it: what else lies beside it has no tensors. */
function holdsOnlyTwisters({ tensors }: FileContent): boolean {
  const isTwister = ({ dtype, shape }: Tensor) => dtype === "U32" && shape.length === 1 && shape[0] === 624;
  return tensors.size > 0 && [...tensors.values()].every(isTwister);
}

const rngKeys = [
  "python",
  "random",
  "numpy",
  "cpu",
  "cuda",
  "random_state",
  "numpy_random_seed",
  "torch_manual_seed",
];

/** What verl keeps in its `extra_state`: a schedule and random states. */
function isBesideWeights(value: ContentValue): boolean {
  const keys = keysOf(value);
  return isScheduler(keys) || (keys.size > 0 && [...keys].every((key) => rngKeys.includes(key)));
}

function isRngState(keys: ReadonlySet<string>): boolean {
  return rngKeys.filter((key) => keys.has(key)).length >= 2 && !keys.has("model") && !keys.has("state_dict");
}
