import type { Tensor } from "../../tensors/tensor";
import { numberedMoments } from "../keras/numberedMoments";
import { type BesideModel, type Moment, type TrainingTensors, whoseAre } from "../trainingTree";
import { type GraphVariables, graphVariables } from "./graphVariables";
import type { ObjectNode } from "./objectGraph";

/** TensorFlow ends the name of each variable with this. */
export const valueEnding = "/.ATTRIBUTES/VARIABLE_VALUE";
/** TensorFlow 2: `<parameter>/.OPTIMIZER_SLOT/<optimizer>/<slot>/.ATTRIBUTES/VARIABLE_VALUE`. */
const slotName = /^(.+)\/\.OPTIMIZER_SLOT\/(.+)\/([^/]+)\/\.ATTRIBUTES\/VARIABLE_VALUE$/;
const optimizerSetting =
  /^(.+)\/(iter|iterations|_iterations|learning_rate|_learning_rate|beta_1|beta_2|decay|momentum|rho|epsilon)\/\.ATTRIBUTES\/VARIABLE_VALUE$/;
const numbered = /^(?:.*\/)?_?optimizer\/_variables\/(\d+)\/\.ATTRIBUTES\/VARIABLE_VALUE$/;

/** What a stateful layer went through last, which no training changes. */
const layerState = /\/keras_api\/states\/\d+\/\.ATTRIBUTES\/VARIABLE_VALUE$/;

/** TensorFlow 1 hangs the name of the optimizer, or of what it keeps, behind that of the parameter. */
const oldSlots = new Map([
  ["Adam", "m"],
  ["Adam_1", "v"],
  ["adam_m", "m"],
  ["adam_v", "v"],
  ["Momentum", "momentum"],
  ["RMSProp", "rms"],
  ["RMSProp_1", "momentum"],
  ["Adagrad", "accumulator"],
  ["Adadelta", "accumulated_grad"],
  ["Adadelta_1", "accumulated_delta_var"],
  ["Ftrl", "accumulator"],
  ["Ftrl_1", "linear"],
]);
/** Before TensorFlow 2 nothing says which optimizer is whose. */
const oldOwner = "optimizer";
const oldSetting = /^(?:.+\/)?beta[12]_power(?:_\d+)?$/;
const oldRate = /^(.+)\/learning_rate$/;
const unsized: ReadonlySet<string> = new Set(["string", "resource", "variant"]);

/**
 * Sorts the variables of a TensorFlow checkpoint: those of the model, what an optimizer keeps for each, and the rest. By
 * its objects where they say it, and otherwise by names.
 */
export function slotTensors(
  tensors: readonly Tensor[],
  nodes: readonly ObjectNode[] = [],
): TrainingTensors & Partial<Pick<GraphVariables, "ownNames">> {
  const named = byNames(tensors);
  const ofGraph = graphVariables(nodes, tensors);
  const beside = new Map<BesideModel, readonly Tensor[]>([...named.beside, ...(ofGraph?.beside ?? [])]);
  if (ofGraph === undefined || named.hasSlots) return { ...named, beside };
  const isOptimizers = ofGraph.moments.length + ofGraph.settings.size > 0;
  return {
    ...(isOptimizers ? ofGraph : named),
    progress: named.progress,
    beside,
    ownNames: ofGraph.ownNames,
  };
}

function byNames(tensors: readonly Tensor[]) {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const slotOwners = new Set(tensors.map(({ name }) => slotName.exec(name)?.[2]));
  const optimizers = new Map<string, { moments: Moment[]; settings: Map<string, Tensor> }>();
  const own = (path: string) => {
    const found = optimizers.get(path) ?? { moments: [], settings: new Map<string, Tensor>() };
    optimizers.set(path, found);
    return found;
  };
  const progress = new Map<string, Tensor>();
  const beside = new Map<BesideModel, Tensor[]>();
  const put = (what: BesideModel, tensor: Tensor) => beside.set(what, [...(beside.get(what) ?? []), tensor]);
  const counted: { readonly number: number; readonly tensor: Tensor }[] = [];
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    const slot = slotName.exec(name);
    const [, holder = "", setting] = optimizerSetting.exec(name) ?? [];
    const isHeld = setting !== undefined && (slotOwners.has(holder) || /optimizer\w*$/.test(holder));
    const number = numbered.exec(name)?.[1];
    const [, behind = "", old = ""] = /^(.+)\/([^/]+)$/.exec(name) ?? [];
    const owner = oldSlots.has(old) ? ownerOf(behind, shape, byName) : behind;
    const ofOwner = byName.get(owner)?.shape.join() === shape.join();
    const oldKey = oldSlots.get(old) ?? (ofOwner ? old : undefined);
    const isInteger = /^[IU]\d/.test(dtype);
    if (unsized.has(dtype)) put("texts", tensor);
    else if (layerState.test(name)) put("counters", tensor);
    else if (slot !== null)
      own(slot[2] ?? "").moments.push({ parameter: `${slot[1]}${valueEnding}`, key: slot[3] ?? "", tensor });
    else if (old === "ExponentialMovingAverage") put("average", tensor);
    else if (oldKey !== undefined && byName.has(owner))
      own(oldOwner).moments.push({ parameter: owner, key: oldKey, tensor });
    else if (isHeld) own(holder).settings.set(setting, tensor);
    else if (
      shape.length === 0 &&
      (oldSetting.test(name) || byName.has(`${oldRate.exec(name)?.[1]}/beta1_power`))
    )
      own(oldOwner).settings.set(name, tensor);
    else if (isInteger && shape.length === 0 && /^(?:global_)?step(?:\/\.|$)/.test(name))
      progress.set("global_step", tensor);
    else if (name === `save_counter${valueEnding}`) put("counters", tensor);
    else if (number !== undefined) counted.push({ number: Number(number), tensor });
  }
  const found = whoseAre(optimizers);
  const hasSlots = found.moments.length > 0;
  if (!hasSlots && counted.length > 0) return { ...numberedMoments(counted), progress, beside, hasSlots };
  const centered = [...byName.keys()].some((name) => name.endsWith("/RMSProp_2"));
  const moments = centered ? found.moments.map(centeredSlot) : found.moments;
  return { ...found, moments, progress, beside, hasSlots };
}

/** An optimizer made within a variable scope puts the scope's name before that of the parameter: `train/dense/kernel/Adam`. */
function ownerOf(path: string, shape: readonly number[], byName: ReadonlyMap<string, Tensor>): string {
  for (let rest = path; ; rest = rest.slice(rest.indexOf("/") + 1)) {
    if (byName.get(rest)?.shape.join() === shape.join()) return rest;
    if (!rest.includes("/")) return path;
  }
}

/** Of a centred RMSProp the second slot is the mean of the gradients, and the third the momentum. */
function centeredSlot(moment: Moment): Moment {
  if (moment.tensor.name.endsWith("/RMSProp_1")) return { ...moment, key: "average_gradient" };
  return moment.tensor.name.endsWith("/RMSProp_2") ? { ...moment, key: "momentum" } : moment;
}
