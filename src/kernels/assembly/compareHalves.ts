/**
 * Compares F16 and BF16: a square or product of two of them is an F32 as it is, so that eight are added up as F32 before
 * they are widened. Such a sum is off by 2⁻²² of its size at most, where a few values are all of it, and by less than 10⁻⁹ where
 * thousands of them are alike.
 */
import { compareFew, placeOfB } from "./compare";
import { floatsAt } from "./floats";
import {
  chunkA,
  chunkB,
  codesOut,
  constants,
  countOtherPlace,
  countPlace,
  largestFloat,
  leastFloat,
  otherWords,
  results,
  sumOfDoubles,
  words,
} from "./memory";

/** Bits that are read as F16 and as BF16: a loop is compiled for each. */
type HalfBits = i16;
type BrainBits = u16;

/** Pairs whose sums are widened together. */
export const tile: usize = 32;
/** Pairs of bytes that are put side by side before they are counted. */
const pairTile: usize = 256;
/** Fewer pairs than this are widened one by one, which is as good as it gets and takes no time. */
export const fewest: i32 = 4096;
/** Squares that are smaller have lost bits, or are none: sums of them are made anew by compareFinite. */
export const leastSquare: f64 = 7.888609052210118e-31;
/** Where the differences of a tile are put before they are counted. */
export const tilePlaces: usize = codesOut;

/** What compareF32 does, of BF16. */
export function compareBf16(count: i32): void {
  compareTiles<BrainBits>(count);
}

/** What compareF32 does, of F16. */
export function compareF16(count: i32): void {
  compareTiles<HalfBits>(count);
}

/** Counts pairs of a byte of each chunk as codes of 16 bits, the first in the low ones. */
export function countBytePairs(count: i32): void {
  const end = <usize>count & ~(pairTile - 1);
  for (let from: usize = 0; from < end; from += pairTile) {
    for (let at: usize = 0; at < pairTile; at += 16) {
      const a = v128.load(from + at, chunkA);
      const b = v128.load(from + at, chunkB);
      const pairs = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const next = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      v128.store(at << 1, pairs, tilePlaces);
      v128.store(at << 1, next, tilePlaces + 16);
    }
    for (let pair: usize = 0; pair < 2 * pairTile; pair += 16) {
      countPlace((<usize>load<u16>(pair, tilePlaces)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 2)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 4)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 6)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 8)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 10)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 12)) << 2);
      countPlace((<usize>load<u16>(pair, tilePlaces + 14)) << 2);
    }
  }
  for (let at = end; at < <usize>count; at++)
    countPlace(((<usize>load<u8>(at, chunkA)) << 2) | ((<usize>load<u8>(at, chunkB)) << 10));
}

function compareTiles<T>(count: i32): void {
  const end: usize = count >= fewest ? (<usize>count & ~(tile - 1)) * 2 : 0;
  const bits = v128.load(constants, 128);
  const rebase = v128.load(constants, 144);
  const lower = v128.load(constants, 176);
  const upper = v128.load(constants, 192);
  const normal = v128.load(constants, 208);
  const special = v128.load(constants, 224);
  const mask = v128.load(constants, 80);
  const zero = f32x4.splat(0);
  let absolute = f64x2.splat(0);
  let squares = absolute;
  let squaresOfA = absolute;
  let squaresOfB = absolute;
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let unchanged: u32 = 0;
  const zeros = countedZeros();
  for (let at: usize = 0; at < end; ) {
    let tileAbsolute = zero;
    let tileSquares = zero;
    let tileA = zero;
    let tileB = zero;
    for (let to = tilePlaces; to < tilePlaces + 4 * tile; to += 32) {
      const a = v128.load(at, chunkA);
      const b = v128.load(at, chunkB);
      let x: v128, y: v128, nextX: v128, nextY: v128;
      if (isSigned<T>()) {
        // Sign-extended and moved to where F32 has its bits, as products by 2¹³ and by a shift.
        x = i32x4.add(v128.and(i32x4.dot_i16x8_s(a, lower), bits), rebase);
        y = i32x4.add(v128.and(i32x4.dot_i16x8_s(b, lower), bits), rebase);
        nextX = i32x4.add(v128.and(i32x4.shr_s(a, 3), bits), rebase);
        nextY = i32x4.add(v128.and(i32x4.shr_s(b, 3), bits), rebase);
        // Without their signs, and less the least exponent: those without one, and infinities and NaNs, are the largest.
        const sizes = i16x8.max_u(i16x8.sub(i16x8.add(a, a), normal), i16x8.sub(i16x8.add(b, b), normal));
        if (v128.any_true(i16x8.sub_sat_u(sizes, special))) {
          x = specials(x, rebase);
          y = specials(y, rebase);
          nextX = specials(nextX, rebase);
          nextY = specials(nextY, rebase);
        }
      } else {
        x = i32x4.shl(a, 16);
        y = i32x4.shl(b, 16);
        nextX = v128.and(a, upper);
        nextY = v128.and(b, upper);
      }
      const difference = f32x4.sub(y, x);
      v128.store(to, v128.and(i32x4.shr_u(difference, 14), mask));
      tileA = f32x4.add(tileA, f32x4.mul(x, x));
      tileB = f32x4.add(tileB, f32x4.mul(y, y));
      tileSquares = f32x4.add(tileSquares, f32x4.mul(difference, difference));
      tileAbsolute = f32x4.add(tileAbsolute, f32x4.abs(difference));
      min = f32x4.pmin(min, difference);
      max = f32x4.pmax(max, difference);
      const next = f32x4.sub(nextY, nextX);
      v128.store(to, v128.and(i32x4.shr_u(next, 14), mask), 16);
      tileA = f32x4.add(tileA, f32x4.mul(nextX, nextX));
      tileB = f32x4.add(tileB, f32x4.mul(nextY, nextY));
      tileSquares = f32x4.add(tileSquares, f32x4.mul(next, next));
      tileAbsolute = f32x4.add(tileAbsolute, f32x4.abs(next));
      min = f32x4.pmin(min, next);
      max = f32x4.pmax(max, next);
      at += 16;
    }
    squaresOfA = f64x2.add(squaresOfA, doublesOf(tileA));
    squaresOfB = f64x2.add(squaresOfB, doublesOf(tileB));
    if (v128.any_true(tileAbsolute)) {
      absolute = f64x2.add(absolute, doublesOf(tileAbsolute));
      squares = f64x2.add(squares, doublesOf(tileSquares));
      // A function for this would take all sums out of their registers.
      for (let place: usize = 0; place < 4 * tile; place += 64) {
        countFour(place);
        countFour(place + 16);
        countFour(place + 32);
        countFour(place + 48);
      }
    } else unchanged += <u32>tile;
  }
  // No difference of halves is so small that its upper bits are those of zero.
  const changed = <u32>(end >> 1) - unchanged - (countedZeros() - zeros);
  // The rest, into the results; what was found of the tiles is added to it.
  compareFew<T, T>(end, count);
  const sumA = sumOfDoubles(squaresOfA);
  const sumB = sumOfDoubles(squaresOfB);
  const sumSquares = sumOfDoubles(squares);
  const sumAbsolute = sumOfDoubles(absolute);
  const least = leastSquare * <f64>end;
  const isExact = end === 0 || (sumA >= least && sumB >= least && (sumAbsolute === 0 || sumSquares >= least));
  // Of tensors of like size the products are what their sums lack of that of the differences. Where they are nearly the
  // same, what a cosine lacks of 1 is the difference: no rounding of the sums may hide it.
  const areAlike = sumA <= 4 * sumB && sumB <= 4 * sumA;
  addToResult(0, isExact ? sumAbsolute : NaN);
  addToResult(8, sumSquares);
  addToResult(16, sumA);
  addToResult(24, sumB);
  addToResult(32, areAlike || !isExact ? (sumA + sumB - sumSquares) / 2 : productOf<T, T>(end));
  addToResult(40, <f64>changed);
  store<f64>(results, Math.min(load<f64>(results, 48), <f64>leastFloat(min)), 48);
  store<f64>(results, Math.max(load<f64>(results, 56), <f64>largestFloat(max)), 56);
  store<u32>(words, load<u32>(words) + unchanged);
}

/** How many differences were counted that are zero, of either sign. */
function countedZeros(): u32 {
  return (
    load<u32>(words) + load<u32>(words, 0x20000) + load<u32>(otherWords) + load<u32>(otherWords, 0x20000)
  );
}

/** Σ a·b of the pairs that end there, in bytes of `A`. */
export function productOf<A, B>(end: usize): f64 {
  let low = f64x2.splat(0);
  let high = low;
  for (let at: usize = 0; at < end; at += 4 * sizeof<A>()) {
    const a = floatsAt<A>(chunkA + at);
    const b = floatsAt<B>(chunkB + placeOfB<A, B>(at));
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)));
    const restOfA = f64x2.promote_low_f32x4(i64x2.shuffle(a, a, 1, 1));
    high = f64x2.add(high, f64x2.mul(restOfA, f64x2.promote_low_f32x4(i64x2.shuffle(b, b, 1, 1))));
  }
  return sumOfDoubles(f64x2.add(low, high));
}

/**
 * F16 without an exponent were read as 2⁻¹⁵ and half of what they are, as F32 has no such numbers to wait for; infinities
 * and NaNs as numbers beyond all others.
 */
export function specials(read: v128, rebase: v128): v128 {
  const exponents = i32x4.sub(v128.and(read, i32x4.splat(0x7f800000)), rebase);
  const isSmall = i32x4.eq(exponents, i32x4.splat(0));
  const isOver = i32x4.eq(exponents, v128.load(constants, 160));
  const signs = v128.and(read, i32x4.splat(0x80000000));
  const half = f32x4.sub(read, v128.or(signs, rebase));
  // The difference of two equal ones is a zero without a sign.
  const value = v128.or(signs, v128.bitselect(f32x4.add(half, half), read, isSmall));
  return v128.or(value, v128.and(isOver, i32x4.splat(0x7f800000)));
}

export function addToResult(result: usize, value: f64): void {
  store<f64>(results + result, load<f64>(results + result) + value);
}

/** Counts four differences of a tile, in two tables: neighbours are often the same code. */
export function countFour(place: usize): void {
  countPlace(load<u32>(place, tilePlaces));
  countOtherPlace(load<u32>(place, tilePlaces + 4));
  countPlace(load<u32>(place, tilePlaces + 8));
  countOtherPlace(load<u32>(place, tilePlaces + 12));
}

/** The sums of two lanes each. */
export function doublesOf(four: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.add(four, i64x2.shuffle(four, four, 1, 1)));
}
