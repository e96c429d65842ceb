import { isJsonArray, isJsonObject, type JsonValue } from "../json/parseJson";

/**
 * Prints a report as JSON. NaN and infinities, which JSON lacks, become the strings that the contract names; what a
 * terminal would obey is written as its code, which reads back as the same.
 */
export function toJsonText(report: unknown): string {
  const text = JSON.stringify(
    report,
    (_, value: unknown) => {
      if (typeof value === "number" && !Number.isFinite(value)) return String(value);
      if (typeof value === "bigint") return Number(value);
      return value instanceof Float64Array ? [...value] : value;
    },
    2,
  );
  return text.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, jsonEscape);
}

function jsonEscape(character: string): string {
  return Array.from({ length: character.length }, (_, unit) => {
    return `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`;
  }).join("");
}

/** A parsed value as plain data. Own properties only, so that `__proto__` stays a name. */
export function toPlain(value: JsonValue): unknown {
  if (isJsonObject(value))
    return Object.fromEntries([...value].map(([key, member]) => [key, toPlain(member)]));
  return isJsonArray(value) ? value.map(toPlain) : value;
}
