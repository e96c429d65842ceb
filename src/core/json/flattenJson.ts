import { isSecret, maskedSecret } from "../text/secretKeys";
import { formatJson, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "./parseJson";

/** Longer values are cut in a table; the file itself is one click away. */
const maxValueLength = 400;

/** Rows beyond this are a vocabulary or a pattern per module, which no one reads in a table. */
const maxRows = 2000;

/**
 * The members of an object as rows, nested objects under a dotted path. Values that look like credentials are
 * masked: a table is shown on screens and in screenshots.
 */
export function flattenJson(object: JsonObject): (readonly [key: string, value: string])[] {
  const rows: [string, string][] = [];
  const pending: [string, JsonValue][] = [...object].reverse();
  for (let next = pending.pop(); next !== undefined && rows.length < maxRows; next = pending.pop()) {
    const [key, value] = next;
    if (isJsonObject(value) && value.size > 0) {
      for (const [name, member] of [...value].reverse()) pending.push([`${key}.${name}`, member]);
    } else {
      const isMasked = typeof value === "string" && isSecret(key, value);
      rows.push([key, isMasked ? maskedSecret : describe(value)]);
    }
  }
  if (pending.length > 0) rows.push(["…", `${pending.length} more rows are not shown`]);
  return rows;
}

function describe(value: JsonValue): string {
  const text = isJsonArray(value) ? value.map(plain).join(", ") : plain(value);
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength)}…` : text;
}

function plain(value: JsonValue): string {
  return typeof value === "string" ? value : formatJson(value);
}
