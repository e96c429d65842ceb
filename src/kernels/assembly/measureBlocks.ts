/** Measures blocks of ggml: what measureF32 finds of their values, which are never all in memory. */
import { bases, batchValues, codes, q5k, q6k, q8_0, runs, steps } from "./blockCodes";
import { chunkA, constants, largestFloat, leastFloat, results, sumOfDoubles, words } from "./memory";
import { q2k, q3k, q5_0, q5_1 } from "./smallBlocks";

/** Where in the table of counts each value of a batch is counted. */
const places: usize = bases + 4 * runs + 16;

/** Whether the F16 at `offset` of each block is finite. */
export function areHalvesFinite(blocks: i32, blockBytes: i32, offset: i32): bool {
  let at: usize = chunkA + offset;
  for (let left = blocks; left > 0; left--) {
    if ((load<u16>(at) & 0x7c00) === 0x7c00) return false;
    at += blockBytes;
  }
  return true;
}

export function measureQ8_0(blocks: i32): void {
  measureBatches(34, 32, blocks, q8_0, false);
}

export function measureQ6K(blocks: i32): void {
  measureBatches(210, 256, blocks, q6k, false);
}

export function measureQ5K(blocks: i32): void {
  measureBatches(176, 256, blocks, q5k, true);
}

export function measureQ5_0(blocks: i32): void {
  measureBatches(22, 32, blocks, q5_0, false);
}

export function measureQ5_1(blocks: i32): void {
  measureBatches(24, 32, blocks, q5_1, true);
}

export function measureQ2K(blocks: i32): void {
  measureBatches(84, 256, blocks, q2k, true);
}

export function measureQ3K(blocks: i32): void {
  measureBatches(110, 256, blocks, q3k, false);
}

type Unpack = (from: usize, blocks: usize) => void;

let sum: v128 = i64x2.splat(0);
let squares: v128 = i64x2.splat(0);
let min: v128 = i64x2.splat(0);
let max: v128 = i64x2.splat(0);

function measureBatches(
  blockBytes: usize,
  blockValues: usize,
  blocks: usize,
  unpack: Unpack,
  hasBases: bool,
): void {
  sum = f64x2.splat(0);
  squares = f64x2.splat(0);
  min = f32x4.splat(Infinity);
  max = f32x4.splat(-Infinity);
  const batch = batchValues / blockValues;
  for (let done: usize = 0; done < blocks; done += batch) {
    const taken = blocks - done < batch ? blocks - done : batch;
    unpack(chunkA + blockBytes * done, taken);
    const count = (taken * blockValues) / 16;
    if (hasBases) measureRuns<Based>(count);
    else measureRuns<Scaled>(count);
    countPlaces(count);
  }
  store<f64>(results, sumOfDoubles(sum));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, <f64>leastFloat(min), 16);
  store<f64>(results, <f64>largestFloat(max), 24);
}

/** Runs that have a base and those that have none: a loop is compiled for each. */
type Based = f32;
type Scaled = i32;

/**
 * Adds up runs of codes. The sums are made of the integers and scaled then: of a value with a base, what is rounded in
 * taking it away is left out.
 */
function measureRuns<T>(count: usize): void {
  const ones = v128.load(constants, 64);
  const mask = v128.load(constants, 80);
  let total = sum;
  let totalSquares = squares;
  let least = min;
  let largest = max;
  for (let run: usize = 0; run < count; run++) {
    const sixteen = v128.load(codes + 16 * run);
    const step = v128.load32_splat(steps + 4 * run);
    const base = isFloat<T>() ? v128.load32_splat(bases + 4 * run) : step;
    const low = i16x8.extend_low_i8x16_s(sixteen);
    const high = i16x8.extend_high_i8x16_s(sixteen);
    const a = valuesOf<T>(i32x4.extend_low_i16x8_s(low), step, base);
    const b = valuesOf<T>(i32x4.extend_high_i16x8_s(low), step, base);
    const c = valuesOf<T>(i32x4.extend_low_i16x8_s(high), step, base);
    const d = valuesOf<T>(i32x4.extend_high_i16x8_s(high), step, base);
    least = f32x4.pmin(least, f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)));
    largest = f32x4.pmax(largest, f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)));
    const to = places + 64 * run;
    v128.store(to, v128.and(i32x4.shr_u(a, 14), mask));
    v128.store(to, v128.and(i32x4.shr_u(b, 14), mask), 16);
    v128.store(to, v128.and(i32x4.shr_u(c, 14), mask), 32);
    v128.store(to, v128.and(i32x4.shr_u(d, 14), mask), 48);
    const ofCodes = doublesOf(i32x4.add(i32x4.dot_i16x8_s(low, ones), i32x4.dot_i16x8_s(high, ones)));
    const ofSquares = doublesOf(i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high)));
    const scale = f64x2.promote_low_f32x4(step);
    const scaled = f64x2.mul(scale, ofCodes);
    const scaledSquares = f64x2.mul(f64x2.mul(scale, scale), ofSquares);
    total = f64x2.add(total, scaled);
    totalSquares = f64x2.add(totalSquares, scaledSquares);
    if (isFloat<T>()) {
      const minimum = f64x2.promote_low_f32x4(base);
      // Two lanes have eight codes each.
      const taken = f64x2.mul(minimum, f64x2.splat(8));
      total = f64x2.sub(total, taken);
      totalSquares = f64x2.add(totalSquares, f64x2.mul(minimum, f64x2.sub(taken, f64x2.add(scaled, scaled))));
    }
  }
  sum = total;
  squares = totalSquares;
  min = least;
  max = largest;
}

function valuesOf<T>(integers: v128, step: v128, base: v128): v128 {
  const scaled = f32x4.mul(f32x4.convert_i32x4_s(integers), step);
  return isFloat<T>() ? f32x4.sub(scaled, base) : scaled;
}

/** The sums of two lanes each. */
function doublesOf(integers: v128): v128 {
  return f64x2.convert_low_i32x4_s(i32x4.add(integers, i32x4.shuffle(integers, integers, 2, 3, 0, 1)));
}

function countPlaces(runCount: usize): void {
  let at = places;
  for (const end = places + 64 * runCount; at < end; at += 16) {
    countPlace(load<u32>(at));
    countPlace(load<u32>(at, 4));
    countPlace(load<u32>(at, 8));
    countPlace(load<u32>(at, 12));
  }
}

function countPlace(place: usize): void {
  store<u32>(place, load<u32>(place, words) + 1, words);
}
