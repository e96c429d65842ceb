/**
 * Compares F16 and BF16: a square or product of two of them is an F32 as it is, so that eight are added up as F32 before
 * they are widened. Such a sum is off by 2⁻²² of its size at most, where a few values are all of it, and by less than 10⁻⁹ where
 * thousands of them are alike.
 */
import { compareFew } from "./compare";
import {
  chunkA,
  chunkB,
  codesOut,
  constants,
  largestFloat,
  leastFloat,
  otherWords,
  results,
  sumOfDoubles,
  sumOfWords,
  words,
} from "./memory";

/** Bits that are read as F16 and as BF16: a loop is compiled for each. */
type HalfBits = i16;
type BrainBits = u16;

/** Pairs whose sums are widened together. */
const tile: usize = 32;
/** Fewer pairs than this are widened one by one, which is as good as it gets and takes no time. */
const fewest: i32 = 4096;
/** Squares that are smaller have lost bits, or are none: sums of them are made anew by compareFinite. */
const leastSquare: f64 = 7.888609052210118e-31;
/** Where the differences of a tile are counted. */
const places: usize = codesOut;

/** What compareF32 does, of BF16. */
export function compareBf16(count: i32): void {
  compareTiles<BrainBits>(count);
}

/** What compareF32 does, of F16. */
export function compareF16(count: i32): void {
  compareTiles<HalfBits>(count);
}

function compareTiles<T>(count: i32): void {
  const areMany =
    count >= fewest && (!isSigned<T>() || (areFinite(chunkA, count) && areFinite(chunkB, count)));
  const end: usize = areMany ? (<usize>count & ~(tile - 1)) * 2 : 0;
  const bits = v128.load(constants, 128);
  const rebase = v128.load(constants, 144);
  const exponents = v128.load(constants, 160);
  const mask = v128.load(constants, 80);
  const zero = f32x4.splat(0);
  let absolute = f64x2.splat(0);
  let squares = absolute;
  let squaresOfA = absolute;
  let squaresOfB = absolute;
  let products = absolute;
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let changed = i32x4.splat(0);
  let unchanged: u32 = 0;
  for (let at: usize = 0; at < end; ) {
    let tileAbsolute = zero;
    let tileSquares = zero;
    let tileA = zero;
    let tileB = zero;
    let tileProducts = zero;
    for (let to = places; to < places + 4 * tile; to += 16) {
      let x = bitsAt<T>(chunkA + at);
      let y = bitsAt<T>(chunkB + at);
      if (isSigned<T>()) {
        const ofX = v128.and(x, bits);
        const ofY = v128.and(y, bits);
        x = i32x4.add(ofX, rebase);
        y = i32x4.add(ofY, rebase);
        const isSmallX = i32x4.eq(v128.and(ofX, exponents), zero);
        const isSmallY = i32x4.eq(v128.and(ofY, exponents), zero);
        if (v128.any_true(v128.or(isSmallX, isSmallY))) {
          x = v128.bitselect(subnormals(x), x, isSmallX);
          y = v128.bitselect(subnormals(y), y, isSmallY);
        }
      }
      const difference = f32x4.sub(y, x);
      v128.store(to, v128.and(i32x4.shr_u(difference, 14), mask));
      tileA = f32x4.add(tileA, f32x4.mul(x, x));
      tileB = f32x4.add(tileB, f32x4.mul(y, y));
      tileProducts = f32x4.add(tileProducts, f32x4.mul(x, y));
      tileSquares = f32x4.add(tileSquares, f32x4.mul(difference, difference));
      tileAbsolute = f32x4.add(tileAbsolute, f32x4.abs(difference));
      changed = i32x4.sub(changed, f32x4.ne(difference, zero));
      min = f32x4.pmin(min, difference);
      max = f32x4.pmax(max, difference);
      at += 8;
    }
    squaresOfA = f64x2.add(squaresOfA, doublesOf(tileA));
    squaresOfB = f64x2.add(squaresOfB, doublesOf(tileB));
    products = f64x2.add(products, doublesOf(tileProducts));
    if (v128.any_true(tileAbsolute)) {
      absolute = f64x2.add(absolute, doublesOf(tileAbsolute));
      squares = f64x2.add(squares, doublesOf(tileSquares));
      for (let place = places; place < places + 4 * tile; place += 16) {
        countPlace(load<u32>(place), words);
        countPlace(load<u32>(place, 4), otherWords);
        countPlace(load<u32>(place, 8), words);
        countPlace(load<u32>(place, 12), otherWords);
      }
    } else unchanged += <u32>tile;
  }
  // The rest, into the results; what was found of the tiles is added to it.
  compareFew<T>(end, count);
  const sumA = sumOfDoubles(squaresOfA);
  const sumB = sumOfDoubles(squaresOfB);
  const sumSquares = sumOfDoubles(squares);
  const sumAbsolute = sumOfDoubles(absolute);
  const least = leastSquare * <f64>end;
  const isExact = end === 0 || (sumA >= least && sumB >= least && (sumAbsolute === 0 || sumSquares >= least));
  // Of tensors that are nearly the same, what a cosine lacks of 1 is the difference: no rounding of the sums may hide it.
  const areNear = sumSquares < 0.001 * (sumA + sumB);
  addTo(0, isExact ? sumAbsolute : NaN);
  addTo(8, sumSquares);
  addTo(16, sumA);
  addTo(24, sumB);
  addTo(32, areNear ? (sumA + sumB - sumSquares) / 2 : sumOfDoubles(products));
  addTo(40, <f64>sumOfWords(changed));
  store<f64>(results, Math.min(load<f64>(results, 48), <f64>leastFloat(min)), 48);
  store<f64>(results, Math.max(load<f64>(results, 56), <f64>largestFloat(max)), 56);
  store<u32>(words, load<u32>(words) + unchanged);
}

/** Whether no F16 is infinite or NaN. */
function areFinite(from: usize, count: i32): bool {
  const sizes = v128.load(constants, 176);
  let largest = i16x8.splat(0);
  // The last few are looked at by those who take them.
  for (let at = from; at < from + ((2 * <usize>count) & ~15); at += 16)
    largest = i16x8.max_s(largest, v128.and(v128.load(at), sizes));
  return !v128.any_true(i16x8.gt_s(largest, i16x8.splat(0x7bff)));
}

/** Four values: those of BF16, and the bits of F16 moved to where F32 has them. */
function bitsAt<T>(at: usize): v128 {
  const halves = v128.load64_zero(at);
  return isSigned<T>()
    ? i32x4.shl(i32x4.extend_low_i16x8_s(halves), 13)
    : i32x4.shl(i32x4.extend_low_i16x8_u(halves), 16);
}

/** F16 without an exponent were read as 2⁻¹⁵ and half of what they are: F32 has no such numbers to wait for. */
function subnormals(read: v128): v128 {
  const least = v128.or(v128.and(read, i32x4.splat(0x80000000)), i32x4.splat(0x38000000));
  const half = f32x4.sub(read, least);
  return f32x4.add(half, half);
}

function addTo(result: usize, value: f64): void {
  store<f64>(results + result, load<f64>(results + result) + value);
}

function countPlace(place: usize, table: usize): void {
  store<u32>(place + table, load<u32>(place + table) + 1);
}

/** The sums of two lanes each. */
function doublesOf(four: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.add(four, i64x2.shuffle(four, four, 1, 1)));
}
