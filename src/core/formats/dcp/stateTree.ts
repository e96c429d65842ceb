import type { Tensor } from "../../tensors/tensor";
import { type ContentValue, ForeignValue, ListValue, MapValue } from "../contentValue";
import type { FileContent } from "../format";
import { pythonText } from "../pythonText";

/** An entry of a flattened state dict. */
export interface StateEntry {
  readonly name: string;
  /** Keys from the root; undefined where nobody kept them. */
  readonly path: readonly (string | number)[] | undefined;
  readonly tensor?: Tensor;
  /** What stands there, where it is no tensor; undefined where it was not read. */
  readonly value?: ContentValue;
}

type Node = Map<string | number, Node | ContentValue>;

/** Stands in a state dict for a tensor, or for a value that was not read. */
class StandIn extends ForeignValue {
  constructor(
    readonly qualifiedName: string,
    private readonly words: string,
  ) {
    super();
  }

  override text(): string {
    return this.words;
  }
}

/** Deep enough for every state dict; a path of a hundred thousand keys would be as many dicts. */
const maxDepth = 64;

/**
 * The state dict as it was before it was flattened. Of its tensors it holds stand-ins, of values that were not read
 * as well.
 */
export function buildStateTree(entries: readonly StateEntry[]): FileContent {
  const tensors = new Map<ContentValue, Tensor>();
  const root: Node = new Map();
  for (const { name, path, tensor, value } of entries) {
    let leaf = value;
    if (tensor !== undefined) {
      leaf = new StandIn("torch.Tensor", "tensor");
      tensors.set(leaf, tensor);
    }
    place(root, keysOf(name, path), leaf ?? new StandIn("", "a value that was not read"));
  }
  regroup(root, 0);
  return { root: toValue(root), tensors };
}

/**
 * An optimizer's state dict may be flattened by torch itself before the planner sees it
 * (`flatten_optimizer_state_dict`): `state.<parameter>.<key>` and `param_groups.<parameter>.<key>`.
 */
const flattenedState = /^(state|param_groups)\.(.+)\.([^.]+)$/s;
/** Without the planner's paths the name is all there is. */
const optimizerName = /^(optimizer\w*|optim\w*)\.(state|param_groups)\.(.+)\.([^.]+)$/s;

function keysOf(name: string, path: readonly (string | number)[] | undefined): readonly (string | number)[] {
  if (path === undefined) {
    const found = optimizerName.exec(name);
    return found === null ? [name] : (found.slice(1) as string[]);
  }
  if (path.length > maxDepth) return [name];
  const last = path.at(-1);
  const found = typeof last === "string" && path.length > 1 ? flattenedState.exec(last) : null;
  return found === null ? path : [...path.slice(0, -1), ...(found.slice(1) as string[])];
}

function place(root: Node, keys: readonly (string | number)[], leaf: ContentValue): void {
  let node = root;
  for (const [at, key] of keys.entries()) {
    if (at === keys.length - 1) {
      // Of two entries of one path, of which one would be a dict, none is hidden.
      node.set(node.has(key) ? keys.join(".") : key, leaf);
      return;
    }
    const known = node.get(key);
    if (known instanceof Map) node = known;
    else if (known === undefined) {
      const inner: Node = new Map();
      node.set(key, inner);
      node = inner;
    } else {
      node.set(keys.slice(at).join("."), leaf);
      return;
    }
  }
}

/** Groups of an optimizer may lie deep, but not as deep as its moments. */
const maxGroupDepth = 4;

/**
 * A flattened optimizer gives its settings by parameter (`param_groups.<parameter>.lr`). Parameters of the same
 * settings were in one group, as far as one can tell.
 */
function regroup(node: Node, depth: number): void {
  if (depth > maxGroupDepth) return;
  for (const child of node.values()) if (child instanceof Map) regroup(child, depth + 1);
  const given = node.get("param_groups");
  if (!node.has("state") || !(given instanceof Map) || given.size === 0) return;
  const entries = [...given];
  if (!entries.every(([name, settings]) => typeof name === "string" && settings instanceof Map)) return;
  const groups = new Map<string, { settings: Node; names: ContentValue[] }>();
  for (const [name, settings] of entries as [string, Node][]) {
    const key = JSON.stringify(
      [...settings].map(([setting, value]) => [setting, value instanceof Map ? "" : pythonText(value)]),
    );
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { settings, names: [name] });
    else group.names.push(name);
  }
  const list: Node = new Map();
  for (const { settings, names } of groups.values()) {
    list.set(list.size, new Map([...settings, ["params", new ListValue(names)]]));
  }
  node.set("param_groups", list);
}

function toValue(node: Node): ContentValue {
  const keys = [...node.keys()];
  const childOf = (key: string | number) => {
    const child = node.get(key) as Node | ContentValue;
    return child instanceof Map ? toValue(child) : child;
  };
  const isList = keys.every((key) => typeof key === "number") && keys.length > 0;
  if (isList && keys.every((key) => (key as number) >= 0 && (key as number) < keys.length)) {
    return new ListValue(keys.map((_, at) => childOf(at)));
  }
  const dict = new MapValue();
  for (const key of keys) dict.set(key, childOf(key));
  return dict;
}
