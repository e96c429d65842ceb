import { sameItems } from "../../lists/sameItems";
import type { Tensor } from "../../tensors/tensor";
import type { BesideModel, Moment, TrainingTensors } from "../trainingTree";
import { type CompiledOptimizer, numberedMoments } from "./numberedMoments";

const numbered = /^optimizer\/(inner_optimizer\/)?vars\/(\d+)$/;
/** Keras 2 names what it keeps: `optimizer_weights/Adam/m/dense/kernel:0`, or `…/dense/kernel/m:0` before 2.11. */
const named = /^optimizer_weights\/(.+?)(?::\d+)?$/;
const keys = "m|v|vhat|momentum|velocity|rms|mg|accumulator|accum_grad|accum_var|moment|linear";
const keyBefore = new RegExp(`^(?:training/)?[^/]+/(${keys})/(.+)$`);
const keyBehind = new RegExp(`^(?:training/)?(?:[^/]+/)?(.+)/(${keys})$`);

/** Keras before 2.3 numbers what it keeps through all of it: `optimizer_weights/training/Adam/Variable_12:0`. */
const numberedThrough = /^optimizer_weights\/(?:.+\/)?([A-Z]\w*)\/Variable(?:_(\d+))?:0$/;
/** Keras 2.3 by the parameter's place: `optimizer_weights/training/Adam/m_3:0`. */
const placed =
  /^optimizer_weights\/(?:.+\/)?[A-Z]\w*\/(m|v|vhat|u|moment|accumulator|delta_accumulator)_(\d+)(?:_\d+)?:0$/;

/** Keras 3 in its old form: `optimizer_weights/adam/conv_kernel_momentum`, of `model_weights/conv/conv/kernel`. */
const flatName =
  /^optimizer_weights\/(?:[^/]+\/)+(.+)_(momentum|velocity|velocity_hat|norm|accumulator|linear|accumulated_grad|accumulated_delta_var|average|average_gradient|gradient_accumulator)$/;

/**
 * Sorts the datasets of a Keras file: the model's, and what an optimizer keeps.
 * @param optimizer what the model was compiled with, where the file says it
 */
export function kerasTensors(tensors: readonly Tensor[], optimizer?: CompiledOptimizer): TrainingTensors {
  const found = optimizerTensors(tensors, optimizer);
  const beside = new Map<BesideModel, readonly Tensor[]>();
  for (const [kind, pattern] of besideWeights) {
    const some = tensors.filter(({ name }) => pattern.test(name));
    if (some.length > 0) beside.set(kind, some);
  }
  return beside.size === 0 ? found : { ...found, beside };
}

/** What Keras 3 saves with a model and does not count among its weights: sums of metrics, states of its dropouts. */
const besideWeights: readonly (readonly [BesideModel, RegExp])[] = [
  ["counters", /^metrics\/.+\/vars\/\d+$/],
  ["random", /\/seed_generator\/vars\/\d+$/],
];

function optimizerTensors(tensors: readonly Tensor[], optimizer?: CompiledOptimizer): TrainingTensors {
  const counted = tensors.flatMap((tensor) => {
    const [, inner, number] = numbered.exec(tensor.name) ?? [];
    return number === undefined ? [] : [{ number: Number(number), tensor, isInner: inner !== undefined }];
  });
  if (counted.length > 0) {
    // One that scales the loss keeps its counters around the optimizer that keeps the moments.
    const hasInner = counted.some(({ isInner }) => isInner);
    const found = numberedMoments(
      counted.filter(({ isInner }) => isInner === hasInner),
      optimizer,
    );
    const around = counted.filter(({ isInner }) => isInner !== hasInner);
    const settings = [...found.settings, ...around.map(({ tensor }) => [tensor.name, tensor] as const)];
    return { ...found, settings: new Map(settings) };
  }
  const old = beforeTensorFlow2(tensors);
  if (old !== undefined) return old;
  const moments: Moment[] = [];
  const settings = new Map<string, Tensor>();
  const owners = new Map(tensors.map(({ name }) => [name.replace(/^model_weights\/[^/]+\//, ""), name]));
  const flatOwners = new Map([...owners].map(([path, name]) => [path.replaceAll("/", "_"), name]));
  for (const tensor of tensors) {
    const path = named.exec(tensor.name)?.[1];
    if (path === undefined) continue;
    const [, flat = "", flatKey] = flatName.exec(tensor.name) ?? [];
    const before = keyBefore.exec(path);
    const behind = before === null ? keyBehind.exec(path) : null;
    const [key, owner] = before === null ? [behind?.[2], behind?.[1]] : [before[1], before[2]];
    if (flatKey !== undefined)
      moments.push({ parameter: flatOwners.get(flat) ?? flat, key: flatKey, tensor });
    else if (key === undefined || owner === undefined)
      // Since Keras 2.11 in the singular.
      settings.set(path === "iteration" ? "iterations" : path, tensor);
    else moments.push({ parameter: owners.get(`${owner}:0`) ?? owners.get(owner) ?? owner, key, tensor });
  }
  return { moments, settings };
}

/** What optimizers of Keras 2.0 to 2.3 keep, one list behind the other (`keras/optimizers.py`). */
const listsOf: Readonly<Record<string, readonly string[]>> = {
  Adam: ["m", "v", "vhat"],
  Adamax: ["m", "u"],
  Nadam: ["m", "v"],
  SGD: ["momentum"],
  RMSprop: ["rms"],
  Adagrad: ["accumulator"],
  Adadelta: ["accumulated_grad", "accumulated_delta_var"],
};

const keyOfList: Readonly<Record<string, string>> = {
  moment: "momentum",
  delta_accumulator: "accumulated_delta_var",
};

/**
 * What Keras on TensorFlow 1 keeps, which does not name the parameters but counts them in the order of the model.
 * Without amsgrad its third list holds a placeholder of one element for each. Undefined for other files.
 */
function beforeTensorFlow2(tensors: readonly Tensor[]): TrainingTensors | undefined {
  const settings = new Map<string, Tensor>();
  const through: { readonly number: number; readonly className: string; readonly tensor: Tensor }[] = [];
  const byPlace: Moment[] = [];
  for (const tensor of tensors) {
    const [, className, number = "0"] = numberedThrough.exec(tensor.name) ?? [];
    const [, list, place] = placed.exec(tensor.name) ?? [];
    const path = named.exec(tensor.name)?.[1];
    if (className !== undefined) through.push({ number: Number(number), className, tensor });
    else if (list !== undefined)
      byPlace.push({ parameter: Number(place), key: keyOfList[list] ?? list, tensor });
    else if (path !== undefined) settings.set(path, tensor);
  }
  const className = through[0]?.className ?? "";
  const isAdadelta = byPlace.some(({ key }) => key === "accumulated_delta_var");
  const isRmsprop = byPlace.some(({ tensor }) => tensor.name.includes("/RMSprop/"));
  const counted = through.toSorted((a, b) => a.number - b.number).map(({ tensor }) => tensor);
  const moments = [
    ...listedMoments(counted, listsOf[className] ?? []),
    ...byPlace.map((moment) =>
      moment.key !== "accumulator"
        ? moment
        : { ...moment, key: isAdadelta ? "accumulated_grad" : isRmsprop ? "rms" : moment.key },
    ),
  ];
  if (moments.length === 0) return undefined;
  const isPlaceholder = ({ key, tensor }: Moment) => key === "vhat" && tensor.shape.join() === "1";
  const hasHat = moments.some((moment) => moment.key === "vhat" && !isPlaceholder(moment));
  const kept = moments.filter((moment) => hasHat || !isPlaceholder(moment));
  for (const moment of moments) if (!kept.includes(moment)) settings.set(moment.tensor.name, moment.tensor);
  return { moments: kept.toSorted((a, b) => Number(a.parameter) - Number(b.parameter)), settings };
}

/** Lists of one length each; numbered by one key where that does not come out. */
function listedMoments(counted: readonly Tensor[], keys: readonly string[]): readonly Moment[] {
  const count = counted.length / keys.length;
  const isSame = (at: number) => sameItems(counted[at]?.shape ?? [], counted[at % count]?.shape);
  const isWhole =
    Number.isInteger(count) &&
    counted.every((tensor, at) => isSame(at) || (at >= 2 * count && tensor.shape.join() === "1"));
  if (!isWhole) return counted.map((tensor, at) => ({ parameter: at, key: "slot", tensor }));
  return counted.map((tensor, at) => ({
    parameter: at % count,
    key: keys[Math.floor(at / count)] as string,
    tensor,
  }));
}
