/** Measures one chunk: counts of codes, sums, least and largest. */
import {
  bytes,
  chunkA,
  chunkB,
  codesOut,
  countsOut,
  countWord,
  doubles,
  largestFloat,
  leastFloat,
  otherWords,
  results,
  sumOfDoubles,
  sumOfWords,
  words,
} from "./memory";

export function countBytes(length: i32): void {
  let at = chunkA;
  const end: usize = chunkA + (length & ~7);
  while (at < end) {
    if (load<u64>(at) === 0) {
      store<u32>(bytes, load<u32>(bytes) + 8);
      at += 8;
      continue;
    }
    countByte(<u32>load<u8>(at), 0);
    countByte(<u32>load<u8>(at, 1), 0x400);
    countByte(<u32>load<u8>(at, 2), 0x800);
    countByte(<u32>load<u8>(at, 3), 0xc00);
    countByte(<u32>load<u8>(at, 4), 0);
    countByte(<u32>load<u8>(at, 5), 0x400);
    countByte(<u32>load<u8>(at, 6), 0x800);
    countByte(<u32>load<u8>(at, 7), 0xc00);
    at += 8;
  }
  const last: usize = chunkA + length;
  while (at < last) {
    countByte(<u32>load<u8>(at), 0);
    at++;
  }
}

function countByte(code: u32, table: usize): void {
  const at: usize = ((<usize>code) << 2) + table;
  store<u32>(at, load<u32>(at, bytes) + 1, bytes);
}

/**
 * Blocks of 16 or 8 bytes: the byte of a block's scale comes first, or lies in the other chunk where they are `apart`, as
 * those of blocks of 8 bytes do.
 */
export function countPairs(blocks: i32, apart: i32, bytesOfBlock: i32): void {
  let at: usize = apart ? chunkA : chunkA + 1;
  let scale: usize = apart ? chunkB : chunkA;
  const blockBytes: usize = apart ? <usize>bytesOfBlock : 17;
  const scaleBytes: usize = apart ? 1 : 17;
  for (let left = blocks; left > 0; left--) {
    const row: usize = (<usize>load<u8>(scale)) << 10;
    countFour(row, load<u32>(at));
    countFour(row, load<u32>(at, 4));
    if (bytesOfBlock === 16) {
      countFour(row, load<u32>(at, 8));
      countFour(row, load<u32>(at, 12));
    }
    at += blockBytes;
    scale += scaleBytes;
  }
}

function countFour(row: usize, four: u32): void {
  countPair(row + ((four << 2) & 0x3fc));
  countPair(row + ((four >> 6) & 0x3fc));
  countPair(row + ((four >> 14) & 0x3fc));
  countPair(row + ((four >> 22) & 0x3fc));
}

function countPair(place: usize): void {
  store<u32>(place, load<u32>(place, doubles) + 1, doubles);
}

/** Puts the four tables of bytes together in the first. */
export function foldBytes(): void {
  for (let at: usize = bytes; at < bytes + 0x400; at += 16) {
    const a = i32x4.add(v128.load(at), v128.load(at, 0x400));
    const b = i32x4.add(v128.load(at, 0x800), v128.load(at, 0xc00));
    v128.store(at, i32x4.add(a, b));
    v128.store(at, i64x2.splat(0), 0x400);
    v128.store(at, i64x2.splat(0), 0x800);
    v128.store(at, i64x2.splat(0), 0xc00);
  }
}

/** Puts the two tables of 16-bit codes together in the first. */
export function foldWords(): void {
  for (let at: usize = 0; at < 0x40000; at += 16) {
    const counted = v128.load(at, otherWords);
    if (!v128.any_true(counted)) continue;
    v128.store(at, i32x4.add(v128.load(at, words), counted), words);
    v128.store(at, i64x2.splat(0), otherWords);
  }
}

/**
 * Two places of the chunk in turns: neighbours are often the same code, and adding to a counter waits for the addition
 * just before it.
 */
export function countWords(length: i32): void {
  const half: usize = (<usize>length >> 1) & ~(block - 1);
  let at = chunkA;
  const middle: usize = chunkA + half;
  while (at < middle) {
    // Sparse files and pruned weights: all of them would wait for the one counter.
    if (isZero(at) && isZero(at + half)) {
      store<u32>(words, load<u32>(words) + <u32>block);
      at += block;
    } else {
      const next: usize = at + block;
      let other: usize = at + half;
      while (at < next) {
        countWord(<u32>load<u16>(at));
        countWord(<u32>load<u16>(other));
        countWord(<u32>load<u16>(at, 2));
        countWord(<u32>load<u16>(other, 2));
        countWord(<u32>load<u16>(at, 4));
        countWord(<u32>load<u16>(other, 4));
        countWord(<u32>load<u16>(at, 6));
        countWord(<u32>load<u16>(other, 6));
        at += 8;
        other += 8;
      }
    }
  }
  at += half;
  const last: usize = chunkA + length;
  while (at < last) {
    countWord(<u32>load<u16>(at));
    at += 2;
  }
}

/** Bytes that are looked at for nothing but zeros, before they are counted. */
const block: usize = 1024;

function isZero(start: usize): bool {
  let at = start;
  while (at < start + block) {
    if (v128.any_true(v128.load(at))) return false;
    at += 16;
  }
  return true;
}

/** Lists the codes of a table that were counted, empties it, and returns how many they are. */
export function takeTable(table: usize, size: i32): i32 {
  let found: usize = 0;
  for (let code: i32 = 0; code < size; code += 4) {
    const at: usize = table + ((<usize>code) << 2);
    const four = v128.load(at);
    if (!v128.any_true(four)) continue;
    for (let lane: i32 = 0; lane < 4; lane++) {
      const count = load<u32>(at + ((<usize>lane) << 2));
      if (count === 0) continue;
      store<u32>(codesOut + (found << 2), <u32>(code + lane));
      store<u32>(countsOut + (found << 2), count);
      found++;
    }
    v128.store(at, i64x2.splat(0));
  }
  return <i32>found;
}

/**
 * Sum, sum of squares, least and largest of F32 values, in doubles, which no square of an F32 leaves; counts their
 * upper halves. A value that is not finite makes the sum of squares not finite, and no more is told then.
 */
export function measureF32(count: i32): void {
  let sum0 = f64x2.splat(0);
  let sum1 = f64x2.splat(0);
  let squares0 = f64x2.splat(0);
  let squares1 = f64x2.splat(0);
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let at = chunkA;
  const end: usize = chunkA + ((<usize>(count & ~7)) << 2);
  while (at < end) {
    const x = v128.load(at);
    const y = v128.load(at, 16);
    min = f32x4.pmin(min, f32x4.pmin(x, y));
    max = f32x4.pmax(max, f32x4.pmax(x, y));
    countUpperHalves(at);
    const low = f64x2.promote_low_f32x4(x);
    const high = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
    sum0 = f64x2.add(sum0, low);
    sum1 = f64x2.add(sum1, high);
    squares0 = f64x2.add(squares0, f64x2.mul(low, low));
    squares1 = f64x2.add(squares1, f64x2.mul(high, high));
    countUpperHalves(at + 16);
    const nextLow = f64x2.promote_low_f32x4(y);
    const nextHigh = f64x2.promote_low_f32x4(i64x2.shuffle(y, y, 1, 1));
    sum0 = f64x2.add(sum0, nextLow);
    sum1 = f64x2.add(sum1, nextHigh);
    squares0 = f64x2.add(squares0, f64x2.mul(nextLow, nextLow));
    squares1 = f64x2.add(squares1, f64x2.mul(nextHigh, nextHigh));
    at += 32;
  }
  sum0 = f64x2.add(sum0, sum1);
  squares0 = f64x2.add(squares0, squares1);
  let sum = sumOfDoubles(sum0);
  let squares = sumOfDoubles(squares0);
  let least = leastFloat(min);
  let largest = largestFloat(max);
  const last: usize = chunkA + ((<usize>count) << 2);
  while (at < last) {
    const value = load<f32>(at);
    least = Mathf.min(least, value);
    largest = Mathf.max(largest, value);
    sum += <f64>value;
    squares += <f64>value * <f64>value;
    countWord(<u32>load<u16>(at, 2));
    at += 4;
  }
  store<f64>(results, sum);
  store<f64>(results, squares, 8);
  store<f64>(results, <f64>least, 16);
  store<f64>(results, <f64>largest, 24);
}

/**
 * The same of those F32 values that are finite, and how many are zero, NaN and finite. Counts no codes: measureF32 came
 * first.
 */
export function measureFiniteF32(count: i32): void {
  let sum = f64x2.splat(0);
  let squares = f64x2.splat(0);
  let min = f32x4.splat(Infinity);
  let max = f32x4.splat(-Infinity);
  let zeros = i32x4.splat(0);
  let nans = i32x4.splat(0);
  let finites = i32x4.splat(0);
  let at = chunkA;
  const end: usize = chunkA + ((<usize>(count & ~3)) << 2);
  while (at < end) {
    const x = v128.load(at);
    const finite = f32x4.eq(f32x4.sub(x, x), f32x4.splat(0));
    finites = i32x4.sub(finites, finite);
    nans = i32x4.sub(nans, f32x4.ne(x, x));
    zeros = i32x4.sub(zeros, f32x4.eq(x, f32x4.splat(0)));
    min = f32x4.pmin(min, v128.bitselect(x, f32x4.splat(Infinity), finite));
    max = f32x4.pmax(max, v128.bitselect(x, f32x4.splat(-Infinity), finite));
    const value = v128.and(x, finite);
    const low = f64x2.promote_low_f32x4(value);
    const high = f64x2.promote_low_f32x4(i64x2.shuffle(value, value, 1, 1));
    sum = f64x2.add(sum, f64x2.add(low, high));
    squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
    at += 16;
  }
  let total = sumOfDoubles(sum);
  let totalSquares = sumOfDoubles(squares);
  let least = leastFloat(min);
  let largest = largestFloat(max);
  let foundZeros = sumOfWords(zeros);
  let foundNans = sumOfWords(nans);
  let foundFinites = sumOfWords(finites);
  const last: usize = chunkA + ((<usize>count) << 2);
  while (at < last) {
    const value = load<f32>(at);
    if (value - value === 0) {
      foundFinites++;
      if (value === 0) foundZeros++;
      least = Mathf.min(least, value);
      largest = Mathf.max(largest, value);
      total += <f64>value;
      totalSquares += <f64>value * <f64>value;
    } else if (Mathf.abs(value) !== Infinity) foundNans++;
    at += 4;
  }
  store<f64>(results, total);
  store<f64>(results, totalSquares, 8);
  store<f64>(results, <f64>least, 16);
  store<f64>(results, <f64>largest, 24);
  store<f64>(results, <f64>foundZeros, 32);
  store<f64>(results, <f64>foundNans, 40);
  store<f64>(results, <f64>foundFinites, 48);
}

function countUpperHalves(at: usize): void {
  countWord(<u32>load<u16>(at, 2));
  countWord(<u32>load<u16>(at, 6));
  countWord(<u32>load<u16>(at, 10));
  countWord(<u32>load<u16>(at, 14));
}

/** How many of the F32 values are zero, of either sign. */
export function countZerosF32(count: i32): i32 {
  let zeros = i32x4.splat(0);
  let at = chunkA;
  const end: usize = chunkA + ((<usize>(count & ~3)) << 2);
  while (at < end) {
    zeros = i32x4.sub(zeros, f32x4.eq(v128.load(at), f32x4.splat(0)));
    at += 16;
  }
  let found = sumOfWords(zeros);
  const last: usize = chunkA + ((<usize>count) << 2);
  while (at < last) {
    if (load<f32>(at) === 0) found++;
    at += 4;
  }
  return found;
}
