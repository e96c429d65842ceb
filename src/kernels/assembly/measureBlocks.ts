/** Measures blocks of ggml: what measureF32 finds of their values, which are never all in memory. */
import { bases, batchValues, codes, q5k, q6k, q8_0, steps } from "./blockCodes";
import { chunkA, codesOut, constants, countPlace } from "./memory";
import {
  addExtreme,
  addSums,
  areOutside,
  fillUp,
  finishSums,
  haveBase,
  max,
  min,
  startSums,
  sums,
} from "./runSums";
import { q2k, q3k, q5_0, q5_1 } from "./smallBlocks";

/** Where in the table of counts each value of a batch is counted. */
const places: usize = codesOut + 0x1c000;

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
  measureBatches<Scaled>(34, 32, blocks, q8_0, -128, 127);
}

export function measureQ6K(blocks: i32): void {
  measureBatches<Scaled>(210, 256, blocks, q6k, -32, 31);
}

export function measureQ5K(blocks: i32): void {
  measureBatches<Based>(176, 256, blocks, q5k, 0, 31);
}

export function measureQ5_0(blocks: i32): void {
  measureBatches<Scaled>(22, 32, blocks, q5_0, -16, 15);
}

export function measureQ5_1(blocks: i32): void {
  measureBatches<Based>(24, 32, blocks, q5_1, 0, 31);
}

export function measureQ2K(blocks: i32): void {
  measureBatches<Based>(84, 256, blocks, q2k, 0, 3);
}

export function measureQ3K(blocks: i32): void {
  measureBatches<Scaled>(110, 256, blocks, q3k, -4, 3);
}

type Unpack = (from: usize, blocks: usize) => void;

/** Runs that have a base and those that have none: a loop is compiled for each. */
type Based = i64;
type Scaled = i32;

/** @param codeFrom the least code that there may be, and `codeTo` the largest. */
function measureBatches<T>(
  blockBytes: usize,
  blockValues: usize,
  blocks: usize,
  unpack: Unpack,
  codeFrom: f32,
  codeTo: f32,
): void {
  startSums();
  const batch = batchValues / blockValues;
  for (let done: usize = 0; done < blocks; done += batch) {
    const taken = blocks - done < batch ? blocks - done : batch;
    unpack(chunkA + blockBytes * done, taken);
    const count = (taken * blockValues) / 16;
    measureRuns<T>(count);
    for (let run: usize = count < runsAhead ? 0 : count - runsAhead; run < count; run++) countRun(run);
    const end = fillUp(count);
    addSums<T>(end, 16);
    for (let run: usize = 0; run < count; run += 4) lookInto<T>(run, count, codeFrom, codeTo);
  }
  finishSums();
}

/** So many runs are made before the first of them is counted: what was just written is not read again at once. */
const runsAhead: usize = 2;

/** Counts the values of runs of codes, but those of the last ones, and adds the codes up. */
function measureRuns<T>(count: usize): void {
  const ones = v128.load(constants, 64);
  const mask = v128.load(constants, 80);
  for (let run: usize = 0; run < count; run++) {
    const sixteen = v128.load(16 * run, codes);
    const step = v128.load32_splat(4 * run, steps);
    const base = haveBase<T>() ? v128.load32_splat(4 * run, bases) : step;
    const low = i16x8.extend_low_i8x16_s(sixteen);
    const high = i16x8.extend_high_i8x16_s(sixteen);
    v128.store(64 * run, placesOf<T>(i32x4.extend_low_i16x8_s(low), step, base, mask), places);
    v128.store(64 * run, placesOf<T>(i32x4.extend_high_i16x8_s(low), step, base, mask), places + 16);
    v128.store(64 * run, placesOf<T>(i32x4.extend_low_i16x8_s(high), step, base, mask), places + 32);
    v128.store(64 * run, placesOf<T>(i32x4.extend_high_i16x8_s(high), step, base, mask), places + 48);
    const ofCodes = i32x4.dot_i16x8_s(i16x8.add(low, high), ones);
    const ofSquares = i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high));
    v128.store(
      16 * run,
      i32x4.add(i64x2.shuffle(ofCodes, ofSquares, 0, 2), i64x2.shuffle(ofCodes, ofSquares, 1, 3)),
      sums,
    );
    if (run < runsAhead) continue;
    const at: usize = 64 * (run - runsAhead);
    countPlace(load<u32>(at, places));
    countPlace(load<u32>(at, places + 4));
    countPlace(load<u32>(at, places + 8));
    countPlace(load<u32>(at, places + 12));
    countPlace(load<u32>(at, places + 16));
    countPlace(load<u32>(at, places + 20));
    countPlace(load<u32>(at, places + 24));
    countPlace(load<u32>(at, places + 28));
    countPlace(load<u32>(at, places + 32));
    countPlace(load<u32>(at, places + 36));
    countPlace(load<u32>(at, places + 40));
    countPlace(load<u32>(at, places + 44));
    countPlace(load<u32>(at, places + 48));
    countPlace(load<u32>(at, places + 52));
    countPlace(load<u32>(at, places + 56));
    countPlace(load<u32>(at, places + 60));
  }
}

/** Counts the values of one run. */
function countRun(run: usize): void {
  for (let at: usize = 64 * run; at < 64 * run + 64; at += 4) countPlace(load<u32>(at, places));
}

function placesOf<T>(integers: v128, step: v128, base: v128, mask: v128): v128 {
  return v128.and(i32x4.shr_u(valuesOf<T>(integers, step, base), 14), mask);
}

function valuesOf<T>(integers: v128, step: v128, base: v128): v128 {
  const scaled = f32x4.mul(f32x4.convert_i32x4_s(integers), step);
  return haveBase<T>() ? f32x4.sub(scaled, base) : scaled;
}

/** Finds the least and the largest of the values of up to four runs that may have some outside of what was found so far. */
function lookInto<T>(first: usize, runs: usize, codeFrom: f32, codeTo: f32): void {
  const outside = areOutside<T>(
    v128.load(4 * first, steps),
    v128.load(4 * first, bases),
    f32x4.splat(codeFrom),
    f32x4.splat(codeTo),
    f32x4.splat(min),
    f32x4.splat(max),
  );
  if (!v128.any_true(outside)) return;
  for (let run = first; run < runs && run < first + 4; run++) {
    const step = load<f32>(4 * run, steps);
    const base: f32 = haveBase<T>() ? load<f32>(4 * run, bases) : 0;
    for (let code: usize = 0; code < 16; code++) {
      const scaled: f32 = <f32>(<i32>load<i8>(16 * run + code, codes)) * step;
      addExtreme(scaled - base);
    }
  }
}
