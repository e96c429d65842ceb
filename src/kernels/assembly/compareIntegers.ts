/** Compares integers, pair by pair: their sums are exact where a double holds them. */
import {
  chunkA,
  chunkB,
  codesOut,
  constants,
  countDouble,
  doubles,
  largestDouble,
  leastDouble,
  results,
  sumOfDoubles,
  sumOfLongs,
  sumOfWords,
} from "./memory";

/** Counts of differences of 16-bit integers, 32 bits each, by the upper 17 bits of the difference as F32. */
const shorts: usize = 0xd40000;
/** Those of 1 and of 65,536. */
const firstShort: usize = 127 << 8;
const endOfShorts: usize = 143 << 8;
/** What the exponent of an F64 is more than that of an F32. */
const rebase: usize = 896 << 8;

/** What compareF64 does, of 16-bit integers; all sums are exact. */
export function compareI16(count: i32): void {
  compareShorts<i16>(count);
}

export function compareU16(count: i32): void {
  compareShorts<u16>(count);
}

/** Puts the counted differences of 16-bit integers to those of F64. */
export function foldShorts(): void {
  store<u32>(doubles, load<u32>(doubles) + load<u32>(shorts));
  store<u32>(shorts, 0);
  for (let code = firstShort; code < endOfShorts; code++) {
    foldShort(code, code + rebase);
    foldShort(code + 0x10000, code + rebase + 0x80000);
  }
}

function foldShort(code: usize, wide: usize): void {
  const found = load<u32>(code << 2, shorts);
  if (found === 0) return;
  store<u32>(wide << 2, load<u32>(wide << 2, doubles) + found, doubles);
  store<u32>(code << 2, 0, shorts);
}

/**
 * Products are added up in pairs, of which the upper and lower halves have sums of their own: a chunk has not so many that
 * one runs over. Those without a sign are taken 32,768 lower, as the instruction wants it.
 */
function compareShorts<T>(count: i32): void {
  const lower = i32x4.splat(0xffff);
  const ones = v128.load(constants, 64);
  const sign = i16x8.splat(-32768);
  const mask = i32x4.splat(0x7fffc);
  const bias = i32x4.splat(<i32>productBias);
  let lowOfA = i32x4.splat(0);
  let highOfA = lowOfA;
  let lowOfB = lowOfA;
  let highOfB = lowOfA;
  let lowOfProducts = lowOfA;
  let highOfProducts = lowOfA;
  let sumsOfA = lowOfA;
  let sumsOfB = lowOfA;
  let absolute = lowOfA;
  let same = lowOfA;
  let leasts = i32x4.splat(i32.MAX_VALUE);
  let largests = i32x4.splat(i32.MIN_VALUE);
  let unchanged: u32 = 0;
  const end: usize = (<usize>(count & ~7)) << 1;
  for (let at: usize = 0; at < end; at += 16) {
    let a = v128.load(at, chunkA);
    let b = v128.load(at, chunkB);
    if (!isSigned<T>()) {
      a = v128.xor(a, sign);
      b = v128.xor(b, sign);
      sumsOfA = i32x4.add(sumsOfA, i32x4.dot_i16x8_s(a, ones));
      sumsOfB = i32x4.add(sumsOfB, i32x4.dot_i16x8_s(b, ones));
    }
    const squaresOfA = i32x4.dot_i16x8_s(a, a);
    lowOfA = i32x4.add(lowOfA, v128.and(squaresOfA, lower));
    highOfA = i32x4.add(highOfA, i32x4.shr_u(squaresOfA, 16));
    const squaresOfB = i32x4.dot_i16x8_s(b, b);
    lowOfB = i32x4.add(lowOfB, v128.and(squaresOfB, lower));
    highOfB = i32x4.add(highOfB, i32x4.shr_u(squaresOfB, 16));
    const products = i32x4.add(i32x4.dot_i16x8_s(a, b), bias);
    lowOfProducts = i32x4.add(lowOfProducts, v128.and(products, lower));
    highOfProducts = i32x4.add(highOfProducts, i32x4.shr_u(products, 16));
    if (!v128.any_true(v128.xor(a, b))) {
      unchanged += 8;
      continue;
    }
    same = i16x8.sub(same, i16x8.eq(a, b));
    const first = i32x4.sub(i32x4.extend_low_i16x8_s(b), i32x4.extend_low_i16x8_s(a));
    const second = i32x4.sub(i32x4.extend_high_i16x8_s(b), i32x4.extend_high_i16x8_s(a));
    absolute = i32x4.add(absolute, i32x4.add(i32x4.abs(first), i32x4.abs(second)));
    leasts = i32x4.min_s(leasts, i32x4.min_s(first, second));
    largests = i32x4.max_s(largests, i32x4.max_s(first, second));
    v128.store(0, v128.and(i32x4.shr_u(f32x4.convert_i32x4_s(first), 13), mask), codesOut);
    v128.store(0, v128.and(i32x4.shr_u(f32x4.convert_i32x4_s(second), 13), mask), codesOut + 16);
    for (let place: usize = 0; place < 32; place += 16) {
      countShort(load<u32>(place, codesOut));
      countShort(load<u32>(place, codesOut + 4));
      countShort(load<u32>(place, codesOut + 8));
      countShort(load<u32>(place, codesOut + 12));
    }
  }
  const vectors = <i64>(count >> 3);
  let sumOfA = wideSum(lowOfA) + (wideSum(highOfA) << 16);
  let sumOfB = wideSum(lowOfB) + (wideSum(highOfB) << 16);
  let sumOfProducts = wideSum(lowOfProducts) + (wideSum(highOfProducts) << 16) - vectors * (productBias << 2);
  if (!isSigned<T>()) {
    const sumA = signedSum(sumsOfA);
    const sumB = signedSum(sumsOfB);
    const squares = vectors << 33;
    sumOfA += (sumA << 16) + squares;
    sumOfB += (sumB << 16) + squares;
    sumOfProducts += ((sumA + sumB) << 15) + squares;
  }
  let sumOfSizes = wideSum(absolute);
  let changed = count & ~7;
  changed -= <i32>unchanged + sumOfHalves(same);
  let least = leastWord(leasts);
  let largest = largestWord(largests);
  if (unchanged > 0) {
    least = min(least, 0);
    largest = max(largest, 0);
  }
  const last: usize = (<usize>count) << 1;
  for (let at = end; at < last; at += 2) {
    const x = <i32>load<T>(at, chunkA);
    const y = <i32>load<T>(at, chunkB);
    const difference = y - x;
    sumOfA += <i64>x * <i64>x;
    sumOfB += <i64>y * <i64>y;
    sumOfProducts += <i64>x * <i64>y;
    sumOfSizes += <i64>abs(difference);
    if (difference !== 0) changed++;
    if (difference < least) least = difference;
    if (difference > largest) largest = difference;
    countShort((<usize>reinterpret<u32>(<f32>difference) >> 13) & 0x7fffc);
  }
  store<u32>(shorts, load<u32>(shorts) + unchanged);
  store<f64>(results, <f64>sumOfSizes);
  store<f64>(results, <f64>(sumOfA + sumOfB - (sumOfProducts << 1)), 8);
  store<f64>(results, <f64>sumOfA, 16);
  store<f64>(results, <f64>sumOfB, 24);
  store<f64>(results, <f64>sumOfProducts, 32);
  store<f64>(results, <f64>changed, 40);
  store<f64>(results, <f64>least, 48);
  store<f64>(results, <f64>largest, 56);
}

/** Makes the sum of two products, of which the least is that less than 0 and the largest 2³¹, one that fits without a sign. */
const productBias: i64 = 0x7fff0000;

function countShort(place: usize): void {
  store<u32>(place, load<u32>(place, shorts) + 1, shorts);
}

/** Of lanes without a sign. */
function wideSum(lanes: v128): i64 {
  return sumOfLongs(i64x2.add(i64x2.extend_low_i32x4_u(lanes), i64x2.extend_high_i32x4_u(lanes)));
}

function signedSum(lanes: v128): i64 {
  return sumOfLongs(i64x2.add(i64x2.extend_low_i32x4_s(lanes), i64x2.extend_high_i32x4_s(lanes)));
}

function sumOfHalves(lanes: v128): i32 {
  return sumOfWords(i32x4.extadd_pairwise_i16x8_s(lanes));
}

function leastWord(lanes: v128): i32 {
  const pair = i32x4.min_s(lanes, i64x2.shuffle(lanes, lanes, 1, 1));
  return min(i32x4.extract_lane(pair, 0), i32x4.extract_lane(pair, 1));
}

function largestWord(lanes: v128): i32 {
  const pair = i32x4.max_s(lanes, i64x2.shuffle(lanes, lanes, 1, 1));
  return max(i32x4.extract_lane(pair, 0), i32x4.extract_lane(pair, 1));
}

/**
 * What compareF64 does, of 64-bit integers. Differences are made of halves of 32 bits and rounded once: of the
 * doubles themselves, neighbours beyond 2⁵³ would be equal.
 */
export function compareLongs(count: i32, isSignedA: i32, isSignedB: i32): void {
  const lower = v128.load(constants, 240);
  const low = v128.load(constants, 256);
  const highOfA = i64x2.splat(isSignedA ? signedHigh : unsignedHigh);
  const highOfB = i64x2.splat(isSignedB ? signedHigh : unsignedHigh);
  const basesOfA = f64x2.splat(isSignedA ? signedBase : unsignedBase);
  const basesOfB = f64x2.splat(isSignedB ? signedBase : unsignedBase);
  const betweenBases = f64x2.splat((isSignedA ? twoTo63 : 0) - (isSignedB ? twoTo63 : 0));
  const zero = f64x2.splat(0);
  let absolute = zero;
  let squares = zero;
  let squaresOfA = zero;
  let squaresOfB = zero;
  let products = zero;
  let least = f64x2.splat(Infinity);
  let largest = f64x2.splat(-Infinity);
  let changed = i64x2.splat(0);
  let unchanged: u32 = 0;
  const last: usize = (<usize>(count & ~1)) << 3;
  for (let at: usize = 0; at < last; at += 16) {
    const a = v128.load(at, chunkA);
    const b = v128.load(at, chunkB);
    const upperOfA = v128.xor(i64x2.shr_u(a, 32), highOfA);
    const upperOfB = v128.xor(i64x2.shr_u(b, 32), highOfB);
    const lowerOfA = v128.or(v128.and(a, lower), low);
    const lowerOfB = v128.or(v128.and(b, lower), low);
    const x = f64x2.add(f64x2.sub(upperOfA, basesOfA), lowerOfA);
    const y = f64x2.add(f64x2.sub(upperOfB, basesOfB), lowerOfB);
    squaresOfA = f64x2.add(squaresOfA, f64x2.mul(x, x));
    squaresOfB = f64x2.add(squaresOfB, f64x2.mul(y, y));
    products = f64x2.add(products, f64x2.mul(x, y));
    const upper = f64x2.add(f64x2.sub(upperOfB, upperOfA), betweenBases);
    const difference = f64x2.add(upper, f64x2.sub(lowerOfB, lowerOfA));
    const isChanged = f64x2.ne(difference, zero);
    if (!v128.any_true(isChanged)) {
      unchanged += 2;
      continue;
    }
    changed = i64x2.sub(changed, isChanged);
    absolute = f64x2.add(absolute, f64x2.abs(difference));
    squares = f64x2.add(squares, f64x2.mul(difference, difference));
    least = f64x2.pmin(least, difference);
    largest = f64x2.pmax(largest, difference);
    countDouble(<u32>(i64x2.extract_lane(difference, 0) >>> 44));
    countDouble(<u32>(i64x2.extract_lane(difference, 1) >>> 44));
  }
  let sumOfSizes = sumOfDoubles(absolute);
  let sumOfSquares = sumOfDoubles(squares);
  let sumOfA = sumOfDoubles(squaresOfA);
  let sumOfB = sumOfDoubles(squaresOfB);
  let sumOfProducts = sumOfDoubles(products);
  let sumOfChanged = sumOfLongs(changed);
  let min = leastDouble(least);
  let max = largestDouble(largest);
  if (unchanged > 0) {
    min = Math.min(min, 0);
    max = Math.max(max, 0);
  }
  if ((count & 1) !== 0) {
    const x = isSignedA ? <f64>load<i64>(last, chunkA) : <f64>load<u64>(last, chunkA);
    const y = isSignedB ? <f64>load<i64>(last, chunkB) : <f64>load<u64>(last, chunkB);
    const upperOfA = isSignedA ? <f64>load<i32>(last, chunkA + 4) : <f64>load<u32>(last, chunkA + 4);
    const upperOfB = isSignedB ? <f64>load<i32>(last, chunkB + 4) : <f64>load<u32>(last, chunkB + 4);
    const lowerDifference = <f64>load<u32>(last, chunkB) - <f64>load<u32>(last, chunkA);
    const difference = (upperOfB - upperOfA) * 4294967296.0 + lowerDifference;
    sumOfSizes += Math.abs(difference);
    sumOfSquares += difference * difference;
    sumOfA += x * x;
    sumOfB += y * y;
    sumOfProducts += x * y;
    if (difference !== 0) sumOfChanged++;
    min = Math.min(min, difference);
    max = Math.max(max, difference);
    countDouble(<u32>(reinterpret<u64>(difference) >>> 44));
  }
  store<u32>(doubles, load<u32>(doubles) + unchanged);
  store<f64>(results, sumOfSizes);
  store<f64>(results, sumOfSquares, 8);
  store<f64>(results, sumOfA, 16);
  store<f64>(results, sumOfB, 24);
  store<f64>(results, sumOfProducts, 32);
  store<f64>(results, <f64>sumOfChanged, 40);
  store<f64>(results, min, 48);
  store<f64>(results, max, 56);
}

/** The upper halves of 64-bit integers as the mantissa of 2⁸⁴, the lower ones as that of 2⁵²; signed ones are 2⁶³ higher. */
export const signedHigh: i64 = 0x4530000080000000;
export const unsignedHigh: i64 = 0x4530000000000000;
const twoTo63: f64 = reinterpret<f64>(0x43e0000000000000);
/** 2⁸⁴ + 2⁵², and with 2⁶³. */
export const unsignedBase: f64 = reinterpret<f64>(0x4530000000100000);
export const signedBase: f64 = reinterpret<f64>(0x4530000080100000);
