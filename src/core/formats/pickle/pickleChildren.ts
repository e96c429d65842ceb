import { type PickleValue, PyDict, PyGlobal, PyObject, PyTuple } from "./pickleValue";
import { argsOf, attributesOf, mappingOf, sequenceOf } from "./pickleView";
import { keyText } from "./pythonText";

/** The values inside a value, in order, each under the label by which a path names it. */
export interface PickleChildren {
  readonly count: number;
  label(at: number): string;
  value(at: number): PickleValue;
}

const none: PickleChildren = listed([]);

/** Dicts that torch.nn.Module keeps its parts in: they are no level of a parameter's name. */
const modulePartNames = ["_parameters", "_buffers", "_modules"] as const;

/** What is inside a value; nothing for plain values. Made without looking at more than the value itself. */
export function childrenOf(value: PickleValue): PickleChildren {
  if (value === null || typeof value !== "object") return none;
  if (value instanceof PyDict) return dictChildren(value);
  if (value instanceof PyObject) return objectChildren(value);
  const items = sequenceOf(value);
  return items === undefined ? none : sequenceChildren(items);
}

function dictChildren(dict: PyDict): PickleChildren {
  return {
    count: dict.size,
    label: (at) => keyText(dict.keys[at] as PickleValue),
    value: (at) => dict.values[at] as PickleValue,
  };
}

function sequenceChildren(items: readonly PickleValue[]): PickleChildren {
  return { count: items.length, label: String, value: (at) => items[at] as PickleValue };
}

function listed(entries: readonly (readonly [label: string, value: PickleValue])[]): PickleChildren {
  return {
    count: entries.length,
    label: (at) => (entries[at] as readonly [string, PickleValue])[0],
    value: (at) => (entries[at] as readonly [string, PickleValue])[1],
  };
}

function joined(parts: readonly PickleChildren[]): PickleChildren {
  const some = parts.filter((part) => part.count > 0);
  if (some.length <= 1) return some[0] ?? none;
  const find = (at: number): [PickleChildren, number] => {
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

function objectChildren(object: PyObject): PickleChildren {
  const mapping = mappingOf(object);
  const sequence = mapping === undefined ? sequenceOf(object) : undefined;
  const attributes = attributesOf(object);
  const parts: PickleChildren[] = [];
  if (mapping !== undefined) parts.push(dictChildren(mapping));
  if (sequence !== undefined) parts.push(sequenceChildren(sequence));
  if (attributes !== undefined) parts.push(attributeChildren(attributes));
  else if (object.state !== undefined && object.state !== null) parts.push(listed([["state", object.state]]));
  // The arguments of a container are its items, which are there already.
  if (mapping === undefined && sequence === undefined) parts.push(argumentChildren(object, parts.length > 0));
  if (object.kwargs !== undefined) parts.push(listed([["kwargs", object.kwargs]]));
  if (!(object.callee instanceof PyGlobal)) parts.push(listed([["callee", object.callee]]));
  return joined(parts);
}

/** Arguments by number, or in a level of their own where there is something else. */
function argumentChildren(object: PyObject, besideOthers: boolean): PickleChildren {
  const args = argsOf(object);
  if (!(object.args instanceof PyTuple)) return listed([["args", object.args]]);
  if (args.length === 0) return none;
  return besideOthers ? listed([["args", object.args]]) : sequenceChildren(args);
}

/** The parts of a module stand in its place; `_metadata` tells versions of state dicts and nothing else. */
function attributeChildren(attributes: PyDict): PickleChildren {
  const parts: PickleChildren[] = [];
  const isModule = isModuleState(attributes);
  if (isModule) {
    for (const name of modulePartNames) {
      const part = mappingOf(attributes.get(name));
      if (part !== undefined) parts.push(dictChildren(part));
    }
  }
  const hidden: ReadonlySet<PickleValue> = new Set(
    isModule ? [...modulePartNames, "_metadata"] : ["_metadata"],
  );
  if (!isModule && !attributes.has("_metadata")) return dictChildren(attributes);
  const rest = [...attributes.entries()].filter(([key]) => !hidden.has(key));
  parts.push(listed(rest.map(([key, value]) => [keyText(key), value])));
  return joined(parts);
}

export function isModuleState(attributes: PyDict): boolean {
  return (
    mappingOf(attributes.get("_parameters")) !== undefined &&
    mappingOf(attributes.get("_modules")) !== undefined
  );
}
