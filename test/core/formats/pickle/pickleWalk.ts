import { type ContentValue, MapValue } from "../../../../src/core/formats/contentValue";
import { sequenceOf } from "../../../../src/core/formats/contentView";
import { PyGlobal, PyObject, PyPersistentId } from "../../../../src/core/formats/pickle/pickleValue";

/** Calls `visit` once for every object reachable from a value. Iterative; sharing and cycles cost nothing. */
export function walkObjects(
  root: ContentValue | undefined,
  visit: (value: object & ContentValue) => void,
): void {
  const seen = new Set<ContentValue>();
  const pending: ContentValue[] = [];
  const add = (value: ContentValue | undefined) => {
    if (value === undefined || value === null || typeof value !== "object" || seen.has(value)) return;
    seen.add(value);
    pending.push(value);
  };
  add(root);
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value === null || typeof value !== "object") continue;
    visit(value);
    if (value instanceof MapValue) addDict(value, add);
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

function addDict(dict: MapValue, add: (value: ContentValue | undefined) => void): void {
  for (const key of dict.keys) add(key);
  for (const value of dict.values) add(value);
}
