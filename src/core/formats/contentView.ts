import {
  type ContentChildren,
  type ContentValue,
  FloatValue,
  ForeignValue,
  ListValue,
  MapValue,
  SetValue,
  TupleValue,
} from "./contentValue";
import { keyText } from "./pythonText";

/** How inert values are looked at, of whatever format they are. */

/** An int or float as a double; bigints are rounded. */
export function numberOf(value: ContentValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (value instanceof FloatValue) return value.value;
  return typeof value === "bigint" ? Number(value) : undefined;
}

export function stringOf(value: ContentValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function tupleItems(value: ContentValue | undefined): readonly ContentValue[] | undefined {
  return value instanceof TupleValue || value instanceof ListValue ? value.items : undefined;
}

/** The items of a dict and of all that is like one. */
export function mappingOf(value: ContentValue | undefined): MapValue | undefined {
  if (value instanceof MapValue) return value;
  return value instanceof ForeignValue ? value.mapping : undefined;
}

/** The items of a list, tuple or set and of all that is like one. */
export function sequenceOf(value: ContentValue | undefined): readonly ContentValue[] | undefined {
  if (value instanceof ListValue || value instanceof TupleValue || value instanceof SetValue)
    return value.items;
  return value instanceof ForeignValue ? value.sequence : undefined;
}

/** What was set on an object by name; undefined where its class keeps its state in a form of its own. */
export function attributesOf(value: ContentValue | undefined): MapValue | undefined {
  return value instanceof ForeignValue ? value.attributes : undefined;
}

/** The items of a dict or the attributes of an object: settings are kept in either. */
export function membersOf(value: ContentValue | undefined): MapValue | undefined {
  return mappingOf(value) ?? attributesOf(value);
}

/** Attributes as a `torch.nn.Module` has them. */
export function isModuleState(attributes: MapValue): boolean {
  return (
    mappingOf(attributes.get("_parameters")) !== undefined &&
    mappingOf(attributes.get("_modules")) !== undefined
  );
}

/** What is inside a value; nothing for plain values. Made without looking at more than the value itself. */
export function childrenOf(value: ContentValue): ContentChildren {
  if (value === null || typeof value !== "object") return noChildren;
  if (value instanceof MapValue) return mapChildren(value);
  if (value instanceof ForeignValue) return value.children ?? noChildren;
  const items = sequenceOf(value);
  return items === undefined ? noChildren : sequenceChildren(items);
}

export function mapChildren(map: MapValue): ContentChildren {
  return {
    count: map.size,
    label: (at) => keyLabel(map.keys[at] as ContentValue, at),
    value: (at) => map.values[at] as ContentValue,
  };
}

/** An object that is a key, as parameters are in an optimizer saved whole, goes by its place. */
function keyLabel(key: ContentValue, at: number): string {
  return key instanceof ForeignValue ? String(at) : keyText(key);
}

export function sequenceChildren(items: readonly ContentValue[]): ContentChildren {
  return { count: items.length, label: String, value: (at) => items[at] as ContentValue };
}

export function listedChildren(
  entries: readonly (readonly [label: string, value: ContentValue])[],
): ContentChildren {
  return {
    count: entries.length,
    label: (at) => (entries[at] as readonly [string, ContentValue])[0],
    value: (at) => (entries[at] as readonly [string, ContentValue])[1],
  };
}

export const noChildren: ContentChildren = listedChildren([]);
