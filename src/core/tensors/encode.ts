/** Dtypes that values can be written in. */
export type WritableDtype = "F64" | "F32" | "F16" | "BF16";

export function isWritableDtype(dtype: string): dtype is WritableDtype {
  return dtype === "F64" || dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/**
 * Values as little-endian bytes of a dtype, each rounded to the nearest, ties to even. F16 and BF16 round the F32
 * value, as torch does; what is too large becomes infinite.
 */
export function encodeValues(values: Float64Array, dtype: WritableDtype): Uint8Array {
  const count = values.length;
  if (dtype === "F64" || dtype === "F32") {
    const bytes = new Uint8Array(count * (dtype === "F64" ? 8 : 4));
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) {
      if (dtype === "F64") view.setFloat64(8 * i, values[i] as number, true);
      else view.setFloat32(4 * i, values[i] as number, true);
    }
    return bytes;
  }
  const bits = new Uint32Array(new Float32Array(values).buffer);
  const bytes = new Uint8Array(count * 2);
  if (dtype === "BF16") encodeBf16(bits, new DataView(bytes.buffer));
  else encodeF16(bits, new DataView(bytes.buffer));
  return bytes;
}

/** Values that are rounded together: few enough for the processor's nearest memory. */
const chunkValues = 2048;

/**
 * What `encodeValues` makes of values, as doubles again.
 * @param into memory for as many; may be that of the values.
 */
export function roundValues(values: Float64Array, dtype: WritableDtype, into: Float64Array): void {
  if (dtype === "F64") {
    into.set(values);
    return;
  }
  if (dtype === "F32") {
    for (let i = 0; i < values.length; i++) into[i] = Math.fround(values[i] as number);
    return;
  }
  const singles = new Float32Array(Math.min(chunkValues, values.length));
  const bits = new Int32Array(singles.buffer);
  for (let start = 0; start < values.length; start += chunkValues) {
    const count = Math.min(chunkValues, values.length - start);
    for (let i = 0; i < count; i++) singles[i] = values[start + i] as number;
    if (dtype === "BF16") for (let i = 0; i < count; i++) bits[i] = bf16OfBits(bits[i] as number) << 16;
    else roundF16(singles, bits, count);
    for (let i = 0; i < count; i++) into[start + i] = singles[i] as number;
  }
}

/** Rounds F32 in place, of which `bits` are the bits, to values of F16. */
function roundF16(singles: Float32Array, bits: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const before = bits[i] as number;
    const magnitude = before & 0x7fffffff;
    if (magnitude < 0x38800000) {
      // Between 0.5 and 1 an F32 is a multiple of 2⁻²⁴, as a subnormal number of F16 is.
      singles[i] = Math.abs(singles[i] as number) + 0.5;
      singles[i] = (singles[i] as number) - 0.5;
      bits[i] = (bits[i] as number) | (before & 0x80000000);
    } else if (magnitude < 0x477ff000) bits[i] = (before + 0xfff + ((before >>> 13) & 1)) & ~0x1fff;
    else if (magnitude <= 0x7f800000) bits[i] = (before & 0x80000000) | 0x7f800000;
    else singles[i] = Number.NaN;
  }
}

/** What rounding does to values, added up. */
export interface RoundingSums {
  /** Σ(rounded − value)², Σvalue². */
  errorSquares: number;
  squares: number;
  /** Values that are others now. */
  changed: number;
}

/**
 * `encodeValues` as BF16, with what it does to them, in one pass.
 * @param memory for as many values as F32; holds the rounded ones then.
 */
export function encodeBf16Counted(
  values: Float64Array,
  memory: Float32Array,
  bytes: Uint8Array,
  sums: RoundingSums,
): void {
  const bits = new Int32Array(memory.buffer, memory.byteOffset, memory.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let { errorSquares, squares, changed } = sums;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    memory[i] = value;
    const rounded = bf16OfBits(bits[i] as number);
    view.setUint16(2 * i, rounded, true);
    bits[i] = rounded << 16;
    const error = (memory[i] as number) - value;
    errorSquares += error * error;
    squares += value * value;
    if (error !== 0) changed++;
  }
  sums.errorSquares = errorSquares;
  sums.squares = squares;
  sums.changed = changed;
}

/** Loops of their own: with the rounding as a value the compiler can put it into neither. */
function encodeBf16(bits: Uint32Array, view: DataView): void {
  for (let i = 0; i < bits.length; i++) view.setUint16(2 * i, bf16OfBits(bits[i] as number), true);
}

function encodeF16(bits: Uint32Array, view: DataView): void {
  for (let i = 0; i < bits.length; i++) view.setUint16(2 * i, f16OfBits(bits[i] as number), true);
}

/** The upper half of an F32, rounded. */
function bf16OfBits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function f16OfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | subnormalF16(magnitude);
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** Below 2⁻¹⁴: a multiple of 2⁻²⁴. The carry of a rounding up ends in the smallest normal number, as it should. */
function subnormalF16(magnitude: number): number {
  const exponent = magnitude >>> 23;
  // Below half of the smallest multiple.
  if (exponent < 102) return 0;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const whole = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return whole + Number(rest > half || (rest === half && (whole & 1) === 1));
}
