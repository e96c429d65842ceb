import type { ContentValue, MapValue } from "../formats/contentValue";
import { childrenOf, mappingOf, membersOf, numberOf, sequenceOf, stringOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { keyText } from "../formats/pythonText";
import type { ResumeInputs, SchedulerInputs } from "./resumeInputs";

const maxKeys = 200;
const maxSchedulers = 16;

/** The entries of the value at the top of a file, by key. */
function topEntries({ root }: FileContent): readonly (readonly [key: string, value: ContentValue])[] {
  const mapping = mappingOf(root);
  if (mapping === undefined) return [];
  const entries: (readonly [string, ContentValue])[] = [];
  for (const [key, value] of mapping.entries()) {
    if (entries.length === maxKeys) break;
    entries.push([keyText(key), value]);
  }
  return entries;
}

/** The state of a scheduler as torch saves it; undefined for what is none. */
export function schedulerState(value: ContentValue, place: string): SchedulerInputs | undefined {
  const state = membersOf(value);
  if (state === undefined) return undefined;
  const step =
    numberOf(state.get("last_epoch")) ??
    numberOf(state.get("last_batch_iteration")) ??
    numberOf(state.get("last_step"));
  const rates = (sequenceOf(state.get("_last_lr")) ?? []).flatMap((rate) => numberOf(rate) ?? []);
  const base = (sequenceOf(state.get("base_lrs")) ?? []).flatMap((rate) => numberOf(rate) ?? []);
  const isScheduler =
    step !== undefined || state.has("_schedulers") || state.has("num_steps") || state.has("best");
  if (!isScheduler) return undefined;
  const counts = state.has("num_bad_epochs") ? { countsEvaluations: true as const } : {};
  // `cycle_momentum` is OneCycleLR's alone among those with a total.
  const total = state.has("cycle_momentum") ? numberOf(state.get("total_steps")) : undefined;
  const end = total === undefined ? {} : { total };
  return { place, step, learningRates: rates, baseRates: base, ...counts, ...end };
}

const schedulerKeys = /sched/i;

/** What is under another key is a scheduler where it has what torch gives all of them. */
export function isTorchScheduler(value: ContentValue): boolean {
  const state = membersOf(value);
  if (state?.has("last_epoch") !== true) return false;
  // ReduceLROnPlateau keeps neither before torch 2.2.
  return state.has("_step_count") || state.has("base_lrs") || state.has("num_bad_epochs");
}

const randomKeys = /^(?:.*_)?rng(?:_.*)?$|^random_states?$|^torch_manual_seed$/i;
const scalerKeys = /scaler|^amp$|^(?:Native)?MixedPrecision(?:Plugin)?$/i;

/** fairseq keeps what its schedule remembers (its best loss, or nothing) with the last optimizer that it tells of. */
function scheduleOfFairseq({ root }: FileContent): readonly SchedulerInputs[] {
  const history = sequenceOf(mappingOf(root)?.get("optimizer_history")) ?? [];
  const last = membersOf(history.at(-1));
  const state = membersOf(last?.get("lr_scheduler_state"));
  if (state === undefined) return [];
  const place = `optimizer_history.${history.length - 1}.lr_scheduler_state`;
  return [{ place, step: undefined, learningRates: [], baseRates: [] }];
}

/** Schedules in a file that holds everything; Lightning keeps a list of them. A file that is one has it at no place. */
export function schedulersInside(content: FileContent): readonly SchedulerInputs[] {
  const whole = isTorchScheduler(content.root) ? schedulerState(content.root, "") : undefined;
  if (whole !== undefined) return [whole];
  const found = topEntries(content)
    .flatMap(([key, value]) => {
      if (!schedulerKeys.test(key)) return isTorchScheduler(value) ? [schedulerState(value, key)] : [];
      const own = schedulerState(value, key);
      if (own !== undefined) return [own];
      const children = content.tensors.has(value) ? undefined : childrenOf(value);
      const inner = [];
      for (let at = 0; at < Math.min(children?.count ?? 0, maxSchedulers); at++) {
        inner.push(schedulerState(children?.value(at) ?? null, `${key}.${children?.label(at)}`));
      }
      return inner;
    })
    .filter((found) => found !== undefined)
    .slice(0, maxSchedulers);
  return found.length > 0 ? found : scheduleOfFairseq(content);
}

/** Keys under which a random state is kept. */
export function randomInside(content: FileContent): readonly string[] {
  return topEntries(content)
    .filter(([key, value]) => randomKeys.test(key) && value !== null)
    .map(([key]) => key);
}

export function scalerInside(content: FileContent): ResumeInputs["scaler"] {
  for (const [key, value] of topEntries(content)) {
    if (!scalerKeys.test(key)) continue;
    const scale = scalerScale(membersOf(value));
    if (scale !== undefined) return { place: key, scale };
  }
  return undefined;
}

/** A disabled scaler saves `{}`. */
export function scalerScale(state: MapValue | undefined): number | undefined {
  return numberOf(state?.get("scale")) ?? numberOf(state?.get("cur_scale"));
}

/** nanoGPT and others write the dtype of autocast into the configuration beside the model. */
export function precisionInside(content: FileContent): ResumeInputs["precision"] {
  for (const [key, value] of topEntries(content)) {
    const dict = membersOf(value);
    const found = dict === undefined ? undefined : precisionOf(dict);
    if (found !== undefined && /^(?:config|args|hyper_parameters|hparams|cfg)$/i.test(key)) {
      return { name: found, place: key };
    }
  }
  return undefined;
}

/** What training arguments tell of how a checkpoint is resumed. */
export interface TrainingSettings extends Pick<ResumeInputs, "precision" | "worldSize" | "warmup" | "asked"> {
  /** Samples of one process in a step, on all its devices. */
  readonly batch: number | undefined;
}

export function trainingSettings(
  root: ContentValue | undefined,
  place: string,
): TrainingSettings | undefined {
  const settings = membersOf(root);
  if (settings === undefined) return undefined;
  const name = precisionOf(settings);
  const count = worldSizeOf(settings);
  const steps = warmupOf(settings);
  return {
    precision: name === undefined ? undefined : { name, place },
    worldSize: count === undefined ? undefined : { count, place },
    warmup: steps === undefined ? undefined : { steps, place },
    batch: batchOf(settings),
    ...askedOptimizer(settings, place),
  };
}

/** From training arguments: `fp16`, `bf16`, nanoGPT's `dtype`, Lightning's `precision`. */
function precisionOf(settings: MapValue): "fp16" | "bf16" | "fp32" | undefined {
  if (settings.get("fp16") === true) return "fp16";
  if (settings.get("bf16") === true) return "bf16";
  const text = stringOf(settings.get("dtype")) ?? stringOf(settings.get("precision"));
  if (text !== undefined) {
    if (/^(?:float16|fp16|16|16-mixed)$/.test(text)) return "fp16";
    if (/^(?:bfloat16|bf16|bf16-mixed|bf16-true)$/.test(text)) return "bf16";
    if (/^(?:float32|fp32|32|32-true)$/.test(text)) return "fp32";
  }
  return settings.get("fp16") === false && settings.get("bf16") === false ? "fp32" : undefined;
}

/** The Trainer's `optim`, an enum. A default says nothing: scripts hand over optimizers of their own. */
function askedOptimizer(settings: MapValue, place: string): Pick<TrainingSettings, "asked"> {
  const value = settings.get("optim");
  const children = value === undefined || typeof value !== "object" ? undefined : childrenOf(value);
  const inner = children === undefined || children.count === 0 ? undefined : stringOf(children.value(0));
  const name = stringOf(value) ?? inner;
  return name === undefined || /^adamw_(?:hf|torch)/.test(name) ? {} : { asked: { name, place } };
}

/** Steps of the Trainer's warm-up; a share of all steps is no number of them. */
function warmupOf(settings: MapValue): number | undefined {
  const steps = numberOf(settings.get("warmup_steps"));
  return steps !== undefined && steps >= 1 ? steps : undefined;
}

/** Samples of one process in a step of the Trainer, on all its devices. */
function batchOf(settings: MapValue): number | undefined {
  const each = numberOf(settings.get("per_device_train_batch_size"));
  return each === undefined ? undefined : each * Math.max(1, numberOf(settings.get("_n_gpu")) ?? 1);
}

/** Processes, as accelerate's state inside of training arguments counts them. */
function worldSizeOf(settings: MapValue): number | undefined {
  const state = settings.get("distributed_state");
  const attributes = membersOf(state);
  return numberOf(attributes?.get("num_processes")) ?? numberOf(settings.get("world_size"));
}
