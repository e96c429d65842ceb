/**
 * How often each of 16 codes is in runs of 32 or 64 of them, without looking at one code after the other: of each set of
 * the four bits it is counted in how many codes all of them are set. Without those that have one bit more, these are the codes
 * themselves: the codes that are 5 are those of {0, 2} without those of {0, 1, 2} and {0, 2, 3}, with those of all four.
 */
import { codesOut } from "./memory";

/** Runs that are prepared at once: what is kept of them stays in the nearest cache. */
export const batchRuns: usize = 64;
/** Two codes in a byte, in any order within a run; four runs of 32 codes, or two of 64, are a group of 64 bytes. */
export const nibbles: usize = codesOut + 0x10000;
/** Of F32, one a run. */
export const runSteps: usize = nibbles + 32 * batchRuns;
export const runBases: usize = runSteps + 4 * batchRuns;
/** How often each code is in a run: 16 bytes. */
export const counts: usize = runBases + 4 * batchRuns;
/** Where a set's bits are those of the first of two runs. */
const ofFirst: u64 = 0x33333333 | ((<u64>0x33333333) << 32);
/** Sixteen vectors a group: which codes have all the bits of a set. */
const sets: usize = counts + 16 * batchRuns;

/** Counts the codes of groups of two runs of 64 codes each. */
export function countLongRuns(from: usize, groups: usize): void {
  for (let group: usize = 0; group < groups; group++) writeSets(from + 64 * group, sets + 256 * group);
  for (let group: usize = 0; group < groups; group++) {
    const to = counts + 32 * group;
    store<u8>(to, 64);
    store<u8>(to, 64, 16);
    let at = sets + 256 * group + 16;
    for (let set = to + 1; set < to + 16; set++) {
      store<u8>(set, popcnt<u64>(load<u64>(at)));
      store<u8>(set, popcnt<u64>(load<u64>(at, 8)), 16);
      at += 16;
    }
  }
  for (let run: usize = 0; run < 2 * groups; run++) {
    const to = counts + 16 * run;
    v128.store(to, countsOfCodes(v128.load(to)));
  }
}

/** Counts the codes of groups of four runs of 32 codes each. */
export function countShortRuns(from: usize, groups: usize): void {
  for (let group: usize = 0; group < groups; group++) writeSets(from + 64 * group, sets + 256 * group);
  for (let group: usize = 0; group < groups; group++) {
    const to = counts + 64 * group;
    store<u8>(to, 32);
    store<u8>(to, 64, 16);
    store<u8>(to, 32, 32);
    store<u8>(to, 64, 48);
    let at = sets + 256 * group + 16;
    for (let set = to + 1; set < to + 16; set++) {
      const first = load<u64>(at);
      const second = load<u64>(at, 8);
      store<u8>(set, popcnt<u64>(first & ofFirst));
      store<u8>(set, popcnt<u64>(first), 16);
      store<u8>(set, popcnt<u64>(second & ofFirst), 32);
      store<u8>(set, popcnt<u64>(second), 48);
      at += 16;
    }
  }
  for (let group: usize = 0; group < groups; group++) {
    const at = counts + 64 * group;
    // Those of every second run were counted together with the run before.
    for (let pair: usize = 0; pair < 64; pair += 32) {
      const first = v128.load(at + pair);
      const both = v128.load(at + pair, 16);
      v128.store(at + pair, countsOfCodes(first));
      v128.store(at + pair, countsOfCodes(i8x16.sub(both, first)), 16);
    }
  }
}

/** @param sets how many codes have all the bits of each set, by its number. */
function countsOfCodes(sets: v128): v128 {
  const third = i8x16.sub(sets, i64x2.shuffle(sets, i64x2.splat(0), 1, 2));
  const second = i8x16.sub(third, i64x2.shr_u(third, 32));
  const first = i8x16.sub(second, i32x4.shr_u(second, 16));
  return i8x16.sub(first, i16x8.shr_u(first, 8));
}

/**
 * Turns four vectors about, 4 by 4 bits at a time: bit `j` of a half byte of the vector of bit `k` was bit `k` of a code
 * of the vector `j`.
 */
function writeSets(from: usize, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from, 16);
  const c = v128.load(from, 32);
  const d = v128.load(from, 48);
  let bit0 = i64x2.shuffle(a, c, 0, 2);
  let bit1 = i64x2.shuffle(a, c, 1, 3);
  let bit2 = i64x2.shuffle(b, d, 0, 2);
  let bit3 = i64x2.shuffle(b, d, 1, 3);
  const pairs = i32x4.splat(0x33333333);
  let swapped = v128.and(v128.xor(i64x2.shr_u(bit0, 2), bit2), pairs);
  bit2 = v128.xor(bit2, swapped);
  bit0 = v128.xor(bit0, i64x2.shl(swapped, 2));
  swapped = v128.and(v128.xor(i64x2.shr_u(bit1, 2), bit3), pairs);
  bit3 = v128.xor(bit3, swapped);
  bit1 = v128.xor(bit1, i64x2.shl(swapped, 2));
  const odd = i32x4.splat(0x55555555);
  swapped = v128.and(v128.xor(i64x2.shr_u(bit0, 1), bit1), odd);
  bit1 = v128.xor(bit1, swapped);
  bit0 = v128.xor(bit0, i64x2.shl(swapped, 1));
  swapped = v128.and(v128.xor(i64x2.shr_u(bit2, 1), bit3), odd);
  bit3 = v128.xor(bit3, swapped);
  bit2 = v128.xor(bit2, i64x2.shl(swapped, 1));
  const low = v128.and(bit0, bit1);
  const high = v128.and(bit2, bit3);
  v128.store(to, bit0, 16);
  v128.store(to, bit1, 32);
  v128.store(to, low, 48);
  v128.store(to, bit2, 64);
  v128.store(to, v128.and(bit0, bit2), 80);
  v128.store(to, v128.and(bit1, bit2), 96);
  v128.store(to, v128.and(low, bit2), 112);
  v128.store(to, bit3, 128);
  v128.store(to, v128.and(bit0, bit3), 144);
  v128.store(to, v128.and(bit1, bit3), 160);
  v128.store(to, v128.and(low, bit3), 176);
  v128.store(to, high, 192);
  v128.store(to, v128.and(bit0, high), 208);
  v128.store(to, v128.and(bit1, high), 224);
  v128.store(to, v128.and(low, high), 240);
}
