import type { WritableDtype } from "../tensors/encode";

/**
 * Of each dtype 2^(53 - p) + 1 for its p significant bits, by which a double is rounded to them (Veltkamp 1968), the
 * least magnitude that has all of them, what smaller ones are multiples of, and the largest.
 */
const floats = {
  F32: { splitter: 2 ** 29 + 1, leastNormal: 2 ** -126, unit: 2 ** -149, largest: (2 - 2 ** -23) * 2 ** 127 },
  BF16: { splitter: 2 ** 45 + 1, leastNormal: 2 ** -126, unit: 2 ** -133, largest: (2 - 2 ** -7) * 2 ** 127 },
  F16: { splitter: 2 ** 42 + 1, leastNormal: 2 ** -14, unit: 2 ** -24, largest: 65_504 },
} as const;

/** Whether a dtype holds each of the values as it is. Infinity and NaN it does. */
export function holdsExactly(values: Float64Array, dtype: WritableDtype): boolean {
  if (dtype === "F64") return true;
  const { splitter, leastNormal, unit, largest } = floats[dtype];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    const size = Math.abs(value);
    if (size < leastNormal) {
      if (!Number.isInteger(size / unit)) return false;
    } else if (size <= largest) {
      const high = splitter * size;
      if (high - (high - size) !== size) return false;
    } else if (Number.isFinite(size)) return false;
  }
  return true;
}
