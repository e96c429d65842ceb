import { elementCount } from "../../tensors/tensor";

/** Deeper than records of records are nested by anyone. */
const maxDepth = 32;

/** What a Python literal of strings, numbers, lists and tuples holds. */
type Literal = string | number | readonly Literal[];

/** What one record of an array of records takes. */
export interface RecordDtype {
  readonly bytes: number;
  /** NumPy's codes of its fields, those of records inside it too. */
  readonly codes: readonly string[];
}

/**
 * Reads a structured dtype as NumPy describes it (`numpy.lib.format.dtype_to_descr`): fields of a name, a code or fields
 * of its own, and a shape where the field is an array.
 * @param itemBytes bytes of one value of a code
 * @returns undefined where it is no such description.
 */
export function recordDtype(
  description: string,
  itemBytes: (code: string) => number,
): RecordDtype | undefined {
  const literal = readLiteral(description);
  if (literal === undefined) return undefined;
  const codes: string[] = [];
  const bytesOf = (dtype: Literal | undefined): number => {
    if (typeof dtype === "string") {
      codes.push(dtype);
      return itemBytes(dtype);
    }
    if (dtype === undefined || typeof dtype === "number") return Number.NaN;
    return dtype.reduce<number>((sum, field) => sum + bytesOfField(field), 0);
  };
  const bytesOfField = (field: Literal): number => {
    if (typeof field === "string" || typeof field === "number") return Number.NaN;
    const [, dtype, shape = []] = field;
    const axes = typeof shape === "object" ? shape : [shape];
    if (!axes.every((size) => typeof size === "number")) return Number.NaN;
    return bytesOf(dtype) * elementCount(axes);
  };
  const bytes = bytesOf(literal);
  return Number.isSafeInteger(bytes) ? { bytes, codes } : undefined;
}

/** The literal that a text begins with. */
function readLiteral(text: string): Literal | undefined {
  const tokens = text.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+)L?|([[(])|[\])]/gs);
  const open: Literal[][] = [];
  for (const [, single, double, digits, opening] of tokens) {
    if (opening !== undefined) {
      if (open.length === maxDepth) return undefined;
      open.push([]);
      continue;
    }
    const value = single ?? double ?? (digits === undefined ? open.pop() : Number(digits));
    const outer = open.at(-1);
    if (outer === undefined) return value;
    if (value !== undefined) outer.push(value);
  }
  return undefined;
}
