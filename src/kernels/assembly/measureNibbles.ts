/**
 * Measures runs of 32 or 64 codes of 4 bits that share a step and a base: a value is level · step - base, each rounded to
 * F32. The codes of a run are counted by their bits: each bit of all of them is a word, and how often a code is there is how
 * many bits are set in the words and their complements together. Counting value by value takes twice as long.
 */
import { pairScales } from "./blockCodes";
import {
  chunkA,
  chunkB,
  codesOut,
  constants,
  largestFloat,
  leastFloat,
  levels,
  results,
  sumOfDoubles,
  words,
} from "./memory";

/** Runs that are prepared at once: what is kept of them stays in the nearest cache. */
const batchRuns: usize = 32;
/** Four words of 64 bits a run: bit 0 of all its codes first. */
const planes: usize = codesOut + 0x10000;
const steps: usize = planes + 32 * batchRuns;
const bases: usize = steps + 4 * batchRuns;
/** Where in the table of counts each level of a run is counted, and how often it is there. */
const places: usize = bases + 4 * batchRuns;
const counts: usize = places + 64 * batchRuns;

let sum: v128 = i64x2.splat(0);
let squares: v128 = i64x2.splat(0);
let min: f32 = 0;
let max: f32 = 0;

/** Runs of 64 codes in 32 bytes each, with a scale each in the other chunk; the levels are the caller's. */
export function measureRuns64(runs: i32): void {
  start();
  memory.fill(bases, 0, 4 * batchRuns);
  for (let done: usize = 0; done < <usize>runs; done += batchRuns) {
    const left = <usize>runs - done;
    const taken = left < batchRuns ? left : batchRuns;
    memory.copy(steps, chunkB + 4 * done, 4 * taken);
    for (let run: usize = 0; run < taken; run++)
      writePlanes(chunkA + 32 * (done + run), planes + 32 * run, planes + 32 * run + 4);
    measureBatch(taken, -1, 64);
  }
  finish();
}

/** Blocks of Q4_K: eight runs of 32 values, two in the halves of 32 bytes. */
export function measureQ4K(blocks: i32): void {
  start();
  for (let code: usize = 0; code < 16; code++) store<f32>(levels + 4 * code, <f32>code);
  memory.fill(planes, 0, 32 * batchRuns);
  const batch = batchRuns / 8;
  for (let done: usize = 0; done < <usize>blocks; done += batch) {
    const left = <usize>blocks - done;
    const taken = left < batch ? left : batch;
    for (let block: usize = 0; block < taken; block++) {
      const at = chunkA + 144 * (done + block);
      pairScales(at, steps + 32 * block, bases + 32 * block);
      for (let pair: usize = 0; pair < 4; pair++) {
        const to = planes + 256 * block + 64 * pair;
        writePlanes(at + 16 + 32 * pair, to, to + 32);
      }
    }
    measureBatch(8 * taken, 0xffffffff, 32);
  }
  finish();
}

function start(): void {
  sum = f64x2.splat(0);
  squares = f64x2.splat(0);
  min = Infinity;
  max = -Infinity;
}

function finish(): void {
  store<f64>(results, sumOfDoubles(sum));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, <f64>min, 16);
  store<f64>(results, <f64>max, 24);
}

/** Each bit of 32 bytes as a word: those of the low halves go to every second word from `low` on. */
function writePlanes(from: usize, low: usize, high: usize): void {
  let a = v128.load(from);
  let b = v128.load(from, 16);
  store<u32>(high, topBits(a, b), 24);
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(high, topBits(a, b), 16);
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(high, topBits(a, b), 8);
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(high, topBits(a, b));
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(low, topBits(a, b), 24);
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(low, topBits(a, b), 16);
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(low, topBits(a, b), 8);
  a = i8x16.add(a, a);
  b = i8x16.add(b, b);
  store<u32>(low, topBits(a, b));
}

function topBits(a: v128, b: v128): u32 {
  return <u32>i8x16.bitmask(a) | ((<u32>i8x16.bitmask(b)) << 16);
}

function measureBatch(runs: usize, mask: u64, values: f64): void {
  const isWider = placeLevels(runs);
  for (let run: usize = 0; run < runs; run++) countRun(run, mask);
  addMoments(runs, f64x2.splat(values / 2));
  if (isWider) widen(runs);
}

/** Says where the levels of each run are counted, and whether one of them lies outside of what was found so far. */
function placeLevels(runs: usize): bool {
  const a = v128.load(levels);
  const b = v128.load(levels, 16);
  const c = v128.load(levels, 32);
  const d = v128.load(levels, 48);
  const mask = v128.load(constants, 80);
  let least = f32x4.splat(Infinity);
  let largest = f32x4.splat(-Infinity);
  for (let run: usize = 0; run < runs; run++) {
    const step = v128.load32_splat(steps + 4 * run);
    const base = v128.load32_splat(bases + 4 * run);
    const first = f32x4.sub(f32x4.mul(step, a), base);
    const second = f32x4.sub(f32x4.mul(step, b), base);
    const third = f32x4.sub(f32x4.mul(step, c), base);
    const fourth = f32x4.sub(f32x4.mul(step, d), base);
    least = f32x4.pmin(least, f32x4.pmin(f32x4.pmin(first, second), f32x4.pmin(third, fourth)));
    largest = f32x4.pmax(largest, f32x4.pmax(f32x4.pmax(first, second), f32x4.pmax(third, fourth)));
    const to = places + 64 * run;
    v128.store(to, v128.and(i32x4.shr_u(first, 14), mask));
    v128.store(to, v128.and(i32x4.shr_u(second, 14), mask), 16);
    v128.store(to, v128.and(i32x4.shr_u(third, 14), mask), 32);
    v128.store(to, v128.and(i32x4.shr_u(fourth, 14), mask), 48);
  }
  return leastFloat(least) < min || largestFloat(largest) > max;
}

/** @param mask has as many bits as the run has codes. */
function countRun(run: usize, mask: u64): void {
  const at = planes + 32 * run;
  const bit0 = load<u64>(at);
  const bit1 = load<u64>(at, 8);
  const bit2 = load<u64>(at, 16);
  const bit3 = load<u64>(at, 24);
  const low3 = bit1 & bit0;
  const low2 = bit1 ^ low3;
  const low1 = bit0 ^ low3;
  const low0 = mask ^ (bit1 | bit0);
  const high3 = bit3 & bit2;
  let high = mask ^ (bit3 | bit2);
  let next = bit2 ^ high3;
  let last = bit3 ^ high3;
  // Called at one place, it becomes part of the loop: V8 does not do that by itself.
  for (let four: usize = 4 * run; four < 4 * run + 4; four++) {
    countFourLevels(16 * four, high, low0, low1, low2, low3);
    high = next;
    next = last;
    last = high3;
  }
}

function countFourLevels(at: usize, high: u64, low0: u64, low1: u64, low2: u64, low3: u64): void {
  const first = countLevel(at, high & low0);
  const second = countLevel(at + 4, high & low1);
  const third = countLevel(at + 8, high & low2);
  const fourth = countLevel(at + 12, high & low3);
  store<u32>(at >> 2, first | (second << 8) | (third << 16) | (fourth << 24), counts);
}

function countLevel(at: usize, codes: u64): u32 {
  const count = <u32>popcnt<u64>(codes);
  const place: usize = load<u32>(at, places);
  store<u32>(place, load<u32>(place, words) + count, words);
  return count;
}

/** @param half of the values of a run. */
function addMoments(runs: usize, half: v128): void {
  const a = v128.load(levels);
  const b = v128.load(levels, 16);
  const c = v128.load(levels, 32);
  const d = v128.load(levels, 48);
  const a2 = f32x4.mul(a, a);
  const b2 = f32x4.mul(b, b);
  const c2 = f32x4.mul(c, c);
  const d2 = f32x4.mul(d, d);
  let total = sum;
  let totalSquares = squares;
  for (let run: usize = 0; run < runs; run++) {
    const sixteen = v128.load(counts + 16 * run);
    const low = i16x8.extend_low_i8x16_u(sixteen);
    const high = i16x8.extend_high_i8x16_u(sixteen);
    const first = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low));
    const second = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low));
    const third = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high));
    const fourth = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high));
    const ofLevels = doublesOf(
      f32x4.add(
        f32x4.add(f32x4.mul(first, a), f32x4.mul(second, b)),
        f32x4.add(f32x4.mul(third, c), f32x4.mul(fourth, d)),
      ),
    );
    const ofSquares = doublesOf(
      f32x4.add(
        f32x4.add(f32x4.mul(first, a2), f32x4.mul(second, b2)),
        f32x4.add(f32x4.mul(third, c2), f32x4.mul(fourth, d2)),
      ),
    );
    const step = f64x2.promote_low_f32x4(v128.load32_splat(steps + 4 * run));
    const base = f64x2.promote_low_f32x4(v128.load32_splat(bases + 4 * run));
    const scaled = f64x2.mul(step, ofLevels);
    const taken = f64x2.mul(base, half);
    total = f64x2.add(total, f64x2.sub(scaled, taken));
    totalSquares = f64x2.add(
      totalSquares,
      f64x2.add(
        f64x2.mul(f64x2.mul(step, step), ofSquares),
        f64x2.mul(base, f64x2.sub(taken, f64x2.add(scaled, scaled))),
      ),
    );
  }
  sum = total;
  squares = totalSquares;
}

/** The sums of two lanes each. */
function doublesOf(floats: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.add(floats, i32x4.shuffle(floats, floats, 2, 3, 0, 1)));
}

/** Least and largest of the levels that are there, of runs that have one outside of what was found so far. */
function widen(runs: usize): void {
  for (let run: usize = 0; run < runs; run++) {
    const step = v128.load32_splat(steps + 4 * run);
    const base = v128.load32_splat(bases + 4 * run);
    let outside = i64x2.splat(0);
    for (let four: usize = 0; four < 64; four += 16) {
      const values = f32x4.sub(f32x4.mul(step, v128.load(levels + four)), base);
      outside = v128.or(outside, f32x4.lt(values, f32x4.splat(min)));
      outside = v128.or(outside, f32x4.gt(values, f32x4.splat(max)));
    }
    if (v128.any_true(outside)) widenBy(run);
  }
}

function widenBy(run: usize): void {
  for (let code: usize = 0; code < 16; code++) {
    if (load<u8>(16 * run + code, counts) === 0) continue;
    const scaled: f32 = load<f32>(levels + 4 * code) * load<f32>(steps + 4 * run);
    const value: f32 = scaled - load<f32>(bases + 4 * run);
    min = Mathf.min(min, value);
    max = Mathf.max(max, value);
  }
}
