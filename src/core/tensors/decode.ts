import { dtypeBits } from "./dtype";

/** A dtype whose values are no real numbers (`C64`), or that this reader does not know. */
export class UnsupportedDtypeError extends Error {
  override readonly name = "UnsupportedDtypeError";

  constructor(readonly dtype: string) {
    super(
      dtype === "C64"
        ? "Complex values (C64) cannot be shown as real numbers."
        : `The values of dtype ${JSON.stringify(dtype)} cannot be decoded: the type is not known.`,
    );
  }
}

/**
 * Decodes the first `count` values of a tensor's little-endian bytes to doubles. `bytes` may start anywhere in
 * its buffer. Every value is exact except I64 and U64 beyond 2^53, which are rounded to the nearest double.
 * Values narrower than a byte are taken from the low bits up (low nibble first), as torch and ggml pack them.
 * @throws UnsupportedDtypeError for C64 and unknown dtypes.
 * @param into memory for just `count` values; new where not given.
 * @throws RangeError when `bytes` holds fewer than `count` values.
 */
export function decodeTensor(
  bytes: Uint8Array,
  dtype: string,
  count: number,
  into?: Float64Array,
): Float64Array {
  const bits = dtypeBits.get(dtype);
  const decode = decoders.get(dtype);
  if (bits === undefined || decode === undefined) throw new UnsupportedDtypeError(dtype);
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`Not a number of values: ${count}`);
  if (count * bits > bytes.byteLength * 8) {
    throw new RangeError(`${count} values of ${dtype} need more than the ${bytes.byteLength} bytes given.`);
  }
  const values = into ?? new Float64Array(count);
  decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), values, bytes);
  return values;
}

/** DataView reads little-endian on every host and at every address, at the speed of a typed array in V8. */
type Decoder = (view: DataView, values: Float64Array, bytes: Uint8Array) => void;

const decoders = new Map<string, Decoder>([
  ["BOOL", decodeBool],
  ["U8", decodeU8],
  ["I8", decodeI8],
  ["U16", decodeU16],
  ["I16", decodeI16],
  ["U32", decodeU32],
  ["I32", decodeI32],
  ["U64", decodeU64],
  ["I64", decodeI64],
  ["F16", decodeF16],
  ["BF16", decodeBf16],
  ["F32", decodeF32],
  ["F64", decodeF64],
  ["F8_E4M3", byteTable({ exponentBits: 4, mantissaBits: 3, bias: 7, specials: "nan" })],
  ["F8_E5M2", byteTable({ exponentBits: 5, mantissaBits: 2, bias: 15, specials: "ieee" })],
  ["F8_E4M3FNUZ", byteTable({ exponentBits: 4, mantissaBits: 3, bias: 8, specials: "fnuz" })],
  ["F8_E5M2FNUZ", byteTable({ exponentBits: 5, mantissaBits: 2, bias: 16, specials: "fnuz" })],
  ["F8_E8M0", decodeF8E8m0],
  ["F4", packedTable({ exponentBits: 2, mantissaBits: 1, bias: 1, specials: "none" })],
  ["F6_E2M3", packedTable({ exponentBits: 2, mantissaBits: 3, bias: 1, specials: "none" })],
  ["F6_E3M2", packedTable({ exponentBits: 3, mantissaBits: 2, bias: 3, specials: "none" })],
]);

interface FloatLayout {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /**
   * What the codes beyond the numbers mean: `ieee` has infinities and NaNs in the highest exponent, `nan` only
   * a NaN in the highest code of either sign (OCP 8-bit "fn"), `fnuz` only a NaN, in the code of -0, and
   * `none` has numbers only (OCP microscaling formats).
   */
  readonly specials: "ieee" | "nan" | "fnuz" | "none";
}

/** The value of one code of a small float: sign, exponent, mantissa from the high bit down. */
function floatOfCode(code: number, layout: FloatLayout): number {
  const { exponentBits, mantissaBits, bias, specials } = layout;
  const mantissaSteps = 2 ** mantissaBits;
  const highestExponent = 2 ** exponentBits - 1;
  const mantissa = code % mantissaSteps;
  const exponent = Math.floor(code / mantissaSteps) % (highestExponent + 1);
  const sign = code >= mantissaSteps * (highestExponent + 1) ? -1 : 1;
  if (specials === "ieee" && exponent === highestExponent) return mantissa === 0 ? sign / 0 : Number.NaN;
  if (specials === "nan" && exponent === highestExponent && mantissa === mantissaSteps - 1) return Number.NaN;
  if (specials === "fnuz" && sign < 0 && exponent === 0 && mantissa === 0) return Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (mantissaSteps + mantissa) * 2 ** (exponent - bias - mantissaBits);
}

function buildTable(bits: number, layout: FloatLayout): Float64Array {
  return Float64Array.from({ length: 2 ** bits }, (_, code) => floatOfCode(code, layout));
}

function byteTable(layout: FloatLayout): Decoder {
  const table = buildTable(8, layout);
  return (_view, values, bytes) => {
    for (let i = 0; i < values.length; i++) values[i] = table[bytes[i] as number] as number;
  };
}

/** Codes of fewer than 8 bits in one little-endian stream of bits: value i starts at bit i·width. */
function packedTable(layout: FloatLayout): Decoder {
  const width = 1 + layout.exponentBits + layout.mantissaBits;
  const table = buildTable(width, layout);
  const mask = 2 ** width - 1;
  return (_view, values, bytes) => {
    for (let i = 0; i < values.length; i++) {
      const bit = i * width;
      const at = Math.floor(bit / 8);
      const pair = (bytes[at] as number) | ((bytes[at + 1] ?? 0) << 8);
      values[i] = table[(pair >> (bit % 8)) & mask] as number;
    }
  };
}

/** Only an exponent, without a sign: 2^(code - 127), and NaN (OCP microscaling formats 1.0, section 5.4). */
function decodeF8E8m0(_view: DataView, values: Float64Array, bytes: Uint8Array): void {
  for (let i = 0; i < values.length; i++) {
    const code = bytes[i] as number;
    values[i] = code === 0xff ? Number.NaN : 2 ** (code - 127);
  }
}

let f16Table: Float32Array | undefined;

/** Half a megabyte of table is worth it only for files that hold F16, so it is made on first use. */
function decodeF16(view: DataView, values: Float64Array): void {
  f16Table ??= Float32Array.from({ length: 65_536 }, (_, code) =>
    floatOfCode(code, { exponentBits: 5, mantissaBits: 10, bias: 15, specials: "ieee" }),
  );
  const table = f16Table;
  for (let i = 0; i < values.length; i++) values[i] = table[view.getUint16(2 * i, true)] as number;
}

/** They stay in the first-level cache. */
const codesAtOnce = 2048;

/** A BF16 is the upper half of an F32. */
function decodeBf16(view: DataView, values: Float64Array): void {
  const codes = new Int32Array(Math.min(values.length, codesAtOnce));
  const floats = new Float32Array(codes.buffer);
  for (let from = 0; from < values.length; from += codesAtOnce) {
    const count = Math.min(codesAtOnce, values.length - from);
    for (let i = 0; i < count; i++) codes[i] = view.getUint16(2 * (from + i), true) << 16;
    values.set(count === codesAtOnce ? floats : floats.subarray(0, count), from);
  }
}

function decodeBool(_view: DataView, values: Float64Array, bytes: Uint8Array): void {
  for (let i = 0; i < values.length; i++) values[i] = bytes[i] === 0 ? 0 : 1;
}

function decodeU8(_view: DataView, values: Float64Array, bytes: Uint8Array): void {
  for (let i = 0; i < values.length; i++) values[i] = bytes[i] as number;
}

function decodeI8(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getInt8(i);
}

function decodeU16(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getUint16(2 * i, true);
}

function decodeI16(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getInt16(2 * i, true);
}

function decodeU32(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getUint32(4 * i, true);
}

function decodeI32(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getInt32(4 * i, true);
}

function decodeF32(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
}

function decodeF64(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat64(8 * i, true);
}

/** Halves instead of a bigint per value. Both products are exact, so the sum rounds once, to nearest. */
function decodeU64(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = view.getUint32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true);
  }
}

function decodeI64(view: DataView, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = view.getInt32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true);
  }
}
