import type { Tensor } from "../../tensors/tensor";
import type { BesideModel, Moment, TrainingTensors } from "../trainingTree";

/**
 * `opt_state.0.mu.Dense_0.kernel`: the place in a chain of optax's transformations, what it keeps, and of which parameter.
 * `mu` and `nu` are Adam's moments, `trace` is the momentum of SGD, `v_row` and `v_col` are Adafactor's.
 */
const momentName =
  /^(?:.*\.)?(?:opt_state|optimizer_state|opt|optimizer)\.(?:.*\.)?(mu|nu|trace|v_row|v_col|nu_max|sum_of_squares|v|m)\.(.+)$/;
const optimizerPart = /^(?:.*?\.)?(?:opt_states?|optimizer_state|optimizer)\./;
/** Items that people call so beside their `params`; alone it may be a model's name. */
const shortItem = /^opt(?:im)?(?:_state)?\./;
const averagePart = /^(?:.*\.)?(?:ema|ema_params|params_ema|target_params)\./;
const randomPart = /(?:^|\.)(?:[a-z]+_)?p?rngs?(?:_keys?|_state)?(?:\.|$)/;
/** Of a train state, which may be an item of several; `nnx` keeps it behind `value`. */
export const stepName = /^(?:[^.]+\.)?step(?:\.value)?$/;
/** What a transformation keeps of each axis of a parameter has the number of the axis behind its path. */
const axisEnding = /^(.+)\.(\d+)$/;

/** Sorts the arrays of a train state of JAX: parameters, moments by the paths of their parameters, counts. */
export function optaxTensors(tensors: readonly Tensor[]): TrainingTensors {
  const hasParams = tensors.some(({ name }) => name.startsWith("params."));
  const isOptimizers = ({ name }: Tensor) =>
    optimizerPart.test(name) || momentName.test(name) || (hasParams && shortItem.test(name));
  const names = new Set(tensors.filter((tensor) => !isOptimizers(tensor)).map(({ name }) => name));
  // The tree of the parameters has a name in the state that it has not in the moments.
  const roots = new Set(["params.", "", "model."]);
  for (const name of names) {
    roots.add(name.replace(/\..*$/s, "."));
    const ofState = /^(?:[^.]+\.)?params\./.exec(name)?.[0];
    if (ofState !== undefined) roots.add(ofState);
  }
  const ownerOf = (path: string) => [...roots].map((root) => root + path).find((name) => names.has(name));
  const moments: Moment[] = [];
  const settings = new Map<string, Tensor>();
  const progress = new Map<string, Tensor>();
  const beside = new Map<BesideModel, Tensor[]>();
  for (const tensor of tensors) {
    const { name } = tensor;
    const isScalar = tensor.shape.length === 0;
    if (isOptimizers(tensor)) {
      const found = momentOf(name, ownerOf);
      if (found !== undefined) moments.push({ ...found, tensor });
      else settings.set(name.replace(optimizerPart, "").replace(shortItem, ""), tensor);
    } else if (stepName.test(name) && isScalar && !progress.has("step")) progress.set("step", tensor);
    else if (averagePart.test(name)) beside.set("average", [...(beside.get("average") ?? []), tensor]);
    else if (randomPart.test(name)) beside.set("random", [...(beside.get("random") ?? []), tensor]);
    // A number beside the tree of the parameters is none of them.
    else if (isScalar && !name.includes(".") && hasParams)
      beside.set("counters", [...(beside.get("counters") ?? []), tensor]);
  }
  return { moments, settings, progress, beside };
}

/** Of which parameter, by the longest end of the path that is one's, and what is kept of it. */
function momentOf(
  name: string,
  ownerOf: (path: string) => string | undefined,
): Pick<Moment, "parameter" | "key"> | undefined {
  const [, whole = name, axis] = axisEnding.exec(name) ?? [];
  for (const [path, ending] of [[name, ""] as const, [whole, `.${axis}`] as const]) {
    const parts = path.split(".");
    for (let at = 1; at + 1 < parts.length; at++) {
      const owner = ownerOf(parts.slice(at + 1).join("."));
      if (owner !== undefined) return { parameter: owner, key: `${parts[at]}${ending}` };
    }
  }
  const [, key = "", path = ""] = momentName.exec(name) ?? [];
  return path === "" ? undefined : { parameter: path, key };
}
