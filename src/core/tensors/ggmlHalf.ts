/** The value of the F16 bits at `at`, little endian. */
export function half(block: DataView, at: number): number {
  return halves()[block.getUint16(at, true)] as number;
}

let table: Float32Array | undefined;

/** The values of all F16 bits. */
function halves(): Float32Array {
  table ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfOf(bits));
  return table;
}

export function halfOf(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
