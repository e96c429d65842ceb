import type { DecodedValues } from "./decodeValues";
import type { ValueDtype } from "./valueDtype";

/** `full` gives the digits that tell the value from its neighbours in its own type, as Python prints it. */
export type ValueFormat = "decimal" | "scientific" | "full";

/** The value at an index as text. Integers have all their digits in every format. */
export function formatCell(
  { values, imaginary }: DecodedValues,
  at: number,
  exactDigits: string | undefined,
  format: ValueFormat,
  dtype: Pick<ValueDtype, "kind" | "partDtype">,
): string {
  if (exactDigits !== undefined) return exactDigits;
  const value = values[at] ?? Number.NaN;
  if (dtype.kind === "bool") return value === 0 ? "False" : "True";
  if (dtype.kind === "integer") return String(value);
  const real = formatFloat(value, format, dtype.partDtype);
  const imaginaryPart = imaginary?.[at];
  if (imaginaryPart === undefined) return real;
  const sign = imaginaryPart < 0 || Object.is(imaginaryPart, -0) ? "-" : "+";
  return `${real}${sign}${formatFloat(Math.abs(imaginaryPart), format, dtype.partDtype)}j`;
}

/** A float of a type, as text that `Number` understands, but for the words NaN, ∞ and -∞. */
export function formatFloat(value: number, format: ValueFormat, dtype: string): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (format === "full") return fullDigits(value, dtype);
  if (value === 0) return "0";
  return format === "scientific" ? scientific(value, 5) : decimal(value);
}

/** Seven digits, six of them behind the point at most. What they would hide is written in scientific notation. */
function decimal(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e7) return scientific(value, 3);
  const digitsBefore = Math.max(1, Math.floor(Math.log10(magnitude)) + 1);
  return value.toFixed(7 - digitsBefore);
}

function scientific(value: number, digits: number): string {
  return value.toExponential(digits).replace("e+", "e");
}

/** Types up to 32 bits are exact in F32, whose shortest digits tell all of them apart. */
function fullDigits(value: number, dtype: string): string {
  if (Object.is(value, -0)) return "-0";
  const isDouble = dtype === "F64";
  const short = isDouble ? value : shortestF32(value);
  // Zeros that only say how large it is would make every column as wide; Python writes it the same way.
  const magnitude = Math.abs(value);
  const isLong = magnitude >= (isDouble ? 1e17 : 1e9) || (magnitude < 1e-4 && magnitude > 0);
  return (isLong ? short.toExponential() : String(short)).replace("e+", "e");
}

function shortestF32(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** Text of the longest value there may be, for the width of a column. */
export function widestText(format: ValueFormat, { kind, partDtype, bitsPerValue }: ValueDtype): string {
  if (kind === "bool") return "False";
  if (kind === "integer") return "0".repeat(integerDigits[partDtype] ?? 1 + Math.ceil(bitsPerValue * 0.302));
  const exponent = partDtype === "F64" ? "e-000" : "e-00";
  const digits = { decimal: "-0.000", scientific: "-0.00000", full: full(partDtype) }[format];
  const one = digits + exponent;
  return kind === "complex" ? `${one}${one}j` : one;
}

const integerDigits: Readonly<Record<string, number>> = { U8: 3, I8: 4, U16: 5, I16: 6, I32: 11, U32: 10 };

function full(dtype: string): string {
  return dtype === "F64" ? "-0.0000000000000000" : "-0.00000000";
}
