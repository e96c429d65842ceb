/** Compares the values of two chunks, pair by pair. */
import {
  chunkA,
  chunkB,
  countWord,
  largestFloat,
  leastFloat,
  results,
  sumOfDoubles,
  sumOfWords,
  tileA,
  tileB,
  tileValues,
  words,
} from "./memory";

/** Sets the sums of a comparison to those of no pair. */
function clearSums(): void {
  for (let at: usize = 0; at < 56; at += 8) store<f64>(results + at, 0);
  store<f64>(results, Infinity, 56);
  store<f64>(results, -Infinity, 64);
}

/**
 * Sums over pairs of F32: |b - a|, (b - a)², a², b², a·b, changed pairs, least and largest difference. Counts the
 * upper halves of the differences. A value that is not finite makes a sum not finite, and no more is told then.
 */
export function compareF32(count: i32): void {
  clearSums();
  addPairs(chunkA, chunkB, count);
}

export function compareBf16(count: i32): void {
  compareHalves(count, true);
}

export function compareF16(count: i32): void {
  compareHalves(count, false);
}

/** Tile by tile, so that what was widened is still in the cache. */
function compareHalves(count: i32, areBf16: bool): void {
  clearSums();
  for (let done: i32 = 0; done < count; done += tileValues) {
    const some = count - done < tileValues ? count - done : tileValues;
    const offset: usize = (<usize>done) << 1;
    if (areBf16) {
      widenBf16(chunkA + offset, tileA, some);
      widenBf16(chunkB + offset, tileB, some);
    } else {
      widenF16(chunkA + offset, tileA, some);
      widenF16(chunkB + offset, tileB, some);
    }
    addPairs(tileA, tileB, some);
  }
}

/** Reads up to 7 values too many, and writes as many. */
function widenBf16(from: usize, to: usize, count: i32): void {
  for (let done: i32 = 0; done < count; done += 8) {
    const eight = v128.load(from + ((<usize>done) << 1));
    const zero = i64x2.splat(0);
    v128.store(to + ((<usize>done) << 2), i16x8.shuffle(zero, eight, 0, 8, 0, 9, 0, 10, 0, 11));
    v128.store(to + ((<usize>done) << 2), i16x8.shuffle(zero, eight, 0, 12, 0, 13, 0, 14, 0, 15), 16);
  }
}

function widenF16(from: usize, to: usize, count: i32): void {
  for (let done: i32 = 0; done < count; done += 4) {
    v128.store(to + ((<usize>done) << 2), floatsOfHalves(v128.load64_zero(from + ((<usize>done) << 1))));
  }
}

/** The exponent is put right by a product with 2¹¹², which is exact for subnormals as well; infinities and NaN by their bits. */
function floatsOfHalves(halves: v128): v128 {
  const wide = i32x4.extend_low_i16x8_u(halves);
  const magnitude = v128.and(wide, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.and(wide, i32x4.splat(0x8000)), 16);
  const scaled = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.splat(reinterpret<f32>(0x77800000)));
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
  return v128.or(v128.or(scaled, special), sign);
}

function addPairs(a: usize, b: usize, count: i32): void {
  let absolute = f64x2.splat(0);
  let squares = f64x2.splat(0);
  let squaresOfA = f64x2.splat(0);
  let squaresOfB = f64x2.splat(0);
  let products = f64x2.splat(0);
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let changed = i32x4.splat(0);
  let unchanged: u32 = 0;
  const end: usize = (<usize>(count & ~3)) << 2;
  let at: usize = 0;
  while (at < end) {
    const x = v128.load(a + at);
    const y = v128.load(b + at);
    const xLow = f64x2.promote_low_f32x4(x);
    const xHigh = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
    squaresOfA = f64x2.add(squaresOfA, f64x2.add(f64x2.mul(xLow, xLow), f64x2.mul(xHigh, xHigh)));
    const yLow = f64x2.promote_low_f32x4(y);
    const yHigh = f64x2.promote_low_f32x4(i64x2.shuffle(y, y, 1, 1));
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
      const codes = i32x4.shr_u(difference, 16);
      countWord(i32x4.extract_lane(codes, 0));
      countWord(i32x4.extract_lane(codes, 1));
      countWord(i32x4.extract_lane(codes, 2));
      countWord(i32x4.extract_lane(codes, 3));
    } else unchanged += 4;
    at += 16;
  }
  let sumAbsolute = sumOfDoubles(absolute);
  let sumSquares = sumOfDoubles(squares);
  let sumA = sumOfDoubles(squaresOfA);
  let sumB = sumOfDoubles(squaresOfB);
  let sumProducts = sumOfDoubles(products);
  let sumChanged = sumOfWords(changed);
  let least = leastFloat(min);
  let largest = largestFloat(max);
  const last: usize = (<usize>count) << 2;
  while (at < last) {
    const x = load<f32>(a + at);
    const y = load<f32>(b + at);
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
    at += 4;
  }
  store<u32>(words, load<u32>(words) + unchanged);
  addTo(0, sumAbsolute);
  addTo(8, sumSquares);
  addTo(16, sumA);
  addTo(24, sumB);
  addTo(32, sumProducts);
  addTo(40, <f64>sumChanged);
  store<f64>(results, Math.min(load<f64>(results, 56), <f64>least), 56);
  store<f64>(results, Math.max(load<f64>(results, 64), <f64>largest), 64);
}

function addTo(offset: usize, value: f64): void {
  store<f64>(results + offset, load<f64>(results + offset) + value);
}
