import type { ContentValue } from "../formats/contentValue";
import { membersOf, sequenceOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { keyText } from "../formats/pythonText";
import { plainNumber } from "../formats/torch/plainNumber";
import { isOptimizer } from "../optimizer/findOptimizers";
import { meaningOf, type NumberMeaning } from "../progress/progressKeys";
import { elementCount } from "../tensors/tensor";
import { lastPart } from "../text/lastPart";

/** A number that a file states about its training, or the tensor of one element that holds it. */
export interface StatedNumber {
  /** As tensors are named: `epoch`, `meta.iter`. */
  readonly place: string;
  readonly key: string;
  readonly value: ContentValue;
}

export type StatedNumbers = ReadonlyMap<NumberMeaning, readonly StatedNumber[]>;

/** Where people keep such numbers, where they do not lie at the top. */
const placesOfNumbers =
  /^(?:\d+|data|meta|info|infos|extra|extra_state|extras|trainer|trainer_state|train(?:ing)?_(?:state|status|progress|info|metrics|results|iterator)|progress|state|status|counters?|stats|reporter|metric_tracker|message_hub|runtime_info|checkpoint|optim|log|logs|logging|train|training|valid|val|validation|eval|test|metrics?|results?|scores?|(?:epoch|valid|val|eval|test|best|last|train)_?(?:metrics|results|stats|scores|epoch_metrics)|sampler|engine|loop|hparams_state|wandb|additional_info|user_content|optimizer_history|timestamp|model_loss|global_step)$/i;

/** Settings of the training: what is planned, and nothing of what was done. */
const placesOfGoals =
  /^(?:args|arguments|config|configs|cfg|conf|opt|opts|options|hparams|hyper_?parameters|hyper_params|params|train_args|training_args|settings|flags|training|train|trainer|optimization|runtime_info)$/i;

const maxDepth = 3;
const maxEntries = 400;
const maxFound = 200;

/** The numbers at the top of a file and in the places where people keep them, by what they are about. */
export function statedNumbers(content: FileContent): StatedNumbers {
  const found = new Map<NumberMeaning, (StatedNumber & { rank: number; depth: number })[]>();
  let count = 0;
  const isOfYolo = membersOf(content.root)?.has("best_fitness") === true;
  const walk = (value: ContentValue, path: string, depth: number, goalsOnly: boolean): void => {
    const isOfBaselines = membersOf(value)?.has("num_timesteps") === true;
    for (const [key, member] of entriesOf(value)) {
      if (isOfBaselines && isOfAlgorithm(key, member)) continue;
      const place = path === "" ? key : `${path}.${key}`;
      const name = depth > 0 && meaningOf(key) === undefined ? `${lastPart(path)}_${key}` : key;
      // YOLO counts the updates of its average, of a training that goes by epochs.
      const isOfAverage = key === "updates" && depth === 0 && isOfYolo;
      // rl_games counts the frames of all environments, of a training that goes by epochs.
      const isOfGames = key === "frame" && isOfRlGames(value);
      const told = isOfAverage
        ? undefined
        : isOfGames
          ? ({ meaning: "metric", rank: 0 } as const)
          : (meaningOf(inContext(path, key)) ?? meaningOf(name));
      if (isNumber(member, content) && told !== undefined && count < maxFound) {
        const isGoal = told.meaning === "maxSteps" || told.meaning === "maxEpochs";
        const meaning = goalsOnly ? goalOf(told.meaning, key) : told.meaning;
        if (goalsOnly && !isGoal && meaning === told.meaning) continue;
        count++;
        const list = found.get(meaning) ?? [];
        list.push({ place, key: inContext(path, key), value: member, rank: told.rank, depth });
        found.set(meaning, list);
      } else if (depth < maxDepth && !content.tensors.has(member) && !isOptimizer(member)) {
        const last = /^optimizer_history$/.test(key) ? sequenceOf(member)?.at(-1) : undefined;
        const inner = last ?? member;
        if (placesOfNumbers.test(key) && !goalsOnly) walk(inner, place, depth + 1, false);
        else if (placesOfGoals.test(key)) walk(inner, place, depth + 1, true);
      }
    }
  };
  if (!isOptimizer(content.root)) walk(content.root, "", 0, false);
  for (const list of found.values()) list.sort((a, b) => a.depth - b.depth || a.rank - b.rank);
  return found;
}

function isOfRlGames(value: ContentValue): boolean {
  const dict = membersOf(value);
  return (
    dict !== undefined && ["epoch", "frame", "env_state", "last_mean_rewards"].every((key) => dict.has(key))
  );
}

/** Among settings `epochs`, `total_steps` and `num_iters` are what was planned. */
function goalOf(meaning: NumberMeaning, key: string): NumberMeaning {
  if (meaning === "epoch" && /s$/i.test(key)) return "maxEpochs";
  return meaning === "step" && /^(?:total|num|n|train)_\w+s$/i.test(key) ? "maxSteps" : meaning;
}

/**
 * Beside its steps Stable-Baselines3 keeps how often PPO goes through each rollout, and a count of episodes, which the
 * algorithms that learn on policy never raise.
 */
function isOfAlgorithm(key: string, value: ContentValue): boolean {
  return key === "n_epochs" || (key === "_episode_num" && plainNumber(value) === 0);
}

/** `loss` of `epoch_metrics.valid` is the loss of the validation. */
function inContext(path: string, key: string): string {
  const parent = lastPart(path);
  const isPart =
    /^(?:train|training|valid|val|validation|eval|test)(?:_metrics|_results|_stats|_scores)?$/i.test(parent);
  if (!isPart || /^(?:train|val|valid|eval|test)/i.test(key)) return key;
  return meaningOf(key)?.meaning === "loss" || meaningOf(key)?.meaning === "metric"
    ? `${parent.replace(/_.*$/, "")}_${key}`
    : key;
}

function entriesOf(value: ContentValue): readonly (readonly [key: string, value: ContentValue])[] {
  const dict = membersOf(value);
  if (dict === undefined || dict.size > maxEntries) return [];
  return [...dict.entries()].map(([key, member]) => [keyText(key), member]);
}

function isNumber(value: ContentValue, { tensors }: FileContent): boolean {
  if (plainNumber(value) !== undefined) return true;
  const tensor = tensors.get(value);
  return tensor !== undefined && elementCount(tensor.shape) === 1;
}
