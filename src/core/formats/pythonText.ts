import { latin1Text } from "../text/latin1";
import { isSecret, maskedSecret } from "../text/secretKeys";
import {
  BytesValue,
  type ContentValue,
  FloatValue,
  ListValue,
  LongTextValue,
  MapValue,
  SetValue,
  TupleValue,
} from "./contentValue";

/** Values as Python writes them, short enough for a line. */

/** A float as Python's repr: always recognisable as a float. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    return `${digits}e${exponent.replace(/^([+-])(\d)$/, "$10$2")}`;
  }
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** Cut so that a hostile string of megabytes stays one line. */
const maxStringLength = 120;
const maxBytesShown = 24;
const maxItemsShown = 6;
export const maxNesting = 2;

/** One line for any value; what is nested deeper or goes on longer is left out. */
export function pythonText(value: ContentValue, nesting = 0): string {
  if (value === null) return "None";
  if (typeof value === "string") return stringText(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "bigint") return bigintText(value);
  if (value instanceof FloatValue) return floatText(value.value);
  return containerText(value, nesting);
}

function containerText(
  value: Exclude<ContentValue, string | number | bigint | boolean | null | FloatValue>,
  nesting: number,
) {
  if (value instanceof BytesValue) return bytesText(value);
  if (value instanceof LongTextValue) return `text of ${value.length} bytes`;
  if (value instanceof ListValue) return `[${itemsText(value.items, nesting)}]`;
  if (value instanceof TupleValue) {
    const comma = value.items.length === 1 ? "," : "";
    return `(${itemsText(value.items, nesting)}${comma})`;
  }
  if (value instanceof SetValue) {
    if (value.items.length === 0) return value.frozen ? "frozenset()" : "set()";
    const braces = `{${itemsText(value.items, nesting)}}`;
    return value.frozen ? `frozenset(${braces})` : braces;
  }
  if (value instanceof MapValue) return `{${dictText(value, nesting)}}`;
  return value.text(nesting);
}

export function itemsText(items: readonly ContentValue[], nesting: number): string {
  if (items.length === 0) return "";
  if (nesting >= maxNesting) return "…";
  const shown = items.slice(0, maxItemsShown).map((item) => pythonText(item, nesting + 1));
  return items.length > maxItemsShown ? `${shown.join(", ")}, …` : shown.join(", ");
}

function dictText(dict: MapValue, nesting: number): string {
  if (dict.size === 0) return "";
  if (nesting >= maxNesting) return "…";
  const shown = dict.keys
    .slice(0, maxItemsShown)
    .map(
      (key, at) =>
        `${pythonText(key, nesting + 1)}: ${memberText(key, dict.values[at] as ContentValue, nesting)}`,
    );
  return dict.size > maxItemsShown ? `${shown.join(", ")}, …` : shown.join(", ");
}

/** A credential does not show through the line for the dict that holds it either. */
function memberText(key: ContentValue, value: ContentValue, nesting: number): string {
  const isMasked = typeof key === "string" && typeof value === "string" && isSecret(key, value);
  return isMasked ? maskedSecret : pythonText(value, nesting + 1);
}

function stringText(text: string): string {
  const shown = text.length > maxStringLength ? `${text.slice(0, maxStringLength)}…` : text;
  const quoteMark = shown.includes("'") && !shown.includes('"') ? '"' : "'";
  const escaped = shown
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return quoteMark + (quoteMark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quoteMark;
}

/** Python's own limit on digits keeps this from taking long. */
function bigintText(value: bigint): string {
  const bits = value.toString(16).length * 4;
  return bits > 4096 ? `integer of ${bits} bits` : String(value);
}

function bytesText({ bytes, length, mutable }: BytesValue): string {
  const name = mutable ? "bytearray" : "bytes";
  if (bytes === undefined || length > maxBytesShown) return `${name} of length ${length}`;
  const text = latin1Text(bytes).replace(/[^ -[\]-~]|\\/g, (unit) =>
    unit === "\\" ? "\\\\" : `\\x${unit.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return mutable ? `bytearray(b'${text}')` : `b'${text}'`;
}

/** A key of a dict as one part of a path: strings as they are. */
export function keyText(key: ContentValue): string {
  return typeof key === "string" ? key : pythonText(key);
}
