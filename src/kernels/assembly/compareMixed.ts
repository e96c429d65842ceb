/**
 * Compares F32 with F16 or BF16, which are made wider in registers. Squares of halves and of differences are added up
 * as F32 before they are widened, as in compareHalves.ts: a difference is an F32 that was rounded as it is, and sums of
 * millions of its squares were off by some 10⁻⁸. Those of the F32 are widened first.
 */
import { compareFew } from "./compare";
import {
  addToResult,
  countFour,
  doublesOf,
  fewest,
  leastSquare,
  productOf,
  specials,
  tile,
  tilePlaces,
} from "./compareHalves";
import {
  chunkA,
  chunkB,
  constants,
  largestFloat,
  leastFloat,
  results,
  sumOfDoubles,
  sumOfWords,
  words,
} from "./memory";

/** Bits that are read as F16 and as BF16: a loop is compiled for each. */
type HalfBits = i16;
type BrainBits = u16;

/** What compareF32 does, of F32 against F16, and so on. */
export function compareF32F16(count: i32): void {
  compareTiles<f32, HalfBits>(count);
}

export function compareF32Bf16(count: i32): void {
  compareTiles<f32, BrainBits>(count);
}

export function compareF16F32(count: i32): void {
  compareTiles<HalfBits, f32>(count);
}

export function compareBf16F32(count: i32): void {
  compareTiles<BrainBits, f32>(count);
}

function compareTiles<A, B>(count: i32): void {
  const pairs: usize = count >= fewest ? <usize>count & ~(tile - 1) : 0;
  addPairs<A, B>(pairs);
  const absolute = load<f64>(results);
  const squares = load<f64>(results, 8);
  const wide = load<f64>(results, 16);
  const halves = load<f64>(results, 24);
  const changed = load<f64>(results, 40);
  const min = load<f64>(results, 48);
  const max = load<f64>(results, 56);
  const first = pairs * sizeof<A>();
  // The rest, into the results; what was found of the tiles is added to it.
  compareFew<A, B>(first, count);
  const least = leastSquare * <f64>pairs;
  const isExact = pairs === 0 || (halves >= least && (absolute === 0 || squares >= least));
  // See compareHalves.ts.
  const areAlike = wide <= 4 * halves && halves <= 4 * wide;
  addToResult(0, isExact ? absolute : NaN);
  addToResult(8, squares);
  addToResult(16, isFloat<A>() ? wide : halves);
  addToResult(24, isFloat<A>() ? halves : wide);
  addToResult(32, areAlike || !isExact ? (wide + halves - squares) / 2 : productOf<A, B>(first));
  addToResult(40, changed);
  store<f64>(results, Math.min(load<f64>(results, 48), min), 48);
  store<f64>(results, Math.max(load<f64>(results, 56), max), 56);
}

/** Of so many pairs, into the results: the squares of the F32 come before those of the halves. */
function addPairs<A, B>(pairs: usize): void {
  let wide = isFloat<A>() ? chunkA : chunkB;
  let half = isFloat<A>() ? chunkB : chunkA;
  const bits = v128.load(constants, 128);
  const rebase = v128.load(constants, 144);
  const normal = v128.load(constants, 208);
  const special = v128.load(constants, 224);
  const mask = v128.load(constants, 80);
  const zero = f32x4.splat(0);
  let absolute = f64x2.splat(0);
  let squares = absolute;
  let squaresOfWide = absolute;
  let squaresOfHalves = absolute;
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let changed = i32x4.splat(0);
  let unchanged: u32 = 0;
  const end = half + (pairs << 1);
  while (half < end) {
    let tileAbsolute = zero;
    let tileSquares = zero;
    let tileHalves = zero;
    for (let to = tilePlaces; to < tilePlaces + 4 * tile; to += 32) {
      const halves = v128.load(half);
      let y = i16x8.shuffle(zero, halves, 0, 8, 1, 9, 2, 10, 3, 11);
      let nextY = i16x8.shuffle(zero, halves, 4, 12, 5, 13, 6, 14, 7, 15);
      if (isFloat<A>() ? isSigned<B>() : isSigned<A>()) {
        // Sign-extended and moved to where F32 has its bits.
        y = i32x4.add(v128.and(i32x4.shr_s(y, 3), bits), rebase);
        nextY = i32x4.add(v128.and(i32x4.shr_s(nextY, 3), bits), rebase);
        // Without their signs, and less the least exponent: see compareHalves.ts.
        const sizes = i16x8.sub(i16x8.add(halves, halves), normal);
        if (v128.any_true(i16x8.sub_sat_u(sizes, special))) {
          y = specials(y, rebase);
          nextY = specials(nextY, rebase);
        }
      }
      const x = v128.load(wide);
      const low = f64x2.promote_low_f32x4(x);
      const high = f64x2.promote_low_f32x4(v128.load64_zero(wide, 8));
      squaresOfWide = f64x2.add(squaresOfWide, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
      const difference = isFloat<A>() ? f32x4.sub(y, x) : f32x4.sub(x, y);
      v128.store(to, v128.and(i32x4.shr_u(difference, 14), mask));
      tileHalves = f32x4.add(tileHalves, f32x4.mul(y, y));
      tileSquares = f32x4.add(tileSquares, f32x4.mul(difference, difference));
      tileAbsolute = f32x4.add(tileAbsolute, f32x4.abs(difference));
      changed = i32x4.sub(changed, f32x4.ne(difference, zero));
      min = f32x4.pmin(min, difference);
      max = f32x4.pmax(max, difference);
      const nextX = v128.load(wide, 16);
      const nextLow = f64x2.promote_low_f32x4(nextX);
      const nextHigh = f64x2.promote_low_f32x4(v128.load64_zero(wide, 24));
      squaresOfWide = f64x2.add(
        squaresOfWide,
        f64x2.add(f64x2.mul(nextLow, nextLow), f64x2.mul(nextHigh, nextHigh)),
      );
      const next = isFloat<A>() ? f32x4.sub(nextY, nextX) : f32x4.sub(nextX, nextY);
      v128.store(to, v128.and(i32x4.shr_u(next, 14), mask), 16);
      tileHalves = f32x4.add(tileHalves, f32x4.mul(nextY, nextY));
      tileSquares = f32x4.add(tileSquares, f32x4.mul(next, next));
      tileAbsolute = f32x4.add(tileAbsolute, f32x4.abs(next));
      changed = i32x4.sub(changed, f32x4.ne(next, zero));
      min = f32x4.pmin(min, next);
      max = f32x4.pmax(max, next);
      half += 16;
      wide += 32;
    }
    squaresOfHalves = f64x2.add(squaresOfHalves, doublesOf(tileHalves));
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
  store<f64>(results, sumOfDoubles(absolute));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, sumOfDoubles(squaresOfWide), 16);
  store<f64>(results, sumOfDoubles(squaresOfHalves), 24);
  store<f64>(results, <f64>sumOfWords(changed), 40);
  store<f64>(results, <f64>leastFloat(min), 48);
  store<f64>(results, <f64>largestFloat(max), 56);
  store<u32>(words, load<u32>(words) + unchanged);
}
