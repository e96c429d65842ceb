import { isJsonArray, isJsonObject, type JsonValue } from "../json/parseJson";

/** Prints a report as JSON. NaN and infinities, which JSON lacks, become the strings that the contract names. */
export function toJsonText(report: unknown): string {
  return JSON.stringify(
    report,
    (_, value: unknown) => {
      if (typeof value === "number" && !Number.isFinite(value)) return String(value);
      if (typeof value === "bigint") return Number(value);
      return value instanceof Float64Array ? [...value] : value;
    },
    2,
  );
}

/** A parsed value as plain data. Own properties only, so that `__proto__` stays a name. */
export function toPlain(value: JsonValue): unknown {
  if (isJsonObject(value))
    return Object.fromEntries([...value].map(([key, member]) => [key, toPlain(member)]));
  return isJsonArray(value) ? value.map(toPlain) : value;
}
