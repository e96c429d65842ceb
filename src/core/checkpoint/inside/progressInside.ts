import type { ContentValue, MapValue } from "../../formats/contentValue";
import { mappingOf, membersOf, sequenceOf } from "../../formats/contentView";
import type { FileContent } from "../../formats/format";
import { keyText } from "../../formats/pythonText";
import { plainNumber } from "../../formats/torch/plainNumber";
import { findOptimizers } from "../../optimizer/findOptimizers";
import { betterEnd } from "../../progress/metricDirection";
import { bestName, type NumberMeaning, seriesMeaning } from "../../progress/progressKeys";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { type StatedNumber, statedNumbers } from "../statedNumbers";
import type { NamedValue, ProgressSummary } from "../summary";
import { stoppedBy } from "./earlyStopping";
import { type SeriesInside, seriesInside } from "./seriesInside";

/** The value of a tensor of one element; undefined where it cannot be read. */
export type ReadNumber = (tensor: Tensor) => Promise<number | undefined>;

/** Values listed beside step and loss. */
const maxMetrics = 24;

/** What a file says of its training, and under which keys it says how far it came. */
export interface ToldProgress {
  readonly summary: ProgressSummary;
  /** Epochs that were made, where the epoch itself is counted from 0. */
  readonly epochsMade?: number;
  /** Undefined where the file itself states none. */
  readonly stepPlace?: string;
  readonly epochPlace?: string;
  readonly episodePlace?: string;
}

/**
 * How far the training was, by what the file itself says, wherever in it and under whatever key. Undefined where it
 * says nothing.
 */
export async function progressInside(
  content: FileContent,
  readNumber: ReadNumber,
): Promise<ToldProgress | undefined> {
  const read = async (value: ContentValue | undefined): Promise<number | undefined> => {
    const number = plainNumber(value);
    if (number !== undefined || value === undefined) return number;
    const tensor = content.tensors.get(value);
    return tensor !== undefined && elementCount(tensor.shape) === 1 ? readNumber(tensor) : undefined;
  };
  const stated = statedNumbers(content);
  const first = async (meaning: NumberMeaning): Promise<(StatedNumber & { number: number }) | undefined> => {
    for (const found of stated.get(meaning) ?? []) {
      const number = await read(found.value);
      if (number !== undefined) return { ...found, number };
    }
    return undefined;
  };
  const optimizers = findOptimizers(content.root);
  const taken = await optimizerStep(content, read);
  const counted = (await first("step")) ?? iterationOfSplatting(content);
  // Its optimizer has made more steps than that.
  const isEpoch = counted !== undefined && isOfVits(content) && (taken ?? 0) > counted.number;
  const step = isEpoch ? undefined : counted;
  const epoch = isEpoch ? counted : await first("epoch");
  const episode = await first("episode");
  // fairseq writes 0, and others -1, for a training without an end.
  const goal = async (meaning: NumberMeaning) => {
    const found = await first(meaning);
    return found !== undefined && found.number > 0 ? found : undefined;
  };
  const goals = { steps: await goal("maxSteps"), epochs: await goal("maxEpochs") };
  const best = await bestOf(content, first, read);
  const lasts = await lastsOfSeries(seriesInside(content), readNumber, read);
  const maxSteps = goals.steps?.number ?? (await goalBeside(step, stated.get("step") ?? [], read));
  const isStripped = epoch?.number === -1 && optimizers.length === 0;
  const epochsMade = epochsOfLightning(content);
  const isDone =
    isStripped ||
    isReached(epochsMade, goals.epochs?.number) ||
    isReached(step?.number, maxSteps) ||
    // A goal beside the epoch of the same place, and not one of settings, which may be those of another training.
    isReached(epoch?.number, goals.epochs?.number);
  const evalLoss = await first("evalLoss");
  const metrics = await metricsOf(stated.get("metric") ?? [], read);
  const stopper = isDone ? undefined : stoppedBy(content, epoch?.number);
  const summary: ProgressSummary = {
    step: step?.number ?? taken,
    ...(step === undefined && taken !== undefined ? { stepIsOptimizers: true as const } : {}),
    epoch: epoch !== undefined && epoch.number < 0 ? undefined : epoch?.number,
    maxSteps,
    learningRate: await learningRate(content, stated.get("learningRate") ?? [], read),
    loss: (await first("loss"))?.number ?? lasts.loss,
    // The loss of a test at the end is not that of the validation at the moment of the save.
    evalLoss:
      (/test/i.test(evalLoss?.key ?? "") ? lasts.evalLoss : undefined) ?? evalLoss?.number ?? lasts.evalLoss,
    ...best,
    ...(episode === undefined ? {} : { episode: episode.number }),
    ...(goals.epochs === undefined ? {} : { maxEpochs: goals.epochs.number }),
    ...(isDone ? { finished: true as const } : {}),
    ...(stopper === undefined ? {} : { stoppedEarly: true as const, stoppedBy: stopper }),
    ...(metrics.length === 0 ? {} : { metrics }),
  };
  // A step of the optimizer or a rate alone is no progress of a training, but of its optimizer.
  const values = [summary.step, summary.epoch, episode, summary.loss, summary.evalLoss, summary.bestMetric];
  if (values.every((value) => value === undefined) && !isDone && metrics.length === 0) return undefined;
  return {
    summary,
    ...(epochsMade === undefined ? {} : { epochsMade }),
    ...(step === undefined ? {} : { stepPlace: step.place }),
    ...(epoch === undefined || epoch.number < 0 ? {} : { epochPlace: epoch.place }),
    ...(episode === undefined ? {} : { episodePlace: episode.place }),
  };
}

/** Lightning counts its epochs from 0, and beside that how many it made; by these it ends (FitLoop.done). */
function epochsOfLightning({ root }: FileContent): number | undefined {
  const loop = membersOf(membersOf(root)?.get("loops"))?.get("fit_loop");
  const counts = membersOf(membersOf(membersOf(loop)?.get("epoch_progress"))?.get("current"));
  return plainNumber(counts?.get("processed"));
}

/** VITS and what came of it (so-vits-svc, RVC, GPT-SoVITS) save the epoch as `iteration`; the step is in the name. */
function isOfVits({ root }: FileContent): boolean {
  const keys = membersOf(root)?.keys.map(keyText) ?? [];
  const wanted = ["model", "iteration", "optimizer", "learning_rate"];
  return keys.length === wanted.length && wanted.every((key) => keys.includes(key));
}

/** Gaussian splatting saves what it captured, whose optimizer names its groups, and the iteration beside it. */
function iterationOfSplatting({ root }: FileContent): (StatedNumber & { number: number }) | undefined {
  const value = sequenceOf(root)?.[1];
  const number = plainNumber(value);
  if (value === undefined || number === undefined) return undefined;
  const isSplatting = findOptimizers(root).some(({ groups }) => groups[0]?.get("name") === "xyz");
  return isSplatting ? { place: "1", key: "iteration", value, number } : undefined;
}

function isReached(done: number | undefined, goal: number | undefined): boolean {
  return done !== undefined && goal !== undefined && goal > 0 && done >= goal;
}

/** Stable-Baselines3 keeps the steps that were ordered beside those that were made. */
async function goalBeside(
  step: (StatedNumber & { number: number }) | undefined,
  others: readonly StatedNumber[],
  read: (value: ContentValue) => Promise<number | undefined>,
): Promise<number | undefined> {
  if (step?.key !== "num_timesteps") return undefined;
  const goal = others.find(({ key }) => /^_?total_timesteps$/.test(key));
  return goal === undefined ? undefined : read(goal.value);
}

async function metricsOf(
  found: readonly StatedNumber[],
  read: (value: ContentValue) => Promise<number | undefined>,
): Promise<readonly NamedValue[]> {
  const metrics: NamedValue[] = [];
  for (const { place, key, value } of found.slice(0, maxMetrics)) {
    const number = await read(value);
    if (number !== undefined && !isInBits(key, number))
      metrics.push({ name: place.endsWith(key) ? key : place, value: number });
  }
  return metrics;
}

/** Lightning's modules keep in how many bits they compute under the name of a metric. */
function isInBits(key: string, value: number): boolean {
  return key === "precision" && [16, 32, 64].includes(value);
}

type Best = Pick<ProgressSummary, "bestMetric" | "bestCheckpoint" | "bestMetricName" | "bestIs">;

async function bestOf(
  content: FileContent,
  first: (meaning: NumberMeaning) => Promise<(StatedNumber & { number: number }) | undefined>,
  read: (value: ContentValue | undefined) => Promise<number | undefined>,
): Promise<Best> {
  const { state: callback, mode } = bestCallback(mappingOf(content.root));
  const stated = await first("best");
  const score = await read(callback?.get("best_model_score"));
  const monitor =
    textOf(callback?.get("monitor")) ?? (stated === undefined ? undefined : bestName(stated.key));
  const bestMetric = score ?? stated?.number;
  const name = bestMetric === undefined || monitor === "metric" ? undefined : monitor;
  const end = name === undefined ? undefined : ((score === undefined ? undefined : mode) ?? betterEnd(name));
  return {
    bestMetric,
    bestCheckpoint: textOf(callback?.get("best_model_path")),
    ...(name === undefined ? {} : { bestMetricName: name }),
    ...(end === undefined ? {} : { bestIs: end }),
  };
}

/** The ends of histories: the values at the moment of saving. */
async function lastsOfSeries(
  series: readonly SeriesInside[],
  readNumber: ReadNumber,
  read: (value: ContentValue | undefined) => Promise<number | undefined>,
): Promise<{ loss?: number; evalLoss?: number }> {
  const lasts: { loss?: number; evalLoss?: number } = {};
  for (const { path, values, tensor } of series) {
    const meaning = meaningOfSeries(path);
    if (meaning === undefined || lasts[meaning] !== undefined) continue;
    const number = tensor === undefined ? await read(values.at(-1)) : await readNumber(lastElement(tensor));
    if (number !== undefined) lasts[meaning] = number;
  }
  return lasts;
}

/** `train.loss` of a history is told by its two last parts, `history.val_loss` by the last. */
function meaningOfSeries(path: string): "loss" | "evalLoss" | undefined {
  const parts = path.split(".");
  return (
    (parts.length > 1 ? seriesMeaning(parts.slice(-2).join("_")) : undefined) ??
    seriesMeaning(parts.at(-1) ?? "")
  );
}

function lastElement(tensor: Tensor): Tensor {
  const { layout, shape, byteSize, offset } = tensor;
  const length = shape[0] ?? 1;
  const itemBytes = byteSize / Math.max(1, length);
  const last = { ...tensor, shape: [], byteSize: itemBytes };
  if (layout === undefined) return { ...last, offset: offset + byteSize - itemBytes };
  const [stride = 1] = layout.strides;
  const storageOffset = layout.storageOffset + (length - 1) * stride;
  return { ...last, layout: { ...layout, storageOffset, strides: [], elementShape: [] } };
}

/** Lightning names callbacks by their class and arguments: `ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min', …}`. */
function bestCallback(root: MapValue | undefined): {
  readonly state?: MapValue;
  readonly mode?: "lowest" | "highest";
} {
  for (const [key, value] of mappingOf(root?.get("callbacks"))?.entries() ?? []) {
    const state = mappingOf(value);
    if (state?.has("best_model_score") !== true) continue;
    const mode = /'mode': '(min|max)'/.exec(keyText(key))?.[1];
    return mode === undefined ? { state } : { state, mode: mode === "min" ? "lowest" : "highest" };
  }
  return {};
}

async function learningRate(
  content: FileContent,
  stated: readonly StatedNumber[],
  read: (value: ContentValue | undefined) => Promise<number | undefined>,
): Promise<number | undefined> {
  for (const { groups } of findOptimizers(content.root)) {
    const rate = await read(groups[0]?.get("lr"));
    if (rate !== undefined) return rate;
  }
  return stated[0] === undefined ? undefined : read(stated[0].value);
}

/** What Keras and optax count once for all parameters, as they are named in an optimizer's settings. */
const countedOnce = /(?:^|[./])(?:_?iter(?:ations?)?|count)(?::0)?$/;

/**
 * Every parameter counts the steps of its own; they agree, so one is enough. Keras and optax count once, or for each
 * transformation in a row: where those differ, none is the number of steps.
 */
async function optimizerStep(
  content: FileContent,
  read: (value: ContentValue | undefined) => Promise<number | undefined>,
): Promise<number | undefined> {
  const [optimizer, ...others] = findOptimizers(content.root);
  const own = await read(mappingOf(optimizer?.state.values[0])?.get("step"));
  if (own !== undefined || others.length > 0) return own;
  const counts = new Set<number>();
  for (const [key, value] of optimizer?.groups[0]?.entries() ?? []) {
    if (typeof key !== "string" || !countedOnce.test(key)) continue;
    const count = await read(value);
    if (count !== undefined) counts.add(count);
    if (counts.size > 1) return undefined;
  }
  return [...counts][0];
}

function textOf(value: ContentValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
