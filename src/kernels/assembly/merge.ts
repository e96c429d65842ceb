/** W + ΔW of rows of a weight, rounded, as core/base/mergedUpdate.ts and core/tensors/encode.ts have it. */
import { codesOf, floatsAt, floatsOf } from "./floats";
import { chunkA, chunkB, results, sumOfDoubles } from "./memory";

/** Bits that are read as F16 and as BF16: a loop is compiled for each. */
type HalfBits = i16;
type BrainBits = u16;

/** Where wasmRowMerger.ts puts A: blocks of eight columns, of each the rows one after the other. */
const blocksAt: usize = 0x10000;
/** What it puts there for each row of the weight: its factors in doubles and singles, and how far off a sum may be. */
const doublesAt: usize = 0x900000;
const singlesAt: usize = 0xb00000;
const doubtsAt: usize = 0xc00000;
/** ΔW of four rows of a panel, and what is looked at value by value. */
const changesAt: usize = 0xc80000;
const valuesAt: usize = 0xc84000;
const codesAt: usize = 0xc84040;
/** Blocks of a panel: what is made of it stays in the first-level cache. */
const panelBlocks: i32 = 16;
/** Bytes of a row of ΔW. */
const changeBytes: usize = 0x200;

let updateSquares: f64 = 0;
let lostSquares: f64 = 0;
/** The bits of the largest magnitudes. */
let largest: v128 = i32x4.splat(0);

/**
 * Merges `rows`, a multiple of four, of `blocks` times eight columns that lie in one chunk, into the other. Leaves ‖ΔW‖²,
 * the square of what rounding took, and the bits of the largest magnitude: where that is too large or none, nothing of
 * it is to be used.
 * @param rank a multiple of four.
 * @param from, to 0 for BF16, 1 for F16, 2 for F32, to which nothing is rounded here.
 */
export function mergeRows(rows: i32, blocks: i32, rank: i32, from: i32, to: i32): void {
  updateSquares = 0;
  lostSquares = 0;
  largest = i32x4.splat(0);
  for (let row: i32 = 0; row < rows; row += 4) {
    for (let block: i32 = 0; block < blocks; block += panelBlocks) {
      const count = min(panelBlocks, blocks - block);
      for (let each: i32 = 0; each < count; each++) makeChanges(row, block + each, rank, each);
      for (let each: i32 = 0; each < 4; each++) {
        if (from === 0) roundTo<BrainBits>(row + each, each, blocks, block, count, rank, to);
        else if (from === 1) roundTo<HalfBits>(row + each, each, blocks, block, count, rank, to);
        else roundTo<f32>(row + each, each, blocks, block, count, rank, to);
      }
    }
  }
  const highest = max(
    max(i32x4.extract_lane(largest, 0), i32x4.extract_lane(largest, 1)),
    max(i32x4.extract_lane(largest, 2), i32x4.extract_lane(largest, 3)),
  );
  store<f64>(results, updateSquares);
  store<f64>(results, lostSquares, 8);
  store<f64>(results, <f64>highest, 16);
}

/** ΔW of four rows and a block, in singles. */
function makeChanges(row: i32, block: i32, rank: i32, place: i32): void {
  const stride = (<usize>rank) << 2;
  let x = blocksAt + ((<usize>block * <usize>rank) << 5);
  let factor = singlesAt + <usize>row * stride;
  const end = factor + stride;
  let s00 = f32x4.splat(0);
  let s01 = f32x4.splat(0);
  let s10 = f32x4.splat(0);
  let s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0);
  let s21 = f32x4.splat(0);
  let s30 = f32x4.splat(0);
  let s31 = f32x4.splat(0);
  while (factor < end) {
    const low = v128.load(x);
    const high = v128.load(x, 16);
    const f0 = v128.load32_splat(factor);
    s00 = f32x4.add(s00, f32x4.mul(f0, low));
    s01 = f32x4.add(s01, f32x4.mul(f0, high));
    const f1 = v128.load32_splat(factor + stride);
    s10 = f32x4.add(s10, f32x4.mul(f1, low));
    s11 = f32x4.add(s11, f32x4.mul(f1, high));
    const f2 = v128.load32_splat(factor + 2 * stride);
    s20 = f32x4.add(s20, f32x4.mul(f2, low));
    s21 = f32x4.add(s21, f32x4.mul(f2, high));
    const f3 = v128.load32_splat(factor + 3 * stride);
    s30 = f32x4.add(s30, f32x4.mul(f3, low));
    s31 = f32x4.add(s31, f32x4.mul(f3, high));
    x += 32;
    factor += 4;
  }
  const at = changesAt + ((<usize>place) << 5);
  v128.store(at, s00);
  v128.store(at, s01, 16);
  v128.store(at + changeBytes, s10);
  v128.store(at + changeBytes, s11, 16);
  v128.store(at + 2 * changeBytes, s20);
  v128.store(at + 2 * changeBytes, s21, 16);
  v128.store(at + 3 * changeBytes, s30);
  v128.store(at + 3 * changeBytes, s31, 16);
}

function roundTo<From>(row: i32, place: i32, blocks: i32, block: i32, count: i32, rank: i32, to: i32): void {
  if (to === 0) roundRow<From, BrainBits>(row, place, blocks, block, count, rank);
  else roundRow<From, HalfBits>(row, place, blocks, block, count, rank);
}

/**
 * Adds ΔW to a row of a panel and rounds it. The least and the largest that the true sum can be are rounded both: where
 * they become the same, so does the sum, and where not, it is made in doubles.
 */
function roundRow<From, To>(row: i32, place: i32, blocks: i32, block: i32, count: i32, rank: i32): void {
  const first: usize = ((<usize>row * <usize>blocks) << 3) + ((<usize>block) << 3);
  let at: usize = chunkA + first * sizeof<From>();
  let target: usize = chunkB + (first << 1);
  let change: usize = changesAt + <usize>place * changeBytes;
  const end: usize = change + ((<usize>count) << 5);
  const rowDoubt = v128.load32_splat(doubtsAt + ((<usize>row) << 2));
  // Of rounding the sum itself to F32, more than twice.
  const ownDoubt = f32x4.splat(reinterpret<f32>(0x34800000));
  let changed = f32x4.splat(0);
  let lost = f32x4.splat(0);
  let most = largest;
  while (change < end) {
    const dLow = v128.load(change);
    const dHigh = v128.load(change, 16);
    const low = f32x4.add(floatsAt<From>(at), dLow);
    const high = f32x4.add(floatsAt<From>(at + 4 * sizeof<From>()), dHigh);
    const sizeOfLow = f32x4.abs(low);
    const sizeOfHigh = f32x4.abs(high);
    most = i32x4.max_s(most, i32x4.max_s(sizeOfLow, sizeOfHigh));
    const doubtOfLow = f32x4.add(rowDoubt, f32x4.mul(sizeOfLow, ownDoubt));
    const doubtOfHigh = f32x4.add(rowDoubt, f32x4.mul(sizeOfHigh, ownDoubt));
    const codesOfLow = codesOf<To>(f32x4.sub(low, doubtOfLow));
    const codesOfHigh = codesOf<To>(f32x4.sub(high, doubtOfHigh));
    const least = i16x8.narrow_i32x4_u(codesOfLow, codesOfHigh);
    const greatest = i16x8.narrow_i32x4_u(
      codesOf<To>(f32x4.add(low, doubtOfLow)),
      codesOf<To>(f32x4.add(high, doubtOfHigh)),
    );
    v128.store(target, least);
    let lostOfLow = f32x4.sub(floatsOf<To>(codesOfLow), low);
    let lostOfHigh = f32x4.sub(floatsOf<To>(codesOfHigh), high);
    const isSame = i16x8.eq(least, greatest);
    if (!i16x8.all_true(isSame)) {
      v128.store(codesAt, isSame);
      v128.store(valuesAt, floatsAt<From>(at));
      v128.store(valuesAt, floatsAt<From>(at + 4 * sizeof<From>()), 16);
      roundSlowly<To>(row, blocksAt + ((<usize>block * <usize>rank) << 5), rank, target);
      lostOfLow = v128.and(lostOfLow, i32x4.extend_low_i16x8_s(isSame));
      lostOfHigh = v128.and(lostOfHigh, i32x4.extend_high_i16x8_s(isSame));
    }
    lost = f32x4.add(lost, f32x4.add(f32x4.mul(lostOfLow, lostOfLow), f32x4.mul(lostOfHigh, lostOfHigh)));
    changed = f32x4.add(changed, f32x4.add(f32x4.mul(dLow, dLow), f32x4.mul(dHigh, dHigh)));
    at += 8 * sizeof<From>();
    target += 16;
    change += 32;
    block++;
  }
  largest = most;
  updateSquares += sumOfFloats(changed);
  lostSquares += sumOfFloats(lost);
}

/** Those of eight values that are not told apart yet, in doubles, in the order of core/linalg/panels.ts. */
function roundSlowly<To>(row: i32, x: usize, rank: i32, target: usize): void {
  const factors = doublesAt + ((<usize>row * <usize>rank) << 3);
  for (let lane: usize = 0; lane < 8; lane++) {
    if (load<u16>(codesAt + (lane << 1)) !== 0) continue;
    let sum = <f64>load<f32>(valuesAt + (lane << 2));
    let component = x + (lane << 2);
    for (let k: i32 = 0; k < rank; k += 4) {
      const factor = factors + ((<usize>k) << 3);
      const f0 = load<f64>(factor);
      const f1 = load<f64>(factor, 8);
      const f2 = load<f64>(factor, 16);
      const f3 = load<f64>(factor, 24);
      // Adding 0 would make 0 of -0.
      if (f0 !== 0 || f1 !== 0 || f2 !== 0 || f3 !== 0) {
        const sum01 = f0 * <f64>load<f32>(component) + f1 * <f64>load<f32>(component, 32);
        sum += sum01 + (f2 * <f64>load<f32>(component, 64) + f3 * <f64>load<f32>(component, 96));
      }
      component += 128;
    }
    const code = codesOf<To>(f32x4.splat(<f32>sum));
    store<u16>(target + (lane << 1), i32x4.extract_lane(code, 0));
    const lost = <f64>f32x4.extract_lane(floatsOf<To>(code), 0) - sum;
    lostSquares += lost * lost;
  }
}

function sumOfFloats(lanes: v128): f64 {
  const upper = i64x2.shuffle(lanes, lanes, 1, 1);
  return sumOfDoubles(f64x2.add(f64x2.promote_low_f32x4(lanes), f64x2.promote_low_f32x4(upper)));
}
