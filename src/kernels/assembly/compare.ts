/** Compares the values of two chunks, pair by pair. */
import { floatsAt, floatsOrNans } from "./floats";
import {
  chunkA,
  chunkB,
  codesOut,
  constants,
  countDouble,
  countPlace,
  countWord,
  doubles,
  largestDouble,
  largestFloat,
  leastDouble,
  leastFloat,
  results,
  sumOfDoubles,
  sumOfLongs,
  sumOfWords,
  words,
} from "./memory";

/** Bits that are read as F16 and as BF16: a loop is compiled for each. */
type HalfBits = i16;
type BrainBits = u16;

/**
 * Sums over pairs of F32: |b - a|, (b - a)², a², b², a·b, changed pairs, least and largest difference. Counts the
 * upper halves of the differences. A value that is not finite makes a sum not finite, and no more is told then.
 */
export function compareF32(count: i32): void {
  compareFew<f32, f32>(0, count);
}

/**
 * The same of the pairs from one on, each widened before it is added: of halves, few are left to this.
 * @param first in bytes of `A`.
 */
export function compareFew<A, B>(first: usize, count: i32): void {
  let absolute = f64x2.splat(0);
  let squares = f64x2.splat(0);
  let squaresOfA = f64x2.splat(0);
  let squaresOfB = f64x2.splat(0);
  let products = f64x2.splat(0);
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let changed = i32x4.splat(0);
  let unchanged: u32 = 0;
  const mask = v128.load(constants, 80);
  const end: usize = <usize>(count & ~3) * sizeof<A>();
  let at = first;
  while (at < end) {
    const atB = placeOfB<A, B>(at);
    const x = isFloat<A>() ? v128.load(at, chunkA) : floatsAt<A>(chunkA + at);
    const y = isFloat<B>() ? v128.load(atB, chunkB) : floatsAt<B>(chunkB + atB);
    const xLow = f64x2.promote_low_f32x4(x);
    const xHigh = f64x2.promote_low_f32x4(
      isFloat<A>() ? v128.load64_zero(at, chunkA + 8) : i64x2.shuffle(x, x, 1, 1),
    );
    squaresOfA = f64x2.add(squaresOfA, f64x2.add(f64x2.mul(xLow, xLow), f64x2.mul(xHigh, xHigh)));
    const yLow = f64x2.promote_low_f32x4(y);
    const yHigh = f64x2.promote_low_f32x4(
      isFloat<B>() ? v128.load64_zero(atB, chunkB + 8) : i64x2.shuffle(y, y, 1, 1),
    );
    squaresOfB = f64x2.add(squaresOfB, f64x2.add(f64x2.mul(yLow, yLow), f64x2.mul(yHigh, yHigh)));
    products = f64x2.add(products, f64x2.add(f64x2.mul(xLow, yLow), f64x2.mul(xHigh, yHigh)));
    const difference = f32x4.sub(y, x);
    const isChanged = f32x4.ne(difference, f32x4.splat(0));
    min = f32x4.pmin(min, difference);
    max = f32x4.pmax(max, difference);
    if (v128.any_true(isChanged)) {
      changed = i32x4.sub(changed, isChanged);
      const size = f32x4.abs(difference);
      const low = f64x2.promote_low_f32x4(size);
      const high = f64x2.promote_low_f32x4(i64x2.shuffle(size, size, 1, 1));
      absolute = f64x2.add(absolute, f64x2.add(low, high));
      squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
      v128.store(0, v128.and(i32x4.shr_u(difference, 14), mask), codesOut);
      countPlace(load<u32>(0, codesOut));
      countPlace(load<u32>(0, codesOut + 4));
      countPlace(load<u32>(0, codesOut + 8));
      countPlace(load<u32>(0, codesOut + 12));
    } else unchanged += 4;
    at += 4 * sizeof<A>();
  }
  let sumAbsolute = sumOfDoubles(absolute);
  let sumSquares = sumOfDoubles(squares);
  let sumA = sumOfDoubles(squaresOfA);
  let sumB = sumOfDoubles(squaresOfB);
  let sumProducts = sumOfDoubles(products);
  let sumChanged = sumOfWords(changed);
  let least = leastFloat(min);
  let largest = largestFloat(max);
  const last: usize = <usize>count * sizeof<A>();
  while (at < last) {
    const x = f32x4.extract_lane(floatsAt<A>(chunkA + at), 0);
    const y = f32x4.extract_lane(floatsAt<B>(chunkB + placeOfB<A, B>(at)), 0);
    const difference = y - x;
    sumA += <f64>x * <f64>x;
    sumB += <f64>y * <f64>y;
    sumProducts += <f64>x * <f64>y;
    sumAbsolute += <f64>Mathf.abs(difference);
    sumSquares += <f64>difference * <f64>difference;
    if (difference !== 0) sumChanged++;
    least = Mathf.min(least, difference);
    largest = Mathf.max(largest, difference);
    countWord(reinterpret<u32>(difference) >> 16);
    at += sizeof<A>();
  }
  store<u32>(words, load<u32>(words) + unchanged);
  store<f64>(results, sumAbsolute);
  store<f64>(results, sumSquares, 8);
  store<f64>(results, sumA, 16);
  store<f64>(results, sumB, 24);
  store<f64>(results, sumProducts, 32);
  store<f64>(results, <f64>sumChanged, 40);
  store<f64>(results, <f64>least, 48);
  store<f64>(results, <f64>largest, 56);
}

/** Of a place in bytes of the first side, the one in bytes of the second. */
export function placeOfB<A, B>(place: usize): usize {
  if (sizeof<A>() === sizeof<B>()) return place;
  return sizeof<A>() > sizeof<B>() ? place >> 1 : place << 1;
}

/** The same of the pairs of F32 that are finite, with how many they are, and how many of the others differ. */
export function compareFiniteF32(count: i32): void {
  for (let at: usize = <usize>count * 4; at & 15; at += 4) {
    store<u32>(chunkA + at, 0x7fc00000);
    store<u32>(chunkB + at, 0x7fc00000);
  }
  compareFinite<f32>(count);
}

export function compareFiniteBf16(count: i32): void {
  endWithNans(count, 0x7fc0);
  compareFinite<BrainBits>(count);
}

export function compareFiniteF16(count: i32): void {
  endWithNans(count, 0x7e00);
  compareFinite<HalfBits>(count);
}

/** Fills the last four up: NaNs on both sides are no difference. */
function endWithNans(count: i32, nan: u16): void {
  for (let at: usize = <usize>count * 2; at & 7; at += 2) {
    store<u16>(chunkA + at, nan);
    store<u16>(chunkB + at, nan);
  }
}

/** Counts no codes: comparePairs came first. */
function compareFinite<T>(count: i32): void {
  const zero = f32x4.splat(0);
  let absolute = f64x2.splat(0);
  let squares = f64x2.splat(0);
  let squaresOfA = f64x2.splat(0);
  let squaresOfB = f64x2.splat(0);
  let products = f64x2.splat(0);
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let changed = i32x4.splat(0);
  let compared = i32x4.splat(0);
  let mismatches = i32x4.splat(0);
  const end: usize = <usize>((count + 3) & ~3) * sizeof<T>();
  for (let at: usize = 0; at < end; at += 4 * sizeof<T>()) {
    const a = floatsOrNans<T>(chunkA + at);
    const b = floatsOrNans<T>(chunkB + at);
    const areFinite = v128.and(f32x4.eq(f32x4.sub(a, a), zero), f32x4.eq(f32x4.sub(b, b), zero));
    const areSame = v128.or(f32x4.eq(a, b), v128.and(f32x4.ne(a, a), f32x4.ne(b, b)));
    compared = i32x4.sub(compared, areFinite);
    mismatches = i32x4.sub(mismatches, v128.not(v128.or(areFinite, areSame)));
    const x = v128.and(a, areFinite);
    const y = v128.and(b, areFinite);
    const difference = f32x4.sub(y, x);
    changed = i32x4.sub(changed, f32x4.ne(difference, zero));
    min = f32x4.pmin(min, v128.bitselect(difference, f32x4.splat(Infinity), areFinite));
    max = f32x4.pmax(max, v128.bitselect(difference, f32x4.splat(-Infinity), areFinite));
    const xLow = f64x2.promote_low_f32x4(x);
    const xHigh = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
    squaresOfA = f64x2.add(squaresOfA, f64x2.add(f64x2.mul(xLow, xLow), f64x2.mul(xHigh, xHigh)));
    const yLow = f64x2.promote_low_f32x4(y);
    const yHigh = f64x2.promote_low_f32x4(i64x2.shuffle(y, y, 1, 1));
    squaresOfB = f64x2.add(squaresOfB, f64x2.add(f64x2.mul(yLow, yLow), f64x2.mul(yHigh, yHigh)));
    products = f64x2.add(products, f64x2.add(f64x2.mul(xLow, yLow), f64x2.mul(xHigh, yHigh)));
    const size = f32x4.abs(difference);
    const low = f64x2.promote_low_f32x4(size);
    const high = f64x2.promote_low_f32x4(i64x2.shuffle(size, size, 1, 1));
    absolute = f64x2.add(absolute, f64x2.add(low, high));
    squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
  }
  const differing = sumOfWords(mismatches);
  store<f64>(results, sumOfDoubles(absolute));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, sumOfDoubles(squaresOfA), 16);
  store<f64>(results, sumOfDoubles(squaresOfB), 24);
  store<f64>(results, sumOfDoubles(products), 32);
  store<f64>(results, <f64>(sumOfWords(changed) + differing), 40);
  store<f64>(results, <f64>leastFloat(min), 48);
  store<f64>(results, <f64>largestFloat(max), 56);
  store<f64>(results, <f64>sumOfWords(compared), 64);
  store<f64>(results, <f64>differing, 72);
}

/** What compareF32 does of F64, whose differences are counted by their upper 20 bits. */
export function compareF64(count: i32): void {
  const zero = f64x2.splat(0);
  let absolute = zero;
  let squares = zero;
  let squaresOfA = zero;
  let squaresOfB = zero;
  let products = zero;
  let min = f64x2.splat(Infinity);
  let max = f64x2.splat(-Infinity);
  let changed = i64x2.splat(0);
  let unchanged: u32 = 0;
  const last: usize = (<usize>count) << 3;
  for (let at: usize = 0; at < last; at += 16) {
    const isPair = at + 8 < last;
    // The second lane of an odd count's last compares 0 with 0.
    const x = isPair ? v128.load(chunkA + at) : v128.load64_zero(chunkA + at);
    const y = isPair ? v128.load(chunkB + at) : v128.load64_zero(chunkB + at);
    squaresOfA = f64x2.add(squaresOfA, f64x2.mul(x, x));
    squaresOfB = f64x2.add(squaresOfB, f64x2.mul(y, y));
    products = f64x2.add(products, f64x2.mul(x, y));
    const difference = f64x2.sub(y, x);
    const isChanged = f64x2.ne(difference, zero);
    // Nothing is told of the lane that is not there.
    min = f64x2.pmin(min, isPair ? difference : f64x2.replace_lane(difference, 1, Infinity));
    max = f64x2.pmax(max, isPair ? difference : f64x2.replace_lane(difference, 1, -Infinity));
    if (v128.any_true(isChanged)) {
      changed = i64x2.sub(changed, isChanged);
      absolute = f64x2.add(absolute, f64x2.abs(difference));
      squares = f64x2.add(squares, f64x2.mul(difference, difference));
      countDouble(<u32>(i64x2.extract_lane(difference, 0) >>> 44));
      if (isPair) countDouble(<u32>(i64x2.extract_lane(difference, 1) >>> 44));
    } else unchanged += isPair ? 2 : 1;
  }
  store<u32>(doubles, load<u32>(doubles) + unchanged);
  store<f64>(results, sumOfDoubles(absolute));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, sumOfDoubles(squaresOfA), 16);
  store<f64>(results, sumOfDoubles(squaresOfB), 24);
  store<f64>(results, sumOfDoubles(products), 32);
  store<f64>(results, <f64>sumOfLongs(changed), 40);
  store<f64>(results, leastDouble(min), 48);
  store<f64>(results, largestDouble(max), 56);
}
