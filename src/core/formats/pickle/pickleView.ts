import { latin1Bytes } from "./pickleText";
import { type PickleValue, PyBytes, PyDict, PyFloat, PyList, PyObject, PySet, PyTuple } from "./pickleValue";

/** How inert values are looked at: what a class of the standard library would make of its arguments. */

/** An int or float as a double; bigints are rounded. */
export function numberOf(value: PickleValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (value instanceof PyFloat) return value.value;
  return typeof value === "bigint" ? Number(value) : undefined;
}

export function stringOf(value: PickleValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function tupleItems(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  return value instanceof PyTuple || value instanceof PyList ? value.items : undefined;
}

export function argsOf(object: PyObject): readonly PickleValue[] {
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

/** The items of a dict and of all that is like one. */
export function mappingOf(value: PickleValue | undefined): PyDict | undefined {
  if (value instanceof PyDict) return value;
  if (!(value instanceof PyObject)) return undefined;
  if (value.mapItems !== undefined) return value.mapItems;
  return mappingTypes.has(value.qualifiedName) ? mappingFromArgs(value) : undefined;
}

/** `OrderedDict([(key, value), …])` and `Counter({…})`, as Python 2 and Counter write them. */
function mappingFromArgs(object: PyObject): PyDict {
  for (const arg of argsOf(object)) {
    if (arg instanceof PyDict) return arg;
    const pairs = tupleItems(arg);
    if (pairs === undefined) continue;
    const dict = new PyDict();
    for (const pair of pairs) {
      const [key, value] = tupleItems(pair) ?? [];
      if (key !== undefined && value !== undefined) dict.set(key, value);
    }
    return dict;
  }
  return new PyDict();
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

/** The items of a list, tuple or set and of all that is like one. */
export function sequenceOf(value: PickleValue | undefined): readonly PickleValue[] | undefined {
  if (value instanceof PyList || value instanceof PyTuple || value instanceof PySet) return value.items;
  if (!(value instanceof PyObject)) return undefined;
  if (value.items !== undefined) return value.items;
  if (!sequenceTypes.has(value.qualifiedName)) return undefined;
  const [first] = argsOf(value);
  return first === undefined ? [] : first instanceof PySet ? first.items : (tupleItems(first) ?? []);
}

/**
 * What was set on an object by name: its `__dict__`, or the pair (`__dict__`, slots) of classes with slots.
 * Undefined where the class keeps its state in a form of its own.
 */
export function attributesOf(object: PyObject): PyDict | undefined {
  const { state } = object;
  if (state instanceof PyDict) return state;
  const pair = state instanceof PyTuple ? state.items : undefined;
  if (pair?.length !== 2) return undefined;
  const [dict, slots] = pair;
  if (!(slots instanceof PyDict) || !(dict === null || dict instanceof PyDict)) return undefined;
  if (dict === null || dict.size === 0) return slots;
  const both = new PyDict();
  for (const [key, value] of [...dict.entries(), ...slots.entries()]) both.set(key, value);
  return both;
}

/** Bytes as they are in memory; undefined for those that stayed in the file. */
export function bytesOf(value: PickleValue | undefined): Uint8Array | undefined {
  if (value instanceof PyBytes) return value.bytes;
  // A `str` of Python 2 that happened to be text.
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (value instanceof PyObject && value.qualifiedName === "builtins.bytearray") {
    const [first] = argsOf(value);
    if (first === undefined) return new Uint8Array();
    if (first instanceof PyBytes || first instanceof PyObject) return bytesOf(first);
  }
  const encoded = encodedText(value);
  return typeof encoded === "string" ? latin1Bytes(encoded) : undefined;
}

/** Protocol 2 has no bytes: Python 3 writes `_codecs.encode(text, "latin1")`, `bytearray(text, "latin-1")` or so. */
export function encodedText(value: PickleValue | undefined): PickleValue | undefined {
  if (!(value instanceof PyObject)) return undefined;
  const { qualifiedName } = value;
  if (qualifiedName !== "_codecs.encode" && qualifiedName !== "builtins.bytearray") return undefined;
  const [text, encoding] = argsOf(value);
  return encoding === "latin1" || encoding === "latin-1" ? text : undefined;
}
