import { type ContentChildren, type ContentValue, MapValue, SetValue, TupleValue } from "../contentValue";
import {
  isModuleState,
  listedChildren,
  mapChildren,
  mappingOf,
  noChildren,
  sequenceChildren,
  tupleItems,
} from "../contentView";
import { itemsText, keyText, maxNesting, pythonText } from "../pythonText";
import type { PyObject } from "./pickleValue";

/** How an object of a pickle is looked at: what a class of the standard library would make of its arguments. */

export function argsOf(object: PyObject): readonly ContentValue[] {
  return tupleItems(object.args) ?? [];
}

const mappingTypes: ReadonlySet<string> = new Set([
  "collections.OrderedDict",
  "collections.defaultdict",
  "collections.Counter",
  "collections.UserDict",
  "builtins.dict",
  "types.MappingProxyType",
]);

export function objectMapping(object: PyObject): MapValue | undefined {
  if (object.mapItems !== undefined) return object.mapItems;
  return mappingTypes.has(object.qualifiedName) ? mappingFromArgs(object) : undefined;
}

/** `OrderedDict([(key, value), …])` and `Counter({…})`, as Python 2 and Counter write them. */
function mappingFromArgs(object: PyObject): MapValue {
  for (const arg of argsOf(object)) {
    if (arg instanceof MapValue) return arg;
    const pairs = tupleItems(arg);
    if (pairs === undefined) continue;
    const dict = new MapValue();
    for (const pair of pairs) {
      const [key, value] = tupleItems(pair) ?? [];
      if (key !== undefined && value !== undefined) dict.set(key, value);
    }
    return dict;
  }
  return new MapValue();
}

const sequenceTypes: ReadonlySet<string> = new Set([
  "builtins.set",
  "builtins.frozenset",
  "builtins.list",
  "builtins.tuple",
  "collections.deque",
  "torch.Size",
  "torch.jit._pickle.build_intlist",
  "torch.jit._pickle.build_tensorlist",
  "torch.jit._pickle.build_doublelist",
  "torch.jit._pickle.build_boollist",
]);

export function objectSequence(object: PyObject): readonly ContentValue[] | undefined {
  if (object.items !== undefined) return object.items;
  if (!sequenceTypes.has(object.qualifiedName)) return undefined;
  const [first] = argsOf(object);
  return first === undefined ? [] : first instanceof SetValue ? first.items : (tupleItems(first) ?? []);
}

/**
 * What was set on an object by name: its `__dict__`, or the pair (`__dict__`, slots) of classes with slots.
 * Undefined where the class keeps its state in a form of its own.
 */
export function objectAttributes(object: PyObject): MapValue | undefined {
  const { state } = object;
  if (state instanceof MapValue) return state;
  const ofLayer = quantisedState(object);
  if (ofLayer !== undefined) return ofLayer;
  const pair = state instanceof TupleValue ? state.items : undefined;
  if (pair?.length !== 2) return undefined;
  const [dict, slots] = pair;
  if (!(slots instanceof MapValue) || !(dict === null || dict instanceof MapValue)) return undefined;
  if (dict === null || dict.size === 0) return slots;
  const both = new MapValue();
  for (const [key, value] of [...dict.entries(), ...slots.entries()]) both.set(key, value);
  return both;
}

/** What torch's quantised layers give as their state, in this order (torch 1.3 to 2.x, `__getstate__`). */
const convState = (
  "in_channels out_channels kernel_size stride padding dilation transposed output_padding groups padding_mode " +
  "weight bias scale zero_point training"
).split(" ");

const states: readonly { readonly name: RegExp; readonly members: readonly string[] }[] = [
  {
    name: /^__torch__\.torch\.(?:ao\.)?nn\.(?:intrinsic\.)?quantized(?:\.modules)?\.conv\w*\.Conv(?:Transpose|ReLU)?\dd$/,
    members: convState,
  },
  { name: /(?:^|\.)LinearPackedParamsBase$/, members: ["weight", "bias"] },
  { name: /(?:^|\.)CellParamsBase$/, members: ["type", "biases", "numbers", "integers", "weights"] },
];

/** The state of a quantised layer of TorchScript by the names of its attributes; undefined where it is none. */
function quantisedState({ qualifiedName, state }: PyObject): MapValue | undefined {
  const items = state instanceof TupleValue ? state.items : undefined;
  const known = states.find(({ name }) => name.test(qualifiedName));
  if (items === undefined || known === undefined || items.length > known.members.length) return undefined;
  const named = new MapValue();
  for (const [at, item] of items.entries()) named.set(known.members[at] ?? String(at), item);
  return named;
}

/** Dicts that torch.nn.Module keeps its parts in: they are no level of a parameter's name. */
const modulePartNames = ["_parameters", "_buffers", "_modules"] as const;

function joined(parts: readonly ContentChildren[]): ContentChildren {
  const some = parts.filter((part) => part.count > 0);
  if (some.length <= 1) return some[0] ?? noChildren;
  const find = (at: number): [ContentChildren, number] => {
    let rest = at;
    for (const part of some) {
      if (rest < part.count) return [part, rest];
      rest -= part.count;
    }
    throw new RangeError(`No child ${at}`);
  };
  return {
    count: some.reduce((sum, part) => sum + part.count, 0),
    label: (at) => {
      const [part, rest] = find(at);
      return part.label(rest);
    },
    value: (at) => {
      const [part, rest] = find(at);
      return part.value(rest);
    },
  };
}

export function objectChildren(object: PyObject): ContentChildren {
  const mapping = objectMapping(object);
  const sequence = mapping === undefined ? objectSequence(object) : undefined;
  const attributes = objectAttributes(object);
  const parts: ContentChildren[] = [];
  if (mapping !== undefined) parts.push(mapChildren(mapping));
  if (sequence !== undefined) parts.push(sequenceChildren(sequence));
  if (attributes !== undefined) parts.push(attributeChildren(attributes));
  else if (object.state !== undefined && object.state !== null)
    parts.push(listedChildren([["state", object.state]]));
  // The arguments of a container are its items, which are there already.
  if (mapping === undefined && sequence === undefined) parts.push(argumentChildren(object, parts.length > 0));
  if (object.kwargs !== undefined) parts.push(listedChildren([["kwargs", object.kwargs]]));
  if (object.qualifiedName === "") parts.push(listedChildren([["callee", object.callee]]));
  return joined(parts);
}

/** Arguments by number, or in a level of their own where there is something else. */
function argumentChildren(object: PyObject, besideOthers: boolean): ContentChildren {
  const args = argsOf(object);
  if (!(object.args instanceof TupleValue)) return listedChildren([["args", object.args]]);
  if (args.length === 0) return noChildren;
  return besideOthers ? listedChildren([["args", object.args]]) : sequenceChildren(args);
}

/** The parts of a module stand in its place; `_metadata` tells versions of state dicts and nothing else. */
function attributeChildren(attributes: MapValue): ContentChildren {
  const parts: ContentChildren[] = [];
  const isModule = isModuleState(attributes);
  if (isModule) {
    for (const name of modulePartNames) {
      const part = mappingOf(attributes.get(name));
      if (part !== undefined) parts.push(mapChildren(part));
    }
  }
  const hidden: ReadonlySet<ContentValue> = new Set(
    isModule ? [...modulePartNames, "_metadata"] : ["_metadata"],
  );
  if (!isModule && !attributes.has("_metadata")) return mapChildren(attributes);
  const rest = [...attributes.entries()].filter(([key]) => !hidden.has(key));
  parts.push(listedChildren(rest.map(([key, value]) => [keyText(key), value])));
  return joined(parts);
}

/** A call as Python would write it. */
export function objectText(object: PyObject, nesting: number): string {
  const { args } = object;
  const callee =
    object.qualifiedName !== ""
      ? object.name
      : nesting > maxNesting
        ? "…"
        : `(${pythonText(object.callee, nesting + 1)})`;
  if (!(args instanceof TupleValue)) return `${callee}(…)`;
  if (args.items.length === 0)
    return object.isInstance || object.state !== undefined ? `${callee}(…)` : `${callee}()`;
  return `${callee}(${itemsText(args.items, nesting)})`;
}
