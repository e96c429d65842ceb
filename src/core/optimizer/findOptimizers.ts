import { type ContentValue, MapValue } from "../formats/contentValue";
import { childrenOf, mappingOf, sequenceOf } from "../formats/contentView";

/** A `state_dict` of a torch optimizer, where it was found. */
export interface FoundOptimizer {
  /** Path from the root, as tensors are named: "" for the root itself, "optimizer_states.0". */
  readonly path: string;
  readonly state: MapValue;
  readonly groups: readonly MapValue[];
}

/** Deep enough for Lightning (`optimizer_states.0`) and DeepSpeed; a state dict further down is data. */
const maxDepth = 4;

/** A model has as many entries; looking at each of them for an optimizer would find none. */
const maxChildren = 2000;

/** All optimizer state dicts in a value: `{"state": …, "param_groups": […]}`. Several models have several. */
export function findOptimizers(root: ContentValue): readonly FoundOptimizer[] {
  const found: FoundOptimizer[] = [];
  let level: { path: string; value: ContentValue }[] = [{ path: "", value: root }];
  for (let depth = 0; depth <= maxDepth && level.length > 0; depth++) {
    const next: { path: string; value: ContentValue }[] = [];
    for (const { path, value } of level) {
      const optimizer = asOptimizer(value, path);
      if (optimizer !== undefined) found.push(optimizer);
      else if (depth < maxDepth) {
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

function asOptimizer(value: ContentValue, path: string): FoundOptimizer | undefined {
  const mapping = mappingOf(value);
  const perGroup = sequenceOf(mapping?.get("base_optimizer_state"));
  if (perGroup !== undefined && perGroup.length > 0) return asGroupStates(perGroup, path);
  const state = mappingOf(mapping?.get("state"));
  const groups = sequenceOf(mapping?.get("param_groups"))?.map((group) => mappingOf(group));
  if (state === undefined || groups === undefined) return undefined;
  return { path, state, groups: groups.filter((group) => group !== undefined) };
}

/** DeepSpeed may keep the base optimizer's state as a list, one flat state for each group. */
function asGroupStates(states: readonly ContentValue[], path: string): FoundOptimizer {
  const state = new MapValue();
  for (const [at, value] of states.entries()) state.set(at, value);
  const name = "base_optimizer_state";
  return { path: path === "" ? name : `${path}.${name}`, state, groups: [] };
}
