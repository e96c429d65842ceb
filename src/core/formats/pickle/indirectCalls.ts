import type { ImportLog } from "./importLog";
import { type PickleValue, PyGlobal, PyObject, PyTuple } from "./pickleValue";

/** Functions whose result is a function again. */
const makers: ReadonlySet<string> = new Set(["builtins.getattr", "functools.partial"]);

/** Notes in the log where a call is what no honest pickle has: of something that another call gave. */
export function flagIndirectCalls(callee: PickleValue, args: PickleValue, imports: ImportLog): void {
  if (callee instanceof PyObject && makers.has(callee.qualifiedName)) {
    imports.flagIndirectCall(callee.module, callee.name);
  }
  if (callee instanceof PyGlobal && callee.qualifiedName === "builtins.getattr" && !isPlainAttribute(args)) {
    imports.flagIndirectCall(callee.module, callee.name);
  }
}

/** An attribute by a plain name of a class, or of an object that the pickle made: an enum, a bound method. */
function isPlainAttribute(args: PickleValue): boolean {
  const [target, name] = args instanceof PyTuple ? args.items : [];
  if (!(target instanceof PyGlobal || target instanceof PyObject)) return false;
  if (target instanceof PyObject && !(target.callee instanceof PyGlobal)) return false;
  return typeof name === "string" && !name.startsWith("__");
}
