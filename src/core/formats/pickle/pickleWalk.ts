import { type PickleValue, PyDict, PyGlobal, PyObject, PyPersistentId } from "./pickleValue";
import { sequenceOf } from "./pickleView";

/** Calls `visit` once for every object reachable from a value. Iterative; sharing and cycles cost nothing. */
export function walkObjects(
  root: PickleValue | undefined,
  visit: (value: object & PickleValue) => void,
): void {
  const seen = new Set<PickleValue>();
  const pending: PickleValue[] = [];
  const add = (value: PickleValue | undefined) => {
    if (value === undefined || value === null || typeof value !== "object" || seen.has(value)) return;
    seen.add(value);
    pending.push(value);
  };
  add(root);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value === null || typeof value !== "object") continue;
    visit(value);
    if (value instanceof PyDict) addDict(value, add);
    else if (value instanceof PyPersistentId) add(value.id);
    else if (value instanceof PyObject) {
      add(value.args);
      add(value.state);
      add(value.kwargs);
      if (!(value.callee instanceof PyGlobal)) add(value.callee);
      if (value.items !== undefined) for (const item of value.items) add(item);
      if (value.mapItems !== undefined) addDict(value.mapItems, add);
    } else for (const item of sequenceOf(value) ?? []) add(item);
  }
}

function addDict(dict: PyDict, add: (value: PickleValue | undefined) => void): void {
  for (const key of dict.keys) add(key);
  for (const value of dict.values) add(value);
}
