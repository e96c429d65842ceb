import type { Tensor } from "../../tensors/tensor";
import type { Moment, TrainingTensors } from "../trainingTree";

/**
 * `opt_state.0.mu.Dense_0.kernel`: the place in a chain of optax's transformations, what it keeps, and of which parameter.
 * `mu` and `nu` are Adam's moments, `trace` is the momentum of SGD, `v_row` and `v_col` are Adafactor's.
 */
const momentName =
  /^(?:.*\.)?(?:opt_state|optimizer_state|opt|optimizer)\.(?:.*\.)?(mu|nu|trace|v_row|v_col|nu_max|sum_of_squares|v|m)\.(.+)$/;
const optimizerPart = /^(?:.*\.)?(?:opt_state|optimizer_state)\./;

/** Sorts the arrays of a train state of JAX: parameters, moments by the paths of their parameters, counts. */
export function optaxTensors(tensors: readonly Tensor[]): TrainingTensors {
  const names = new Set(tensors.map(({ name }) => name));
  const moments: Moment[] = [];
  const settings = new Map<string, Tensor>();
  const progress = new Map<string, Tensor>();
  for (const tensor of tensors) {
    const found = momentName.exec(tensor.name);
    if (found !== null) {
      const [, key = "", path = ""] = found;
      // The tree of the parameters has a name in the state that it has not in the moments.
      const owner = [`params.${path}`, path, `model.${path}`].find((name) => names.has(name));
      moments.push({ parameter: owner ?? path, key, tensor });
    } else if (optimizerPart.test(tensor.name) && tensor.shape.length === 0)
      settings.set(tensor.name.replace(optimizerPart, ""), tensor);
    else if (tensor.name === "step" && tensor.shape.length === 0) progress.set("step", tensor);
  }
  return { moments, settings, progress };
}
