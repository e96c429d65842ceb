/** Numbers of pickles: two's complement of any length, and the text of protocol 0. */

/** As an int of Python: a bigint only where a double cannot hold it. */
function simplify(value: bigint): number | bigint {
  const short = Number(value);
  return Number.isSafeInteger(short) ? short : value;
}

/** Little-endian two's complement; no bytes are 0. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length <= 6) {
    let value = 0;
    for (let at = bytes.length - 1; at >= 0; at--) value = value * 256 + (bytes[at] as number);
    const negative = (bytes[bytes.length - 1] as number) >= 0x80;
    return negative ? value - 256 ** bytes.length : value;
  }
  // By way of hexadecimal text, which takes linear time where shifting takes quadratic.
  let hex = "";
  for (let at = bytes.length - 1; at >= 0; at--) hex += (bytes[at] as number).toString(16).padStart(2, "0");
  return simplify(BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`)));
}

/** Python reads no longer integers either (`sys.int_info.default_max_str_digits`), and BigInt takes minutes. */
const maxDigits = 4300;

/** INT and LONG: decimal, with an `L` behind or not; undefined for what is no number. */
export function parseInteger(text: string): number | bigint | undefined {
  const digits = /^\s*([+-]?\d+)L?\s*$/.exec(text)?.[1]?.replace(/^\+/, "");
  if (digits === undefined || digits.length > maxDigits) return undefined;
  return digits.length <= 15 ? Number(digits) + 0 : simplify(BigInt(digits));
}

const plainFloat = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/;

/** FLOAT: what Python's repr writes. */
export function parseFloatText(text: string): number | undefined {
  if (plainFloat.test(text)) return Number(text);
  const trimmed = text.trim().toLowerCase();
  const named = /^([+-]?)(?:(inf(?:inity)?)|(nan))$/.exec(trimmed);
  if (named !== null) return named[3] !== undefined ? Number.NaN : named[1] === "-" ? -Infinity : Infinity;
  return plainFloat.test(trimmed) ? Number(trimmed) : undefined;
}
