/**
 * How often codes are there is kept by the step and base of their runs, together for runs of which these are nearly the
 * same; when others need the slot, the codes are counted as the values that they are with the step of its first run. Such a value is
 * off by 1/128 of its size at most where there is no base, and by three quarters of a step where there is one.
 *
 * A base is taken to be a multiple of half the step. Then all values of a step are multiples of that too, and runs of one
 * step share two slots: of bases that are whole steps, and of those that are half a step more.
 */
import { codesOut, constants, kept, levels, otherWords, words } from "./memory";
import { batchRuns, runBases, runSteps } from "./nibbleCounts";

/** How often each of 16 codes is there, 16 bits each. They are found by the sign, 3 bits of the exponent and 7 that follow. */
const plainSlots: usize = 0x70000;
const plainBytes: usize = 32;
/** How often each of 31 values is there, in steps from -15 on. Of the step 5 bits count, and whether half a step comes off. */
const basedSlots: usize = 0x80000;
const basedBytes: usize = 64;
const plainCount: usize = 2048;
const basedCount: usize = 1024;
/** Of each slot its key, and how often it holds 32 codes in the lower bits; 0 where it is empty. Those with bases come last. */
const entries: usize = kept + 0x2000;
/** Of the first run of each slot. */
const slotSteps: usize = entries + 4 * (plainCount + basedCount);
/** So often 32 codes that are all the same fit into 16 bits. */
const mostHeld: u32 = 2046;
const heldBits: i32 = 11;
/** The key of runs that have no slot. */
const noKey: u32 = 0x80000000;

/** Of the runs of a batch: their keys, where the entry of their slots is, and where in the slots their code 0 is. */
const keys: usize = codesOut + 0x19000;
const ownEntries: usize = keys + 4 * batchRuns;
const ownSlots: usize = ownEntries + 4 * batchRuns;
/** Where the values of a slot that is emptied are counted. */
const places: usize = ownSlots + 4 * batchRuns;

/** Finds the slots of four runs without a base. @param at 4 times the first run. */
export function findSlots(at: usize, step: v128): void {
  const upper = i32x4.shr_u(step, 16);
  const index = v128.or(
    v128.and(upper, i32x4.splat(0x3ff)),
    v128.and(i32x4.shr_u(step, 21), i32x4.splat(0x400)),
  );
  v128.store(at, i32x4.shl(i32x4.add(upper, i32x4.splat(1)), heldBits), keys);
  v128.store(at, i32x4.shl(index, 2), ownEntries);
  v128.store(at, i32x4.shl(index, 5), ownSlots);
}

/** @param ratio of base and step. Where no code is near the base, there is no slot. */
export function findSlotsOfBases(at: usize, step: v128, ratio: v128): void {
  // So much is added that the last bit of the sum is worth 1: it is rounded to a multiple of that.
  const halves = i32x4.sub(
    f32x4.add(f32x4.add(ratio, ratio), f32x4.splat(12582912)),
    i32x4.splat(0x4b400000),
  );
  const isCode = i32x4.le_u(halves, i32x4.splat(30));
  const upper = i32x4.shr_u(step, 18);
  const half = v128.and(halves, i32x4.splat(1));
  const key = i32x4.shl(i32x4.add(upper, i32x4.splat(1)), heldBits);
  const ofStep = v128.or(
    v128.and(upper, i32x4.splat(0xff)),
    v128.and(i32x4.shr_u(step, 23), i32x4.splat(0x100)),
  );
  const index = v128.or(i32x4.add(ofStep, ofStep), half);
  v128.store(at, v128.bitselect(key, i32x4.splat(noKey), isCode), keys);
  v128.store(at, i32x4.add(i32x4.shl(index, 2), i32x4.splat(4 * plainCount)), ownEntries);
  const first = i32x4.sub(i32x4.splat(basedSlots - plainSlots + 30), i32x4.sub(halves, half));
  v128.store(at, i32x4.add(i32x4.shl(index, 6), first), ownSlots);
}

/**
 * Adds how often the codes of a run are there, 16 bits each, eight of them in each of two. Runs of a type of floats have
 * 64.
 */
export function addToSlot<T>(at: usize, low: v128, high: v128): void {
  const entry: usize = load<u32>(at, ownEntries);
  const key = load<u32>(at, keys);
  const held = load<u32>(entry, entries);
  const added: u32 = isFloat<T>() ? 2 : 1;
  if (held - key < mostHeld) store<u32>(entry, held + added, entries);
  else if (key + added >= noKey) {
    countRun(at, low, high);
    return;
  } else takeSlot(at, entry, key + added, held);
  const slot: usize = load<u32>(at, ownSlots);
  v128.store(slot, i16x8.add(v128.load(slot, plainSlots), low), plainSlots);
  v128.store(slot, i16x8.add(v128.load(slot, plainSlots + 16), high), plainSlots + 16);
}

function takeSlot(at: usize, entry: usize, holds: u32, held: u32): void {
  if (held !== 0) emptySlot(entry);
  store<u32>(entry, holds, entries);
  store<f32>(entry, load<f32>(at, runSteps), slotSteps);
}

/**
 * Counts the values of a run that has a base, which lie in order. Of a base far from all codes many are counted in one
 * place, where each addition waits for the one before it: all of them at once, or in two tables in turns. Nothing that was
 * just stored as a vector is loaded as a part of it.
 */
function countRun(at: usize, low: v128, high: v128): void {
  const step = v128.load32_splat(at, runSteps);
  const base = v128.load32_splat(at, runBases);
  const a = placesOf(levels, step, base);
  const d = placesOf(levels + 48, step, base);
  const first: usize = i32x4.extract_lane(a, 0);
  if (first === <usize>i32x4.extract_lane(d, 3)) {
    store<u32>(first, load<u32>(first, words) + 32, words);
    return;
  }
  countFour(a, i32x4.extend_low_i16x8_u(low));
  countFour(placesOf(levels + 16, step, base), i32x4.extend_high_i16x8_u(low));
  countFour(placesOf(levels + 32, step, base), i32x4.extend_low_i16x8_u(high));
  countFour(d, i32x4.extend_high_i16x8_u(high));
}

function countFour(found: v128, count: v128): void {
  const a: usize = i32x4.extract_lane(found, 0);
  const b: usize = i32x4.extract_lane(found, 1);
  const c: usize = i32x4.extract_lane(found, 2);
  const d: usize = i32x4.extract_lane(found, 3);
  store<u32>(a, load<u32>(a, words) + i32x4.extract_lane(count, 0), words);
  store<u32>(b, load<u32>(b, otherWords) + i32x4.extract_lane(count, 1), otherWords);
  store<u32>(c, load<u32>(c, words) + i32x4.extract_lane(count, 2), words);
  store<u32>(d, load<u32>(d, otherWords) + i32x4.extract_lane(count, 3), otherWords);
}

/** Finds where 16 values are counted: levels times a step, less a base. */
function writePlaces(from: usize, to: usize, step: v128, base: v128): void {
  for (let at: usize = 0; at < 64; at += 16) v128.store(to + at, placesOf(from + at, step, base));
}

function placesOf(from: usize, step: v128, base: v128): v128 {
  const values = f32x4.sub(f32x4.mul(v128.load(from), step), base);
  return v128.and(i32x4.shr_u(values, 14), v128.load(constants, 80));
}

function countAt(at: usize, count: u32): void {
  const place: usize = load<u32>(at);
  store<u32>(place, load<u32>(place, words) + count, words);
}

function emptySlot(entry: usize): void {
  const index = entry >> 2;
  const step = v128.load32_splat(entry, slotSteps);
  let slot = plainSlots + plainBytes * index;
  let size: usize = 16;
  if (index < plainCount) writePlaces(levels, places, step, i64x2.splat(0));
  else {
    slot = basedSlots + basedBytes * (index - plainCount);
    size = 32;
    const half = f32x4.mul(step, f32x4.splat(index & 1 ? 0.5 : 0));
    // The codes themselves are the levels where there are bases.
    writePlaces(levels, places, step, f32x4.add(f32x4.mul(step, f32x4.splat(15)), half));
    writePlaces(levels, places + 64, step, f32x4.sub(half, step));
  }
  for (let code: usize = 0; code < size; code++) countAt(places + 4 * code, <u32>load<u16>(slot + 2 * code));
  for (const end = slot + 2 * size; slot < end; slot += 16) v128.store(slot, i64x2.splat(0));
  store<u32>(entry, 0, entries);
}

/** Counts what the slots hold. To be called before the table of 16-bit codes is taken, and when the levels change. */
export function emptySlots(): void {
  for (let entry: usize = 0; entry < 4 * (plainCount + basedCount); entry += 4)
    if (load<u32>(entry, entries) !== 0) emptySlot(entry);
}
