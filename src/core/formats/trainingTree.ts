import type { Tensor } from "../tensors/tensor";
import { type ContentValue, ListValue, MapValue } from "./contentValue";
import type { FileContent } from "./format";
import { modelValue, standIn } from "./joinedValue";

/** What an optimizer keeps for a parameter. */
export interface Moment {
  /** Its name, or its place in the order in which the optimizer counts where no name is kept. */
  readonly parameter: string | number;
  readonly key: string;
  readonly tensor: Tensor;
}

export interface TrainingTensors {
  readonly moments: readonly Moment[];
  /** What an optimizer keeps once: a learning rate, a count of steps. */
  readonly settings: ReadonlyMap<string, Tensor>;
  /** What says how far the training was, by the names that torch's checkpoints use. */
  readonly progress?: ReadonlyMap<string, Tensor>;
}

/**
 * The tensors of a checkpoint as a tree of a model and of an optimizer, for formats that keep them side by side under
 * telling names. Undefined where there is no optimizer.
 */
export function trainingTree(
  tensors: readonly Tensor[],
  { moments, settings, progress }: TrainingTensors,
): FileContent | undefined {
  if (moments.length === 0) return undefined;
  const stood = new Map<ContentValue, Tensor>();
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
  for (const [key, tensor] of settings) group.set(key, standIn(tensor, stood));
  group.set("params", new ListValue([...state.keys]));
  const optimizer = new MapValue();
  optimizer.set("state", state);
  optimizer.set("param_groups", new ListValue([group]));
  const apart = new Set<Tensor>([
    ...moments.map(({ tensor }) => tensor),
    ...settings.values(),
    ...(progress?.values() ?? []),
  ]);
  const root = new MapValue();
  root.set(
    "model",
    modelValue(
      tensors.filter((tensor) => !apart.has(tensor)),
      stood,
    ),
  );
  root.set("optimizer", optimizer);
  for (const [key, tensor] of progress ?? []) root.set(key, standIn(tensor, stood));
  return { root, tensors: stood };
}
