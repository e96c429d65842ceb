import type { ContentValue, MapValue } from "../formats/contentValue";
import { mappingOf, numberOf, sequenceOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { findOptimizers } from "../optimizer/findOptimizers";
import type { Tensor } from "../tensors/tensor";
import type { ProgressSummary } from "./summary";

/** The value of a tensor of one element; undefined where it cannot be read. */
export type ReadNumber = (tensor: Tensor) => Promise<number | undefined>;

/**
 * How far the training was, by what the file itself says: Lightning (`epoch`, `global_step`, callbacks), nanoGPT
 * (`iter_num`, `best_val_loss`), and the dicts that people write by hand. Undefined where it says nothing.
 */
export async function progressInside(
  content: FileContent,
  readNumber: ReadNumber,
): Promise<ProgressSummary | undefined> {
  const root = mappingOf(content.root);
  if (root === undefined) return undefined;
  const read = async (value: ContentValue | undefined): Promise<number | undefined> => {
    const number = numberOf(value);
    if (number !== undefined || value === undefined) return number;
    const tensor = content.tensors.get(value);
    return tensor?.shape.every((size) => size === 1) ? readNumber(tensor) : undefined;
  };
  const firstOf = async (dict: MapValue, keys: readonly string[]): Promise<number | undefined> => {
    for (const key of keys) {
      const number = await read(dict.get(key));
      if (number !== undefined) return number;
    }
    return undefined;
  };
  const best = bestCallback(root);
  // YOLO writes -1 once the training is finished and the optimizer stripped.
  const epoch = await firstOf(root, epochKeys);
  const summary: ProgressSummary = {
    step: (await firstOf(root, stepKeys)) ?? (await optimizerStep(content, read)),
    epoch: epoch !== undefined && epoch < 0 ? undefined : epoch,
    maxSteps: await firstOf(root, maxStepKeys),
    learningRate: await learningRate(content, root, read),
    loss: (await firstOf(root, lossKeys)) ?? lastOfSeries(root, lossSeries),
    evalLoss: (await firstOf(root, evalLossKeys)) ?? lastOfSeries(root, evalSeries),
    bestMetric: (await read(best?.get("best_model_score"))) ?? (await firstOf(root, bestKeys)),
    bestCheckpoint: textOf(best?.get("best_model_path")),
  };
  // A step of the optimizer or a rate alone is no progress of a training, but of its optimizer.
  const { step, loss, evalLoss, bestMetric } = summary;
  return [step, summary.epoch, loss, evalLoss, bestMetric].every((value) => value === undefined)
    ? undefined
    : summary;
}

const stepKeys = [
  ...[
    "global_step",
    "global_steps",
    "step",
    "iter_num",
    "iteration",
    "iter",
    "steps",
    "steps_run",
    "num_updates",
    "n_iter",
  ],
  ...["current_step", "total_steps_done", "train_step", "it"],
  // What reinforcement learning counts, and the goal of nobody who saves it beside a model.
  ...["num_timesteps", "total_steps", "n_updates", "episode"],
];
const epochKeys = ["epoch", "epochs_run", "current_epoch"];
const maxStepKeys = ["max_steps", "max_iters"];
const lossKeys = ["loss", "train_loss", "training_loss"];
const evalLossKeys = ["val_loss", "eval_loss", "valid_loss", "validation_loss", "test_loss"];
const bestKeys = [
  ...[
    "best_val_loss",
    "best_loss",
    "best_metric",
    "best_score",
    "best_acc",
    "best_acc1",
    "best_accuracy",
    "best_prec1",
    "best_top1",
    "best_fitness",
  ],
  "best",
];

const lossSeries =
  /^(?:train(?:ing)?_?)?(?:loss(?:es)?_?(?:history|list)|losses)$|^train(?:ing)?_(?:history|loss(?:es)?)$/i;
const evalSeries = /^(?:val(?:id(?:ation)?)?|eval|test)_(?:history|loss(?:es)?(?:_(?:history|list))?)$/i;

/** A list of numbers that grew by one each epoch or step: its end is the value at the moment of saving. */
function lastOfSeries(root: MapValue, name: RegExp): number | undefined {
  for (const [key, value] of root.entries()) {
    const last = typeof key === "string" && name.test(key) ? sequenceOf(value)?.at(-1) : undefined;
    const number = numberOf(last);
    if (number !== undefined) return number;
  }
  return undefined;
}

/** Lightning names callbacks by their class and arguments: `ModelCheckpoint{'monitor': 'val_loss', …}`. */
function bestCallback(root: MapValue): MapValue | undefined {
  const callbacks = mappingOf(root.get("callbacks"));
  if (callbacks === undefined) return undefined;
  const states = callbacks.values.flatMap((state) => mappingOf(state) ?? []);
  return states.find((state) => state.has("best_model_score"));
}

async function learningRate(
  content: FileContent,
  root: MapValue,
  read: (value: ContentValue | undefined) => Promise<number | undefined>,
): Promise<number | undefined> {
  for (const { groups } of findOptimizers(content.root)) {
    const rate = await read(groups[0]?.get("lr"));
    if (rate !== undefined) return rate;
  }
  return (await read(root.get("lr"))) ?? (await read(root.get("learning_rate")));
}

/** Every parameter counts the steps of its own; they agree, so one is enough. */
async function optimizerStep(
  content: FileContent,
  read: (value: ContentValue | undefined) => Promise<number | undefined>,
): Promise<number | undefined> {
  const [optimizer] = findOptimizers(content.root);
  return read(mappingOf(optimizer?.state.values[0])?.get("step"));
}

function textOf(value: ContentValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
