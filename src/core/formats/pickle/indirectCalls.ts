import { type ContentValue, ListValue, MapValue, TupleValue } from "../contentValue";
import { isDangerousGlobal, isDangerousWhenCalled } from "./dangerousGlobals";
import type { ImportLog } from "./importLog";
import { PyGlobal, PyObject } from "./pickleValue";

/** Functions whose result is a function again, or whatever an object keeps under a name. */
const makers: ReadonlySet<string> = new Set([
  "builtins.getattr",
  "functools.partial",
  "operator.attrgetter",
  "operator.methodcaller",
  "operator.itemgetter",
  "operator.getitem",
  "_operator.attrgetter",
  "_operator.methodcaller",
  "_operator.itemgetter",
  "_operator.getitem",
  "types.MethodType",
]);

/** Callables that only keep what they are given, or say a part of it. */
const keepers: ReadonlySet<string> = new Set([
  ...[
    "functools.partial",
    "builtins.getattr",
    "types.MethodType",
    "types.SimpleNamespace",
    "argparse.Namespace",
  ],
  ...["list", "tuple", "dict", "set", "frozenset"].map((name) => `builtins.${name}`),
  ...["OrderedDict", "defaultdict", "deque"].map((name) => `collections.${name}`),
]);

/** Functions that call their first argument. */
const callers: ReadonlySet<string> = new Set([
  "torch._tensor._rebuild_from_type",
  "torch._tensor._rebuild_from_type_v2",
  "torch.tensor._rebuild_from_type",
]);

/** How an opcode makes an object: by a call, or without one, so that the class only holds what is set on it. */
export type Making = "called" | "instantiated";

/**
 * Notes in the log what is called, and where that is what no honest pickle has: of something that a call gave.
 * Gives the call that is made in the end, where one function only calls another.
 */
export function noteMaking(object: PyObject, making: Making, imports: ImportLog): PyObject {
  const { callee } = object;
  const args = itemsOf(object.args);
  if (callee instanceof PyObject) {
    const maker = makerOf(callee);
    const isNestedClass = making === "instantiated" && isCapitalAttribute(callee);
    if (maker !== undefined && !isNestedClass) imports.raiseAlarm(maker.module, maker.name);
  }
  if (!(callee instanceof PyGlobal)) return object;
  const { module, name, qualifiedName } = callee;
  if (making === "called") {
    if (!keepers.has(qualifiedName)) imports.noteCall(callee);
    if (isDangerousWhenCalled(module, name)) imports.raiseAlarm(module, name);
  }
  if (qualifiedName === "builtins.getattr" && !isPlainAttribute(args)) imports.raiseAlarm(module, name);
  // With two arguments it calls the first until that gives the second.
  if (qualifiedName === "builtins.iter" && args.length > 1) imports.raiseAlarm(module, name);
  if (callers.has(qualifiedName)) return noteCaller(object, callee, args, imports);
  if (!keepers.has(qualifiedName)) flagHandedOver(args, object.kwargs, making, imports);
  return object;
}

/** Attributes set on a class, items put into a container of a module: they change what other code does. */
export function noteChange(target: ContentValue, imports: ImportLog): void {
  const changed = target instanceof PyObject ? makerOf(target) : target;
  // What wraps a function is an object of the pickle's own, and has a state of its own.
  if (changed instanceof PyGlobal && changed.qualifiedName === "functools.partial") return;
  if (changed instanceof PyGlobal) imports.raiseAlarm(changed.module, changed.name);
}

/** The function whose call gave a value, if what it gives can be called. */
function makerOf(value: PyObject): PyGlobal | undefined {
  const { callee } = value;
  return callee instanceof PyGlobal && makers.has(callee.qualifiedName) ? callee : undefined;
}

function noteCaller(
  object: PyObject,
  caller: PyGlobal,
  [callee, , args]: readonly ContentValue[],
  imports: ImportLog,
): PyObject {
  // Torch's callers do not call each other: that nests only to hide what is called.
  if (callee instanceof PyGlobal && !callers.has(callee.qualifiedName)) {
    return noteMaking(new PyObject(callee, args ?? new TupleValue([]), false), "called", imports);
  }
  imports.raiseAlarm(caller.module, caller.name);
  return object;
}

/** What is handed to a function or class may be called by it. */
function flagHandedOver(
  args: readonly ContentValue[],
  kwargs: ContentValue | undefined,
  making: Making,
  imports: ImportLog,
): void {
  if (making === "instantiated") return;
  for (const arg of args) flagArgument(arg, imports);
  if (kwargs instanceof MapValue) for (const arg of kwargs.values) flagArgument(arg, imports);
}

function flagArgument(arg: ContentValue, imports: ImportLog): void {
  if (arg instanceof ListValue) for (const item of arg.items.slice(0, maxListItems)) flagItem(item, imports);
  else flagItem(arg, imports);
}

function flagItem(arg: ContentValue, imports: ImportLog): void {
  if (!(arg instanceof PyObject) || isCapitalAttribute(arg)) return;
  const maker = makerOf(arg);
  if (maker !== undefined && maker.qualifiedName !== "functools.partial") {
    imports.raiseAlarm(maker.module, maker.name);
  }
}

const maxListItems = 1000;

function itemsOf(args: ContentValue): readonly ContentValue[] {
  if (!(args instanceof TupleValue)) return [];
  return args.items.length > maxListItems ? args.items.slice(0, maxListItems) : args.items;
}

/** Members of enums and nested classes, which `getattr` names by a capital. */
function isCapitalAttribute(value: PyObject): boolean {
  if (value.qualifiedName !== "builtins.getattr") return false;
  const name = itemsOf(value.args)[1];
  return typeof name === "string" && /^[A-Z]/.test(name);
}

/** An attribute by a plain name of a class, or of an object that the pickle made: an enum, a bound method. */
function isPlainAttribute([target, name]: readonly ContentValue[]): boolean {
  if (typeof name !== "string" || name.startsWith("__")) return false;
  if (target instanceof PyGlobal) return !isDangerousGlobal(target.module, `${target.name}.${name}`);
  return target instanceof PyObject && target.callee instanceof PyGlobal;
}
