/** Deeper nesting than any logger writes; bounds the recursion on a hostile file. */
const maxDepth = 32;

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const pythonNonFinite: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["infinity", Number.POSITIVE_INFINITY],
]);

/** A logged value as a number: integers beyond 2^53 are rounded, numbers written as text are read. */
export function loggedNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "string" || value.length > 64) return undefined;
  const text = value.trim();
  if (decimal.test(text)) return Number(text);
  const nonFinite = pythonNonFinite.get(text.replace(/^[+-]/, "").toLowerCase());
  return nonFinite !== undefined && text.startsWith("-") ? -nonFinite : nonFinite;
}

/** The members of a JSON object, whether our parser (a Map) or JSON.parse (an object) made it. */
export function jsonMembers(value: unknown): Iterable<readonly [string, unknown]> | undefined {
  if (value instanceof Map) return value as ReadonlyMap<string, unknown>;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.entries(value);
}

/** Every number in an object and its nested objects, by its path joined with `/`; no lists, no words. */
export function flattenNumbers(value: unknown): Map<string, number> | undefined {
  const numbers = new Map<string, number>();
  return addNumbers(numbers, "", value, 0) ? numbers : undefined;
}

function addNumbers(numbers: Map<string, number>, prefix: string, value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value) || depth > maxDepth) return false;
  if (value instanceof Map) {
    for (const [key, member] of value as ReadonlyMap<string, unknown>) {
      addNumber(numbers, prefix, key, member, depth);
    }
    return true;
  }
  // Not Object.entries: a log has a million rows, and that makes a list for each member.
  for (const key of Object.keys(value)) {
    addNumber(numbers, prefix, key, (value as Readonly<Record<string, unknown>>)[key], depth);
  }
  return true;
}

function addNumber(
  numbers: Map<string, number>,
  prefix: string,
  key: string,
  member: unknown,
  depth: number,
): void {
  const number = loggedNumber(member);
  if (number !== undefined) numbers.set(prefix + key, number);
  else if (typeof member === "object") addNumbers(numbers, `${prefix}${key}/`, member, depth + 1);
}
