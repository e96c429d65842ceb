/**
 * Measures runs of 32 or 64 codes of 4 bits that share a step and a base: a value is level · step - base, each rounded to
 * F32. All is made of how often the codes of a run are there (nibbleCounts.ts).
 */
import { chunkA, chunkB, constants, kept, levels, results, sumOfDoubles, sumOfWords } from "./memory";
import { iq4xs, q4_1, q4k, scaledNibbles } from "./nibbleBlocks";
import {
  batchRuns,
  countLongRuns,
  countShortRuns,
  counts,
  nibbles,
  runBases,
  runSteps,
  setAdded,
} from "./nibbleCounts";
import { addToSlots, emptySlots } from "./runSlots";

/** The squares of the levels, of F32. */
const levelSquares: usize = kept;
/** 1 for levels that are zero, of 16 bits. */
const areZero: usize = levelSquares + 64;
/** Levels that are small integers, and their squares, of 16 bits. */
const shortLevels: usize = areZero + 32;
const shortSquares: usize = shortLevels + 32;

/** Runs whose levels are small integers, with a base and without one, and runs with any levels and no base. */
type Based = i64;
type Integers = i32;
type Levelled = f32;

function haveBase<T>(): bool {
  return sizeof<T>() === 8;
}

let sum: v128 = i64x2.splat(0);
let squares: v128 = i64x2.splat(0);
let min: f32 = 0;
let max: f32 = 0;
let zeros: i32 = 0;
let zeroCounts: v128 = i64x2.splat(0);
let leastLevel: f32 = 0;
let largestLevel: f32 = 0;

/** To be called when the levels are others than before, those of the codes themselves too. */
export function setLevels(): void {
  emptySlots();
  setAdded();
  leastLevel = Infinity;
  largestLevel = -Infinity;
  for (let code: usize = 0; code < 16; code++) {
    const level = load<f32>(levels + 4 * code);
    leastLevel = Mathf.min(leastLevel, level);
    largestLevel = Mathf.max(largestLevel, level);
    store<f32>(levelSquares + 4 * code, level * level);
    store<i16>(areZero + 2 * code, level === 0 ? 1 : 0);
    store<i16>(shortLevels + 2 * code, <i16>level);
    store<i16>(shortSquares + 2 * code, <i16>(level * level));
  }
}

/** Runs of 64 codes in 32 bytes each, with a scale each in the other chunk. */
export function measureRuns64(runs: i32): void {
  start();
  for (let done: usize = 0; done < <usize>runs; done += batchRuns) {
    const left = <usize>runs - done;
    const taken = left < batchRuns ? left : batchRuns;
    memory.copy(runSteps, chunkB + 4 * done, 4 * taken);
    countLongRuns(chunkA + 32 * done, taken);
    measureBatch<Levelled>(taken);
  }
  finish();
}

export function measureQ4K(blocks: i32): void {
  measureBlocks<Based>(144, 8, blocks, q4k);
}

export function measureQ4_0(blocks: i32): void {
  measureBlocks<Integers>(18, 1, blocks, scaledNibbles);
}

export function measureQ4_1(blocks: i32): void {
  measureBlocks<Based>(20, 1, blocks, q4_1);
}

export function measureIQ4NL(blocks: i32): void {
  measureBlocks<Levelled>(18, 1, blocks, scaledNibbles);
}

export function measureIQ4XS(blocks: i32): void {
  measureBlocks<Levelled>(136, 8, blocks, iq4xs);
}

type Unpack = (from: usize, blocks: usize) => void;

function measureBlocks<T>(blockBytes: usize, runs: usize, blocks: usize, unpack: Unpack): void {
  start();
  const batch: usize = batchRuns / runs;
  for (let done: usize = 0; done < <usize>blocks; done += batch) {
    const left = <usize>blocks - done;
    const taken = left < batch ? left : batch;
    unpack(chunkA + blockBytes * done, taken);
    countShortRuns(nibbles, taken * runs);
    measureBatch<T>(taken * runs);
  }
  finish();
}

function start(): void {
  memory.fill(runBases, 0, 4 * batchRuns);
  sum = f64x2.splat(0);
  squares = f64x2.splat(0);
  min = Infinity;
  max = -Infinity;
  zeros = 0;
  zeroCounts = i32x4.splat(0);
}

function finish(): void {
  store<f64>(results, sumOfDoubles(sum));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, <f64>min, 16);
  store<f64>(results, <f64>max, 24);
  store<f64>(results, <f64>(zeros + sumOfWords(zeroCounts)), 32);
}

function measureBatch<T>(runs: usize): void {
  // What fills the last four up has no codes.
  let end = runs;
  for (; end & 3; end++) {
    store<f32>(runSteps + 4 * end, 0);
    store<f32>(runBases + 4 * end, 0);
    v128.store(counts + 16 * end, i64x2.splat(0));
  }
  findSpecial<T>(end);
  if (isFloat<T>()) addFloats(end);
  else addIntegers<T>(end);
  addToSlots(end, haveBase<T>());
}

/** Finds runs that may have values outside of what was found so far, or zeros that no level tells of. */
function findSpecial<T>(runs: usize): void {
  const none = f32x4.splat(0);
  const levelFrom = f32x4.splat(leastLevel);
  const levelTo = f32x4.splat(largestLevel);
  let least = f32x4.splat(min);
  let largest = f32x4.splat(max);
  for (let run: usize = 0; run < runs; run += 4) {
    const step = v128.load(runSteps + 4 * run);
    let isSpecial = f32x4.eq(step, none);
    let first = f32x4.mul(step, levelFrom);
    let last = f32x4.mul(step, levelTo);
    if (haveBase<T>()) {
      const base = v128.load(runBases + 4 * run);
      first = f32x4.sub(first, base);
      last = f32x4.sub(last, base);
      // The base may be just as much as a code's steps.
      const code = f32x4.nearest(f32x4.div(base, step));
      const isCode = v128.and(f32x4.ge(code, levelFrom), f32x4.le(code, levelTo));
      isSpecial = v128.or(isSpecial, v128.and(isCode, f32x4.eq(f32x4.mul(code, step), base)));
    }
    isSpecial = v128.or(isSpecial, f32x4.lt(f32x4.pmin(first, last), least));
    isSpecial = v128.or(isSpecial, f32x4.gt(f32x4.pmax(first, last), largest));
    if (!v128.any_true(isSpecial)) continue;
    for (let each = run; each < run + 4; each++) lookInto<T>(each);
    least = f32x4.splat(min);
    largest = f32x4.splat(max);
  }
}

function addIntegers<T>(runs: usize): void {
  const ones = v128.load(constants, 64);
  const low = v128.load(shortLevels);
  const high = v128.load(shortLevels, 16);
  const lowSquare = v128.load(shortSquares);
  const highSquare = v128.load(shortSquares, 16);
  let total = sum;
  let totalSquares = squares;
  for (let run: usize = 0; run < runs; run += 2) {
    const a = v128.load(counts + 16 * run);
    const b = v128.load(counts + 16 * run, 16);
    const aLow = i16x8.extend_low_i8x16_u(a);
    const bLow = i16x8.extend_low_i8x16_u(b);
    const aHigh = i16x8.extend_high_i8x16_u(a);
    const bHigh = i16x8.extend_high_i8x16_u(b);
    // No lane leaves 16 bits.
    const ofLevels = i32x4.dot_i16x8_s(
      i16x8.narrow_i32x4_s(
        i32x4.add(i32x4.dot_i16x8_s(aLow, low), i32x4.dot_i16x8_s(aHigh, high)),
        i32x4.add(i32x4.dot_i16x8_s(bLow, low), i32x4.dot_i16x8_s(bHigh, high)),
      ),
      ones,
    );
    const ofSquares = i32x4.dot_i16x8_s(
      i16x8.narrow_i32x4_s(
        i32x4.add(i32x4.dot_i16x8_s(aLow, lowSquare), i32x4.dot_i16x8_s(aHigh, highSquare)),
        i32x4.add(i32x4.dot_i16x8_s(bLow, lowSquare), i32x4.dot_i16x8_s(bHigh, highSquare)),
      ),
      ones,
    );
    const factor = f64x2.promote_low_f32x4(v128.load64_zero(runSteps + 4 * run));
    const scaled = f64x2.mul(factor, doublesOfPairs(ofLevels));
    total = f64x2.add(total, scaled);
    totalSquares = f64x2.add(totalSquares, f64x2.mul(f64x2.mul(factor, factor), doublesOfPairs(ofSquares)));
    if (haveBase<T>()) {
      const base = f64x2.promote_low_f32x4(v128.load64_zero(runBases + 4 * run));
      const taken = f64x2.mul(base, f64x2.splat(32));
      total = f64x2.sub(total, taken);
      const mixed = f64x2.mul(base, f64x2.sub(taken, f64x2.add(scaled, scaled)));
      totalSquares = f64x2.add(totalSquares, mixed);
    } else {
      const zeroLow = i16x8.add(aLow, bLow);
      zeroCounts = i32x4.add(zeroCounts, i32x4.dot_i16x8_s(zeroLow, v128.load(areZero)));
      const zeroHigh = i16x8.add(aHigh, bHigh);
      zeroCounts = i32x4.add(zeroCounts, i32x4.dot_i16x8_s(zeroHigh, v128.load(areZero, 16)));
    }
  }
  sum = total;
  squares = totalSquares;
}

/** The sums of the first two lanes and of the last two. */
function doublesOfPairs(four: v128): v128 {
  return f64x2.convert_low_i32x4_s(
    i32x4.add(i32x4.shuffle(four, four, 0, 2, 0, 2), i32x4.shuffle(four, four, 1, 3, 1, 3)),
  );
}

function addFloats(runs: usize): void {
  let total = sum;
  let totalSquares = squares;
  const zeroLow = v128.load(areZero);
  const zeroHigh = v128.load(areZero, 16);
  for (let run: usize = 0; run < runs; run++) {
    const found = v128.load(counts + 16 * run);
    const low = i16x8.extend_low_i8x16_u(found);
    const high = i16x8.extend_high_i8x16_u(found);
    const a = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low));
    const b = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low));
    const c = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high));
    const d = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high));
    const ofLevels = f32x4.add(
      f32x4.add(f32x4.mul(a, v128.load(levels)), f32x4.mul(b, v128.load(levels, 16))),
      f32x4.add(f32x4.mul(c, v128.load(levels, 32)), f32x4.mul(d, v128.load(levels, 48))),
    );
    const ofSquares = f32x4.add(
      f32x4.add(f32x4.mul(a, v128.load(levelSquares)), f32x4.mul(b, v128.load(levelSquares, 16))),
      f32x4.add(f32x4.mul(c, v128.load(levelSquares, 32)), f32x4.mul(d, v128.load(levelSquares, 48))),
    );
    const factor = f64x2.promote_low_f32x4(v128.load32_splat(runSteps + 4 * run));
    total = f64x2.add(total, f64x2.mul(factor, doublesOfHalves(ofLevels)));
    totalSquares = f64x2.add(totalSquares, f64x2.mul(f64x2.mul(factor, factor), doublesOfHalves(ofSquares)));
    zeroCounts = i32x4.add(
      zeroCounts,
      i32x4.add(i32x4.dot_i16x8_s(low, zeroLow), i32x4.dot_i16x8_s(high, zeroHigh)),
    );
  }
  sum = total;
  squares = totalSquares;
}

/** The sums of two lanes each. */
function doublesOfHalves(four: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.add(four, i32x4.shuffle(four, four, 2, 3, 0, 1)));
}

/** Least and largest of the values of a run, and its zeros but those of levels that are zero. */
function lookInto<T>(run: usize): void {
  const step = load<f32>(runSteps + 4 * run);
  const base: f32 = haveBase<T>() ? load<f32>(runBases + 4 * run) : 0;
  for (let code: usize = 0; code < 16; code++) {
    const count = <i32>load<u8>(counts + 16 * run + code);
    if (count === 0) continue;
    const level = load<f32>(levels + 4 * code);
    const scaled: f32 = level * step;
    const value: f32 = scaled - base;
    min = Mathf.min(min, value);
    max = Mathf.max(max, value);
    if (value === 0 && (haveBase<T>() || level !== 0)) zeros += count;
  }
}
