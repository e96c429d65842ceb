import type { Tensor } from "../../tensors/tensor";
import { numberedMoments } from "../keras/kerasMoments";
import type { Moment, TrainingTensors } from "../trainingTree";

const valueEnding = "/.ATTRIBUTES/VARIABLE_VALUE";
/** TensorFlow 2: `<parameter>/.OPTIMIZER_SLOT/<optimizer>/<slot>/.ATTRIBUTES/VARIABLE_VALUE`. */
const slotName = /^(.+)\/\.OPTIMIZER_SLOT\/.+\/([^/]+)\/\.ATTRIBUTES\/VARIABLE_VALUE$/;
const optimizerSetting =
  /^(?:.*\/)?_?optimizer\/(iter|iterations|_iterations|learning_rate|_learning_rate|beta_1|beta_2|decay|momentum|rho|epsilon)\/\.ATTRIBUTES\/VARIABLE_VALUE$/;
const numbered = /^(?:.*\/)?_?optimizer\/_variables\/(\d+)\/\.ATTRIBUTES\/VARIABLE_VALUE$/;

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
  ["ExponentialMovingAverage", "average"],
]);
const oldSettings: ReadonlySet<string> = new Set(["beta1_power", "beta2_power"]);

/** Sorts the variables of a TensorFlow checkpoint: those of the model, and what an optimizer keeps for each. */
export function slotTensors(tensors: readonly Tensor[]): TrainingTensors {
  const names = new Set(tensors.map(({ name }) => name));
  const moments: Moment[] = [];
  const settings = new Map<string, Tensor>();
  const progress = new Map<string, Tensor>();
  const counted: { readonly number: number; readonly tensor: Tensor }[] = [];
  for (const tensor of tensors) {
    const { name } = tensor;
    const slot = slotName.exec(name);
    const setting = optimizerSetting.exec(name)?.[1];
    const number = numbered.exec(name)?.[1];
    const [, owner = "", old = ""] = /^(.+)\/([^/]+)$/.exec(name) ?? [];
    const oldKey = oldSlots.get(old);
    if (slot !== null) moments.push({ parameter: `${slot[1]}${valueEnding}`, key: slot[2] ?? "", tensor });
    else if (oldKey !== undefined && oldKey !== "average" && names.has(owner))
      moments.push({ parameter: owner, key: oldKey, tensor });
    else if (setting !== undefined) settings.set(setting, tensor);
    else if (oldSettings.has(name)) settings.set(name, tensor);
    else if (name === "global_step") progress.set("global_step", tensor);
    else if (number !== undefined) counted.push({ number: Number(number), tensor });
  }
  if (moments.length > 0 || counted.length === 0) return { moments, settings, progress };
  return { ...numberedMoments(counted), progress };
}
