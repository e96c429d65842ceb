/**
 * Measures runs of 32 or 64 codes of 4 bits that share a step and a base: a value is level · step - base, each rounded to
 * F32. All is made of how often the codes of a run are there (nibbleCounts.ts).
 */
import { chunkA, chunkB, kept, levels, results, sumOfWords } from "./memory";
import { iq4xs, q4_1, q4k, scaledNibbles } from "./nibbleBlocks";
import {
  batchRuns,
  countPlaces,
  countRuns,
  counts,
  placeBytes,
  places,
  runBases,
  runSteps,
  setAdded,
} from "./nibbleCounts";
import { addToSlot, emptySlots, findSlots, findSlotsOfBases } from "./runSlots";
import {
  addExtreme,
  addSums,
  areOutside,
  areSpecial,
  fillUp,
  finishSums,
  haveBase,
  max,
  min,
  startSums,
  sums,
} from "./runSums";

/** Runs whose levels are integers, with a base and without one, and runs of 64 with any levels and no base. */
type Based = i64;
type Integers = i32;
type Levelled = f32;

export { emptySlots };

/** The squares of the levels, of F32. */
const levelSquares: usize = kept;
/** 1 for levels that are zero, of 16 bits. */
const areZero: usize = levelSquares + 64;
/** Levels that are small integers, and their squares, of 16 bits. */
const shortLevels: usize = areZero + 32;
const shortSquares: usize = shortLevels + 32;

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
    placeBytes(chunkA + 32 * done, 32 * taken);
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
  measureBlocks<Integers>(18, 1, blocks, scaledNibbles);
}

export function measureIQ4XS(blocks: i32): void {
  measureBlocks<Integers>(136, 8, blocks, iq4xs);
}

type Unpack = (from: usize, blocks: usize) => void;

function measureBlocks<T>(blockBytes: usize, runs: usize, blocks: usize, unpack: Unpack): void {
  start();
  const batch: usize = batchRuns / runs;
  for (let done: usize = 0; done < <usize>blocks; done += batch) {
    const left = <usize>blocks - done;
    const taken = left < batch ? left : batch;
    unpack(chunkA + blockBytes * done, taken);
    measureBatch<T>(taken * runs);
  }
  finish();
}

function start(): void {
  startSums();
  zeros = 0;
  zeroCounts = i32x4.splat(0);
}

function finish(): void {
  finishSums();
  store<f64>(results, <f64>(zeros + sumOfWords(zeroCounts)), 32);
}

function measureBatch<T>(runs: usize): void {
  const end = fillUp(runs);
  prepareRuns<T>(end);
  if (isFloat<T>()) addFloats(runs);
  else addIntegers(runs);
  addSums<T>(end, 32);
  if (!haveBase<T>()) addZeros(runs);
  for (let run: usize = 0; run < runs; run += 4)
    if (v128.any_true(v128.load(4 * run, areSpecial)))
      for (let each = run; each < runs && each < run + 4; each++) lookInto<T>(each);
}

/** Finds slots, and runs that may have values outside of what was found so far, or zeros that no level tells of. */
function prepareRuns<T>(runs: usize): void {
  const none = f32x4.splat(0);
  const levelFrom = f32x4.splat(leastLevel);
  const levelTo = f32x4.splat(largestLevel);
  const least = f32x4.splat(min);
  const largest = f32x4.splat(max);
  for (let at: usize = 0; at < 4 * runs; at += 16) {
    const step = v128.load(at, runSteps);
    let isSpecial = f32x4.eq(step, none);
    const base = haveBase<T>() ? v128.load(at, runBases) : none;
    if (haveBase<T>()) {
      const ratio = f32x4.div(base, step);
      findSlotsOfBases(at, step, ratio);
      // The base may be just as much as a code's steps.
      isSpecial = v128.or(isSpecial, f32x4.eq(f32x4.mul(f32x4.nearest(ratio), step), base));
    } else findSlots(at, step);
    const outside = areOutside<T>(step, base, levelFrom, levelTo, least, largest);
    v128.store(at, v128.or(isSpecial, outside), areSpecial);
  }
}

/** Counts codes, and adds up levels and squares that are integers: two sums of each a run. */
function addIntegers(runs: usize): void {
  const low = v128.load(shortLevels);
  const high = v128.load(shortLevels, 16);
  const lowSquare = v128.load(shortSquares);
  const highSquare = v128.load(shortSquares, 16);
  for (let run: usize = 0; run < runs; run++) {
    const found = countPlaces<i32>(places + 32 * run);
    v128.store(16 * run, found, counts);
    const a = i16x8.extend_low_i8x16_u(found);
    const b = i16x8.extend_high_i8x16_u(found);
    const ofLevels = i32x4.add(i32x4.dot_i16x8_s(a, low), i32x4.dot_i16x8_s(b, high));
    const ofSquares = i32x4.add(i32x4.dot_i16x8_s(a, lowSquare), i32x4.dot_i16x8_s(b, highSquare));
    v128.store(
      16 * run,
      i32x4.add(i64x2.shuffle(ofLevels, ofSquares, 0, 2), i64x2.shuffle(ofLevels, ofSquares, 1, 3)),
      sums,
    );
    addToSlot<i32>(4 * run, a, b);
  }
}

/** The same of levels as they are, in runs of 64. */
function addFloats(runs: usize): void {
  countRuns(runs, 2);
  for (let run: usize = 0; run < runs; run++) {
    const found = v128.load(16 * run, counts);
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
    v128.store(
      16 * run,
      f32x4.add(i64x2.shuffle(ofLevels, ofSquares, 0, 2), i64x2.shuffle(ofLevels, ofSquares, 1, 3)),
      sums,
    );
    addToSlot<f32>(4 * run, low, high);
  }
}

/** Counts codes whose levels are zero. */
function addZeros(runs: usize): void {
  let low = i64x2.splat(0);
  let high = i64x2.splat(0);
  for (let at: usize = 0; at < 16 * runs; at += 16) {
    const found = v128.load(at, counts);
    low = i16x8.add(low, i16x8.extend_low_i8x16_u(found));
    high = i16x8.add(high, i16x8.extend_high_i8x16_u(found));
  }
  low = i32x4.dot_i16x8_s(low, v128.load(areZero));
  high = i32x4.dot_i16x8_s(high, v128.load(areZero, 16));
  zeroCounts = i32x4.add(zeroCounts, i32x4.add(low, high));
}

/** Least and largest of the values of a run, and its zeros but those of levels that are zero. */
function lookInto<T>(run: usize): void {
  const step = load<f32>(runSteps + 4 * run);
  const base: f32 = haveBase<T>() ? load<f32>(runBases + 4 * run) : 0;
  const from = leastLevel * step - base;
  const to = largestLevel * step - base;
  const isOutside = Mathf.min(from, to) < min || Mathf.max(from, to) > max;
  if (!isOutside && step !== 0 && (!haveBase<T>() || nearest(base / step) * step !== base)) return;
  for (let code: usize = 0; code < 16; code++) {
    const count = <i32>load<u8>(counts + 16 * run + code);
    if (count === 0) continue;
    const level = load<f32>(levels + 4 * code);
    const scaled: f32 = level * step;
    const value: f32 = scaled - base;
    addExtreme(value);
    if (value === 0 && (haveBase<T>() || level !== 0)) zeros += count;
  }
}
