import { parseJson } from "../../../json/parseJson";
import { type WireReader, wireBytes } from "../wireReader";

/** A name and its value as JSON text, as config, summary and history have them. */
export interface WandbItem {
  readonly name: string;
  readonly json: string;
}

/** `key(1)`, or in newer clients `nested_key(2)*`; `value_json(16)`. */
export function readItem(reader: WireReader): WandbItem {
  let key = "";
  const nested: string[] = [];
  let json = "";
  while (reader.next()) {
    if (reader.wireType !== wireBytes) continue;
    if (reader.field === 1) key = reader.text;
    else if (reader.field === 2) nested.push(reader.text);
    else if (reader.field === 16) json = reader.text;
  }
  return { name: key === "" ? nested.join(".") : key, json };
}

/** Every field of one number in a message, as items. */
export function readItems(reader: WireReader, field: number): WandbItem[] {
  const items: WandbItem[] = [];
  while (reader.next()) {
    if (reader.field === field && reader.wireType === wireBytes) items.push(readItem(reader.nested()));
  }
  return items;
}

/** Undefined where the text is no JSON. Python's NaN and Infinity are numbers here. */
export function itemValue(json: string): unknown {
  const number = Number(json);
  if (json !== "" && !Number.isNaN(number)) return number;
  try {
    const { value, truncatedAt } = parseJson(json);
    return truncatedAt === undefined ? value : undefined;
  } catch {
    return undefined;
  }
}
