/**
 * The loops over values with SIMD, in AssemblyScript. Memory is laid out by hand and never grows; see wasmKernels.ts
 * for what calls these and in which order. Nothing here checks its arguments.
 */

/** Doubles that a kernel leaves for its caller. */
const results: usize = 0x400;
/** Counts of 16-bit codes, 32 bits each. */
const words: usize = 0x10000;
/** Four tables of counts of bytes: neighbours that are the same byte do not wait for each other. */
const bytes: usize = 0x60000;
/** Values of 16 bits widened to F32, of either side. */
const tileA: usize = 0x70000;
const tileB: usize = 0x78000;
const tileValues: i32 = 8192;
/** Counts of 20-bit codes, 32 bits each. */
const doubles: usize = 0x100000;
/** Where the codes that were there, and their counts, are put. */
const codesOut: usize = 0x500000;
const countsOut: usize = 0x900000;
const chunkA: usize = 0xd00000;
const chunkB: usize = 0xe00000;

function countWord(code: u32): void {
  const at: usize = code << 2;
  store<u32>(at, load<u32>(at, words) + 1, words);
}

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

export function countWords(length: i32): void {
  let at = chunkA;
  const end: usize = chunkA + (length & ~7);
  while (at < end) {
    if (load<u64>(at) === 0) {
      // Sparse files and pruned weights: adding to one counter again and again would take its time.
      store<u32>(words, load<u32>(words) + 4);
    } else {
      countWord(<u32>load<u16>(at));
      countWord(<u32>load<u16>(at, 2));
      countWord(<u32>load<u16>(at, 4));
      countWord(<u32>load<u16>(at, 6));
    }
    at += 8;
  }
  const last: usize = chunkA + length;
  while (at < last) {
    countWord(<u32>load<u16>(at));
    at += 2;
  }
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
  const end: usize = chunkA + ((<usize>(count & ~3)) << 2);
  while (at < end) {
    const x = v128.load(at);
    min = f32x4.pmin(min, x);
    max = f32x4.pmax(max, x);
    const low = f64x2.promote_low_f32x4(x);
    const high = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
    sum0 = f64x2.add(sum0, low);
    sum1 = f64x2.add(sum1, high);
    squares0 = f64x2.add(squares0, f64x2.mul(low, low));
    squares1 = f64x2.add(squares1, f64x2.mul(high, high));
    countWord(<u32>load<u16>(at, 2));
    countWord(<u32>load<u16>(at, 6));
    countWord(<u32>load<u16>(at, 10));
    countWord(<u32>load<u16>(at, 14));
    at += 16;
  }
  sum0 = f64x2.add(sum0, sum1);
  squares0 = f64x2.add(squares0, squares1);
  let sum = f64x2.extract_lane(sum0, 0) + f64x2.extract_lane(sum0, 1);
  let squares = f64x2.extract_lane(squares0, 0) + f64x2.extract_lane(squares0, 1);
  let least = Mathf.min(
    Mathf.min(f32x4.extract_lane(min, 0), f32x4.extract_lane(min, 1)),
    Mathf.min(f32x4.extract_lane(min, 2), f32x4.extract_lane(min, 3)),
  );
  let largest = Mathf.max(
    Mathf.max(f32x4.extract_lane(max, 0), f32x4.extract_lane(max, 1)),
    Mathf.max(f32x4.extract_lane(max, 2), f32x4.extract_lane(max, 3)),
  );
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

/** How many of the F32 values are zero, of either sign. */
export function countZerosF32(count: i32): i32 {
  let zeros = i32x4.splat(0);
  let at = chunkA;
  const end: usize = chunkA + ((<usize>(count & ~3)) << 2);
  while (at < end) {
    zeros = i32x4.sub(zeros, f32x4.eq(v128.load(at), f32x4.splat(0)));
    at += 16;
  }
  let found =
    i32x4.extract_lane(zeros, 0) +
    i32x4.extract_lane(zeros, 1) +
    i32x4.extract_lane(zeros, 2) +
    i32x4.extract_lane(zeros, 3);
  const last: usize = chunkA + ((<usize>count) << 2);
  while (at < last) {
    if (load<f32>(at) === 0) found++;
    at += 4;
  }
  return found;
}

/** The same of F64 values; counts their upper 20 bits, and how many are zero. */
export function measureF64(count: i32): void {
  let sum = f64x2.splat(0);
  let squares = f64x2.splat(0);
  let min = f64x2.splat(Infinity);
  let max = f64x2.splat(-Infinity);
  let zeros = i64x2.splat(0);
  let at = chunkA;
  const end: usize = chunkA + ((<usize>(count & ~1)) << 3);
  while (at < end) {
    const x = v128.load(at);
    min = f64x2.pmin(min, x);
    max = f64x2.pmax(max, x);
    sum = f64x2.add(sum, x);
    squares = f64x2.add(squares, f64x2.mul(x, x));
    zeros = i64x2.sub(zeros, f64x2.eq(x, f64x2.splat(0)));
    countDouble(load<u32>(at, 4) >> 12);
    countDouble(load<u32>(at, 12) >> 12);
    at += 16;
  }
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  let totalSquares = f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
  let least = Math.min(f64x2.extract_lane(min, 0), f64x2.extract_lane(min, 1));
  let largest = Math.max(f64x2.extract_lane(max, 0), f64x2.extract_lane(max, 1));
  let found = i64x2.extract_lane(zeros, 0) + i64x2.extract_lane(zeros, 1);
  if ((count & 1) !== 0) {
    const value = load<f64>(at);
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    total += value;
    totalSquares += value * value;
    if (value === 0) found++;
    countDouble(load<u32>(at, 4) >> 12);
  }
  store<f64>(results, total);
  store<f64>(results, totalSquares, 8);
  store<f64>(results, least, 16);
  store<f64>(results, largest, 24);
  store<f64>(results, <f64>found, 32);
}

function countDouble(code: u32): void {
  const at: usize = code << 2;
  store<u32>(at, load<u32>(at, doubles) + 1, doubles);
}

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
  clearSums();
  for (let done: i32 = 0; done < count; done += tileValues) {
    const some = count - done < tileValues ? count - done : tileValues;
    widenBf16(chunkA + ((<usize>done) << 1), tileA, some);
    widenBf16(chunkB + ((<usize>done) << 1), tileB, some);
    addPairs(tileA, tileB, some);
  }
}

export function compareF16(count: i32): void {
  clearSums();
  for (let done: i32 = 0; done < count; done += tileValues) {
    const some = count - done < tileValues ? count - done : tileValues;
    widenF16(chunkA + ((<usize>done) << 1), tileA, some);
    widenF16(chunkB + ((<usize>done) << 1), tileB, some);
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
  let sumAbsolute = f64x2.extract_lane(absolute, 0) + f64x2.extract_lane(absolute, 1);
  let sumSquares = f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
  let sumA = f64x2.extract_lane(squaresOfA, 0) + f64x2.extract_lane(squaresOfA, 1);
  let sumB = f64x2.extract_lane(squaresOfB, 0) + f64x2.extract_lane(squaresOfB, 1);
  let sumProducts = f64x2.extract_lane(products, 0) + f64x2.extract_lane(products, 1);
  let sumChanged =
    i32x4.extract_lane(changed, 0) +
    i32x4.extract_lane(changed, 1) +
    i32x4.extract_lane(changed, 2) +
    i32x4.extract_lane(changed, 3);
  let least = Mathf.min(
    Mathf.min(f32x4.extract_lane(min, 0), f32x4.extract_lane(min, 1)),
    Mathf.min(f32x4.extract_lane(min, 2), f32x4.extract_lane(min, 3)),
  );
  let largest = Mathf.max(
    Mathf.max(f32x4.extract_lane(max, 0), f32x4.extract_lane(max, 1)),
    Mathf.max(f32x4.extract_lane(max, 2), f32x4.extract_lane(max, 3)),
  );
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
