import {
  BytesValue,
  type ContentValue,
  FloatValue,
  ForeignValue,
  ListValue,
  LongTextValue,
  MapValue,
  SetValue,
  TupleValue,
} from "../formats/contentValue";
import type { DescribeForeign } from "../formats/format";
import { pythonText } from "../formats/pythonText";
import type { Tensor } from "../tensors/tensor";
import { formatBytes, plural } from "../text/quantities";

/** What Python's `type(value).__name__` would say, as far as that is known without running anything. */
export function typeLabel(value: ContentValue, describe: DescribeForeign | undefined): string {
  if (value === null) return "None";
  if (typeof value === "string" || value instanceof LongTextValue) return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof FloatValue) return "float";
  if (value instanceof BytesValue) return value.mutable ? "bytearray" : "bytes";
  if (value instanceof ListValue) return "list";
  if (value instanceof TupleValue) return "tuple";
  if (value instanceof MapValue) return "dict";
  if (value instanceof SetValue) return value.frozen ? "frozenset" : "set";
  const name = value.qualifiedName;
  return describe?.(value)?.type ?? (name === "" ? "object" : name.slice(name.lastIndexOf(".") + 1));
}

/** The value in one line. Containers say how much they hold, not what: that is what opening them is for. */
export function describeValue(value: ContentValue, describe: DescribeForeign | undefined): string {
  if (value instanceof ForeignValue) return foreignText(value, describe);
  if (value instanceof MapValue) return plural(value.size, "item");
  if (value instanceof LongTextValue) return `text of ${formatBytes(value.length)}`;
  const items =
    value instanceof ListValue || value instanceof TupleValue || value instanceof SetValue
      ? value.items
      : undefined;
  if (items !== undefined && !items.every(isShort)) return plural(items.length, "item");
  return items !== undefined && items.length > 8
    ? `${plural(items.length, "item")}: ${pythonText(value)}`
    : pythonText(value);
}

function isShort(value: ContentValue): boolean {
  return value === null || typeof value !== "object" || value instanceof FloatValue;
}

export function tensorLine({ dtype, shape, layout }: Tensor): string {
  const facts = [`${dtype} [${shape.join(", ")}]`];
  if (layout?.requiresGrad === true) facts.push("requires grad");
  if (layout?.sparse !== undefined) facts.push(`sparse ${layout.sparse.kind}`);
  if (layout?.quantisation !== undefined) facts.push(`quantised ${layout.quantisation.scheme}`);
  if (layout?.storage.absent !== undefined) facts.push("no bytes");
  return facts.join(", ");
}

function foreignText(object: ForeignValue, describe: DescribeForeign | undefined): string {
  const { mapping, sequence, attributes } = object;
  if (mapping !== undefined) return plural(mapping.size, "item");
  const own = describe?.(object)?.text;
  if (own !== undefined) return own;
  if (sequence !== undefined) {
    return sequence.every(isShort) ? pythonText(new TupleValue(sequence)) : plural(sequence.length, "item");
  }
  return attributes !== undefined && object.madeFrom.length === 0
    ? `${object.qualifiedName}, ${plural(attributes.size, "attribute")}`
    : pythonText(object);
}
