import type { Tensor } from "../tensors/tensor";
import { type ContentValue, ListValue, MapValue } from "./contentValue";
import type { FileContent } from "./format";
import { modelValue, standIn } from "./joinedValue";

/** Key of a group under which stands what the model was compiled with. */
export const compiledClassKey = "class_name";

/** What an optimizer keeps for a parameter. */
export interface Moment {
  /** Its name, or its place in the order in which the optimizer counts where no name is kept. */
  readonly parameter: string | number;
  readonly key: string;
  readonly tensor: Tensor;
}

export interface OptimizerTensors {
  readonly moments: readonly Moment[];
  /** What an optimizer keeps once: a learning rate, a count of steps. */
  readonly settings: ReadonlyMap<string, Tensor>;
  /** Class of the optimizer, where the checkpoint says what the model was compiled with. */
  readonly className?: string;
}

export interface TrainingTensors extends OptimizerTensors {
  /** Where there are several optimizers, which of the moments and settings are whose, by what the checkpoint calls each. */
  readonly optimizers?: ReadonlyMap<string, OptimizerTensors>;
  /** What says how far the training was, by the names that torch's checkpoints use. */
  readonly progress?: ReadonlyMap<string, Tensor | number>;
  /** What is neither a parameter nor the optimizer's, by what it is. */
  readonly beside?: ReadonlyMap<BesideModel, readonly Tensor[]>;
}

/** What some optimizers of one checkpoint keep, each for itself where they are several. */
export function whoseAre(optimizers: ReadonlyMap<string, OptimizerTensors>): TrainingTensors {
  const all = [...optimizers.values()];
  const settings = new Map<string, Tensor>();
  for (const own of all)
    for (const [key, tensor] of own.settings) settings.set(settings.has(key) ? tensor.name : key, tensor);
  const moments = all.flatMap((own) => own.moments);
  return { moments, settings, ...(all.length > 1 ? { optimizers } : {}) };
}

/** "copy" and "average" are of the parameters; the words are those by which `findModels` leaves them out. */
export type BesideModel = "average" | "copy" | "counters" | "metrics" | "random" | "texts";

/**
 * The tensors of a checkpoint as a tree of a model and of an optimizer, for formats that keep them side by side under
 * telling names. Undefined where all is the model's.
 */
export function trainingTree(
  tensors: readonly Tensor[],
  { optimizers, progress = new Map(), beside = new Map(), ...only }: TrainingTensors,
): FileContent | undefined {
  const { moments, settings } = only;
  const apart = new Set<Tensor>([
    ...moments.map(({ tensor }) => tensor),
    ...settings.values(),
    ...[...progress.values()].filter((value) => typeof value !== "number"),
    ...[...beside.values()].flat(),
  ]);
  if (apart.size === 0 && progress.size === 0) return undefined;
  const stood = new Map<ContentValue, Tensor>();
  const model = tensors.filter((tensor) => !apart.has(tensor));
  const root = new MapValue();
  root.set("model", modelValue(model, stood));
  for (const [name, own] of optimizers ?? [["optimizer", only] as const])
    if (own.moments.length > 0 || own.settings.size > 0) root.set(name, optimizerValue(own, stood));
  for (const [key, value] of progress)
    root.set(key, typeof value === "number" ? value : standIn(value, stood));
  for (const [key, some] of beside) root.set(key, modelValue(some, stood));
  return { root, tensors: stood, parameters: new Set(model.map(({ name }) => name)) };
}

function optimizerValue(
  { moments, settings, className }: OptimizerTensors,
  stood: Map<ContentValue, Tensor>,
): MapValue {
  const state = new MapValue();
  for (const { parameter, key, tensor } of moments) {
    let held = state.get(parameter);
    if (!(held instanceof MapValue)) {
      held = new MapValue();
      state.set(parameter, held);
    }
    held.set(key, standIn(tensor, stood));
  }
  const group = new MapValue();
  if (className !== undefined) group.set(compiledClassKey, className);
  for (const [key, tensor] of settings) group.set(key, standIn(tensor, stood));
  group.set("params", new ListValue([...state.keys]));
  const optimizer = new MapValue();
  optimizer.set("state", state);
  optimizer.set("param_groups", new ListValue([group]));
  return optimizer;
}
