import { type ContentValue, ForeignValue, MapValue } from "../formats/contentValue";
import { attributesOf, childrenOf, mappingOf, sequenceOf } from "../formats/contentView";

/** A `state_dict` of a torch optimizer, where it was found. */
export interface FoundOptimizer {
  /** Path from the root, as tensors are named: "" for the root itself, "optimizer_states.0". */
  readonly path: string;
  readonly state: MapValue;
  readonly groups: readonly MapValue[];
  /** The class of an optimizer that was saved as an object, as the pickle names it. */
  readonly className?: string;
}

/** Deep enough for Lightning (`optimizer_states.0`) and DeepSpeed; a state dict further down is data. */
const maxDepth = 4;

/** A model has as many entries; looking at each of them for an optimizer would find none. */
const maxChildren = 2000;

/** GANs have two, pipelines of stages some more; a file may refer to one of them any number of times. */
const maxOptimizers = 256;

/** All optimizer states in a value, state dicts and optimizers saved as objects. Several models have several. */
export function findOptimizers(root: ContentValue): readonly FoundOptimizer[] {
  const found: FoundOptimizer[] = [];
  let level: { path: string; value: ContentValue }[] = [{ path: "", value: root }];
  for (let depth = 0; depth <= maxDepth && level.length > 0; depth++) {
    const next: { path: string; value: ContentValue }[] = [];
    for (const { path, value } of level) {
      const optimizer = asOptimizer(value, path);
      if (optimizer !== undefined) found.push(optimizer);
      if (found.length >= maxOptimizers) return found;
      if (optimizer !== undefined) continue;
      if (depth < maxDepth) {
        const children = childrenOf(value);
        for (let at = 0; at < Math.min(children.count, maxChildren); at++) {
          const child = children.value(at);
          if (child === null || typeof child !== "object") continue;
          next.push({
            path: path === "" ? children.label(at) : `${path}.${children.label(at)}`,
            value: child,
          });
        }
      }
    }
    level = next.slice(0, maxChildren);
  }
  return found;
}

export function isOptimizer(value: ContentValue): boolean {
  return asOptimizer(value, "") !== undefined;
}

function asOptimizer(value: ContentValue, path: string): FoundOptimizer | undefined {
  const attributes = attributesOf(value);
  const mapping = attributes?.has("param_groups") === true ? attributes : mappingOf(value);
  const perGroup = sequenceOf(mapping?.get("base_optimizer_state"));
  if (perGroup !== undefined && perGroup.length > 0) return asGroupStates(perGroup, path);
  const state = mappingOf(mapping?.get("state"));
  const groups = sequenceOf(mapping?.get("param_groups"))?.map((group) => mappingOf(group));
  // A distributed checkpoint may keep the state by names, and its settings nowhere.
  if (state !== undefined && mapping?.size === 1 && holdsMoments(state)) return { path, state, groups: [] };
  if (state === undefined || groups === undefined) return asFastai(mapping, path);
  const className =
    value instanceof ForeignValue && mapping === attributes
      ? value.qualifiedName.slice(value.qualifiedName.lastIndexOf(".") + 1)
      : undefined;
  return {
    path,
    state,
    groups: groups.filter((group) => group !== undefined),
    ...(className === undefined ? {} : { className }),
  };
}

function holdsMoments(state: MapValue): boolean {
  const first = mappingOf(state.values[0]);
  return typeof state.keys[0] === "string" && momentKeys.some((key) => first?.has(key) === true);
}

const momentKeys = ["exp_avg", "exp_avg_sq", "momentum_buffer"];

/** DeepSpeed may keep the base optimizer's state as a list, one flat state for each group. */
function asGroupStates(states: readonly ContentValue[], path: string): FoundOptimizer {
  const name = "base_optimizer_state";
  return { path: path === "" ? name : `${path}.${name}`, state: numbered(states), groups: [] };
}

/** fastai's own optimizers list the states of all parameters, and the settings of each group apart. */
function asFastai(mapping: MapValue | undefined, path: string): FoundOptimizer | undefined {
  const hypers = sequenceOf(mapping?.get("hypers"))?.map((hyper) => mappingOf(hyper));
  const states = sequenceOf(mapping?.get("state"));
  if (hypers === undefined || states === undefined) return undefined;
  return { path, state: numbered(states), groups: hypers.filter((hyper) => hyper !== undefined) };
}

function numbered(states: readonly ContentValue[]): MapValue {
  const state = new MapValue();
  for (const [at, value] of states.entries()) state.set(at, value);
  return state;
}
