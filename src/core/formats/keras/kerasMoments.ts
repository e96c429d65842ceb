import { sameItems } from "../../lists/sameItems";
import type { Tensor } from "../../tensors/tensor";
import type { Moment, TrainingTensors } from "../trainingTree";

const numbered = /^optimizer\/vars\/(\d+)$/;
/** Keras 2 names what it keeps: `optimizer_weights/Adam/m/dense/kernel:0`, or `…/dense/kernel/m:0` before 2.11. */
const named = /^optimizer_weights\/(.+?)(?::\d+)?$/;
const keys = "m|v|vhat|momentum|velocity|rms|mg|accumulator|accum_grad|accum_var|moment|linear";
const keyBefore = new RegExp(`^(?:training/)?[^/]+/(${keys})/(.+)$`);
const keyBehind = new RegExp(`^(?:training/)?(?:[^/]+/)?(.+)/(${keys})$`);

/** Sorts the datasets of a Keras file: the model's, and what an optimizer keeps. */
export function kerasTensors(tensors: readonly Tensor[]): TrainingTensors {
  const counted = tensors.flatMap((tensor) => {
    const number = numbered.exec(tensor.name)?.[1];
    return number === undefined ? [] : [{ number: Number(number), tensor }];
  });
  if (counted.length > 0) return numberedMoments(counted);
  const moments: Moment[] = [];
  const settings = new Map<string, Tensor>();
  const owners = new Map(tensors.map(({ name }) => [name.replace(/^model_weights\/[^/]+\//, ""), name]));
  for (const tensor of tensors) {
    const path = named.exec(tensor.name)?.[1];
    if (path === undefined) continue;
    const before = keyBefore.exec(path);
    const behind = before === null ? keyBehind.exec(path) : null;
    const [key, owner] = before === null ? [behind?.[2], behind?.[1]] : [before[1], before[2]];
    if (key === undefined || owner === undefined) settings.set(path, tensor);
    else moments.push({ parameter: owners.get(`${owner}:0`) ?? owners.get(owner) ?? owner, key, tensor });
  }
  return { moments, settings };
}

/**
 * Keras 3 counts what its optimizers keep: the number of steps, the learning rate, and then for each parameter what is
 * kept of it, in the order in which the model declares them. Two of one shape each are Adam's.
 */
export function numberedMoments(
  counted: readonly { readonly number: number; readonly tensor: Tensor }[],
): TrainingTensors {
  const sorted = counted.toSorted((a, b) => a.number - b.number).map(({ tensor }) => tensor);
  const settings = new Map<string, Tensor>();
  const rest = [...sorted];
  for (const key of ["iterations", "learning_rate"]) {
    const [first] = rest;
    const isInteger = first !== undefined && /^[IU]\d/.test(first.dtype);
    if (first === undefined || first.shape.length > 0 || isInteger !== (key === "iterations")) continue;
    settings.set(key, first);
    rest.shift();
  }
  const inPairs =
    rest.length > 0 &&
    rest.length % 2 === 0 &&
    rest.every((tensor, at) => at % 2 === 0 || sameItems(tensor.shape, rest[at - 1]?.shape));
  const moments = rest.map((tensor, at): Moment => {
    if (!inPairs) return { parameter: at, key: "momentum", tensor };
    return { parameter: Math.floor(at / 2), key: at % 2 === 0 ? "momentum" : "velocity", tensor };
  });
  return { moments, settings };
}
