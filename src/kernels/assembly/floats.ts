/** F16 (bits of a signed type) and BF16 (of an unsigned one), four values at a time. */

/** Four values from an address on, in F32. Past the last value of a chunk there is memory to be read. */
export function floatsAt<T>(at: usize): v128 {
  if (isFloat<T>()) return v128.load(at);
  const halves = v128.load64_zero(at);
  return isSigned<T>()
    ? floatsOfHalves(i32x4.extend_low_i16x8_s(halves))
    : i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16);
}

/** The same with NaNs, where floatsAt gives infinities for those of F16. */
export function floatsOrNans<T>(at: usize): v128 {
  const values = floatsAt<T>(at);
  if (isFloat<T>() || !isSigned<T>()) return values;
  const sizes = v128.and(i32x4.extend_low_i16x8_u(v128.load64_zero(at)), i32x4.splat(0x7fff));
  return v128.or(values, i32x4.gt_s(sizes, i32x4.splat(0x7c00)));
}

/** The values of four codes, of which the lower halves of the lanes count. */
export function floatsOf<T>(codes: v128): v128 {
  const upper = i32x4.shl(codes, 16);
  return isSigned<T>() ? floatsOfHalves(i32x4.shr_s(upper, 16)) : upper;
}

/**
 * The bits of F16, moved to where F32 has them, are those of the value times 2⁻¹¹², subnormals too. Made 2¹¹² times too
 * large on the way, infinity and NaN become infinity, as no other value does.
 * @param halves with their sign in the upper halves of the lanes.
 */
function floatsOfHalves(halves: v128): v128 {
  const moved = v128.and(i32x4.shl(halves, 13), i32x4.splat(0x8fffffff));
  const large = f32x4.splat(reinterpret<f32>(0x77800000));
  const small = f32x4.splat(reinterpret<f32>(0x07800000));
  return f32x4.mul(f32x4.mul(f32x4.mul(moved, large), large), small);
}

/** Codes of four F32 that are finite and not too large, rounded to the nearest, ties to even. */
export function codesOf<T>(values: v128): v128 {
  const one = i32x4.splat(1);
  if (!isSigned<T>()) {
    const odd = v128.and(i32x4.shr_u(values, 16), one);
    return i32x4.shr_u(i32x4.add(i32x4.add(values, i32x4.splat(0x7fff)), odd), 16);
  }
  const magnitudes = v128.and(values, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(magnitudes, 13), one);
  const rebased = i32x4.sub(magnitudes, i32x4.splat(0x38000000 - 0xfff));
  const normal = i32x4.shr_u(i32x4.add(rebased, odd), 13);
  // Added to 0.5, whose last bit is worth 2⁻²⁴, a value is rounded to a multiple of that.
  const half = f32x4.splat(0.5);
  const subnormal = i32x4.sub(f32x4.add(magnitudes, half), half);
  const isSmall = i32x4.lt_s(magnitudes, i32x4.splat(0x38800000));
  const signs = v128.and(i32x4.shr_u(values, 16), i32x4.splat(0x8000));
  return v128.or(signs, v128.bitselect(subnormal, normal, isSmall));
}
