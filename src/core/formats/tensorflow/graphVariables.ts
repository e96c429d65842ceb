import type { Tensor } from "../../tensors/tensor";
import {
  type BesideModel,
  type Moment,
  type OptimizerTensors,
  type TrainingTensors,
  whoseAre,
} from "../trainingTree";
import type { ObjectNode } from "./objectGraph";

/** What the objects of a checkpoint say of its variables. */
export interface GraphVariables extends TrainingTensors {
  /** What a parameter calls itself, such as `dense/kernel` → the key under which it stands; of names that only one has. */
  readonly ownNames: ReadonlyMap<string, string>;
}

/** Of Keras' optimizers (`keras/src/optimizers`), where the name is not the list's without its `s`. */
const listKeys = new Map([
  ["_velocities", "velocity"],
  ["_model_variables_moving_average", "average"],
  ["_accumulated_gradients", "gradient_accumulator"],
]);
/** Adafactor's lists are not saved as lists, but what it keeps follows the parameters, three each. */
const adafactorKeys = ["r", "c", "v"];
const parameterList = "_trainable_variables";

/**
 * Sorts the variables of a checkpoint by the objects that hold them. The parameters may well stand under the optimizer
 * alone, which lists what it trains. Undefined where no optimizer of Keras 2.11 or later is among the objects, and no
 * program that Keras exported.
 */
export function graphVariables(
  nodes: readonly ObjectNode[],
  tensors: readonly Tensor[],
): GraphVariables | undefined {
  const byKey = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const tensorAt = (node: number) => byKey.get(nodes[node]?.variable?.key ?? "");
  const beside = besideModel(nodes, tensors);
  const copies = new Set(beside.get("copy"));
  const ownNames = uniqueNames(
    nodes,
    new Set(tensors.filter((tensor) => !copies.has(tensor)).map(({ name }) => name)),
  );
  const roots = optimizerRoots(nodes);
  if (roots.size === 0 && beside.size === 0) return undefined;
  const trained = new Set<Tensor>();
  const joined = new Set<Tensor>();
  const momentsOf = [...roots.values()].map((members) => {
    const moments: Moment[] = [];
    for (const { children } of members) {
      const listOf = (name: string) => {
        const list = nodes[children.find(([child]) => child === name)?.[1] ?? -1];
        return (list?.children ?? []).flatMap(([place, node]) => {
          const tensor = tensorAt(node);
          return tensor === undefined ? [] : [{ at: Number(place), tensor, node }];
        });
      };
      const parameters = new Map(listOf(parameterList).map(({ at, tensor }) => [at, tensor.name]));
      for (const { tensor } of listOf(parameterList)) trained.add(tensor);
      const add = (parameter: string | number, key: string, tensor: Tensor) => {
        joined.add(tensor);
        moments.push({ parameter, key, tensor });
      };
      for (const [name] of children) {
        if (name === "_variables" || name.startsWith(parameterList)) continue;
        const key = listKeys.get(name) ?? name.replace(/^_/, "").replace(/s$/, "");
        for (const { at, tensor, node } of listOf(name)) {
          // Keras 2.11 to 2.15 keep no list of what is trained: `Adam/m/dense/kernel`.
          const owner = /^[^/]+\/[^/]+\/(.+)$/.exec(nodes[node]?.variable?.ownName ?? "")?.[1];
          add(parameters.get(at) ?? ownNames.get(owner ?? "") ?? at, key, tensor);
        }
      }
      const rest = listOf("_variables").filter(
        ({ tensor }) => !joined.has(tensor) && tensor.shape.length > 0,
      );
      if (parameters.size > 0 && rest.length === adafactorKeys.length * parameters.size)
        for (const [at, { tensor }] of rest.entries())
          add(parameters.get(Math.floor(at / 3)) ?? at, adafactorKeys[at % 3] as string, tensor);
    }
    return moments;
  });
  const optimizers = new Map<string, OptimizerTensors>();
  for (const [at, [path, members]] of [...roots].entries()) {
    const settings = new Map<string, Tensor>();
    for (const [tensor, held] of heldBy(nodes, members, tensorAt))
      if (!joined.has(tensor) && !trained.has(tensor))
        settings.set(settings.has(held) ? tensor.name : held, tensor);
    optimizers.set(path, { moments: momentsOf[at] as Moment[], settings });
  }
  return { ...whoseAre(optimizers), beside, ownNames };
}

/** By the attributes that lead to them from the root: optimizers, each with those that it wraps. */
function optimizerRoots(nodes: readonly ObjectNode[]): ReadonlyMap<string, readonly ObjectNode[]> {
  const roots = new Map<string, ObjectNode[]>();
  const seen = new Set<ObjectNode>();
  const [first] = nodes;
  const outside: { readonly node: ObjectNode; readonly path: string }[] = [];
  if (first !== undefined) outside.push({ node: first, path: "" });
  for (let next = outside.shift(); next !== undefined; next = outside.shift()) {
    const { node, path } = next;
    if (seen.has(node)) continue;
    seen.add(node);
    if (isOptimizer(node)) {
      roots.set(path === "" ? "optimizer" : path, wrapped(nodes, node, seen));
      continue;
    }
    for (const [name, at] of node.children) {
      const child = nodes[at];
      if (child !== undefined) outside.push({ node: child, path: path === "" ? name : `${path}.${name}` });
    }
  }
  return roots;
}

function wrapped(nodes: readonly ObjectNode[], root: ObjectNode, seen: Set<ObjectNode>): ObjectNode[] {
  const members = [root];
  for (const { children } of members)
    for (const [, at] of children) {
      const child = nodes[at];
      if (child === undefined || seen.has(child) || !isOptimizer(child)) continue;
      seen.add(child);
      members.push(child);
    }
  return members;
}

/** Optimizers of Keras 2.11 and later; those before hang on the parameters, as their keys say. */
function isOptimizer({ children }: ObjectNode): boolean {
  const has = (...wanted: readonly string[]) => children.some(([name]) => wanted.includes(name));
  return has("_variables") && has("_iterations", "iterations");
}

function uniqueNames(nodes: readonly ObjectNode[], keys: ReadonlySet<string>): Map<string, string> {
  const names = new Map<string, string>();
  const twice = new Set<string>();
  for (const { variable } of nodes) {
    if (variable === undefined || variable.ownName === "" || !keys.has(variable.key)) continue;
    const { ownName, key } = variable;
    if (names.has(ownName) && names.get(ownName) !== key) twice.add(ownName);
    names.set(ownName, key);
  }
  for (const name of twice) names.delete(name);
  return names;
}

/** All variables that hang on some objects, but for the parameters that they train, with the attributes that lead there. */
function heldBy(
  nodes: readonly ObjectNode[],
  roots: readonly ObjectNode[],
  tensorAt: (node: number) => Tensor | undefined,
): ReadonlyMap<Tensor, string> {
  const found = new Map<Tensor, string>();
  const seen = new Set<ObjectNode>(roots);
  let level = roots.map((node) => ({ node, path: "" }));
  while (level.length > 0) {
    const next: typeof level = [];
    for (const { node, path } of level) {
      // What has a name of its own is not called by its place in the list of all.
      const children = node.children.filter(([name]) => !name.startsWith(parameterList));
      children.sort(([a], [b]) => Number(a === "_variables") - Number(b === "_variables"));
      for (const [name, at] of children) {
        const child = nodes[at];
        const word = name.replace(/^_/, "");
        const childPath = path === "" ? word : `${path}.${word}`;
        const tensor = tensorAt(at);
        if (tensor !== undefined && !found.has(tensor)) found.set(tensor, childPath);
        if (child === undefined || seen.has(child)) continue;
        seen.add(child);
        next.push({ node: child, path: childPath });
      }
    }
    level = next;
  }
  return found;
}

/** Copies that Keras 3 exports beside the variables, and what random generators and metrics keep. */
function besideModel(
  nodes: readonly ObjectNode[],
  tensors: readonly Tensor[],
): Map<BesideModel, readonly Tensor[]> {
  const ownNameOf = new Map(
    nodes.flatMap(({ variable }) => (variable ? [[variable.key, variable.ownName]] : [])),
  );
  const exported = new Map<string, number>();
  const layoutOf = ({ name, dtype, shape }: Tensor) => [ownNameOf.get(name), dtype, shape].join(" ");
  for (const tensor of tensors)
    if (/^variables\/\d+\//.test(tensor.name))
      exported.set(layoutOf(tensor), (exported.get(layoutOf(tensor)) ?? 0) + 1);
  const beside = new Map<BesideModel, Tensor[]>();
  const put = (what: BesideModel, tensor: Tensor) => beside.set(what, [...(beside.get(what) ?? []), tensor]);
  for (const tensor of tensors) {
    const layout = layoutOf(tensor);
    const left = exported.get(layout) ?? 0;
    if (/^_all_variables\/\d+\//.test(tensor.name) && left > 0) {
      exported.set(layout, left - 1);
      put("copy", tensor);
    } else if (/(?:^|\/)seed_generator(?:_\d+)?\//.test(ownNameOf.get(tensor.name) ?? ""))
      put("random", tensor);
    else if (/(?:^|\/)keras_api\/metrics\//.test(tensor.name)) put("metrics", tensor);
  }
  return beside;
}
