/**
 * How often codes are there is kept by the step and base of their runs, together for runs of which these are nearly the
 * same; when others need the slot, the codes are counted as the values that they are with the step of its first run. Such a value is
 * off by 1/128 of its size at most where there is no base, and by three quarters of a step where there is one.
 */
import { codesOut, constants, levels, words } from "./memory";
import { batchRuns, counts, runBases, runSteps } from "./nibbleCounts";

/**
 * A line of the cache each: how often each code is there, 16 bits each; the key, step, base and number of the runs. All are
 * a quarter of a usual second cache.
 */
const slots: usize = 0x70000;
const slotBytes: usize = 64;
const slotBits: i32 = 11;
const slotCount: usize = 1 << slotBits;
/** Empty slots have no key, which has this bit. */
const isTaken: u32 = 0x80000000;
/** So many runs of 64 codes that are all the same fit into 16 bits. */
const mostRuns: u32 = 1023;

/** Where the slots of a batch are, and their keys. */
const offsets: usize = codesOut + 0x19000;
const keys: usize = offsets + 4 * batchRuns;
/** Where the 16 values of a slot that is emptied are counted. */
const places: usize = keys + 8 * batchRuns;

/** @param runs a multiple of four. */
export function addToSlots(runs: usize, haveBases: bool): void {
  if (haveBases) writeKeysOfBases(runs);
  else writeKeys(runs);
  for (let run: usize = 0; run < runs; run++) {
    const slot: usize = slots + load<u32>(offsets + 4 * run);
    const key = load<u64>(keys + 8 * run);
    if (load<u64>(slot, 32) !== key) {
      if (load<u64>(slot, 32) !== 0) emptySlot(slot);
      store<u64>(slot, key, 32);
      store<f32>(slot, load<f32>(runSteps + 4 * run), 40);
      store<f32>(slot, load<f32>(runBases + 4 * run), 44);
    }
    const sixteen = v128.load(counts + 16 * run);
    v128.store(slot, i16x8.add(v128.load(slot), i16x8.extend_low_i8x16_u(sixteen)));
    v128.store(slot, i16x8.add(v128.load(slot, 16), i16x8.extend_high_i8x16_u(sixteen)), 16);
    const held = load<u32>(slot, 48) + 1;
    store<u32>(slot, held, 48);
    if (held === mostRuns) emptySlot(slot);
  }
}

function writeKeys(runs: usize): void {
  const none = i64x2.splat(0);
  for (let at: usize = 0; at < 4 * runs; at += 16)
    writeFourKeys(at, i32x4.shr_u(v128.load(runSteps + at), 16), none);
}

/** A base that a code might have is taken to be a multiple of half the step; others are keys as they are. */
function writeKeysOfBases(runs: usize): void {
  for (let at: usize = 0; at < 4 * runs; at += 16) {
    const step = v128.load(runSteps + at);
    const base = v128.load(runBases + at);
    const ratio = f32x4.div(base, step);
    const halves = f32x4.nearest(f32x4.add(ratio, ratio));
    const isCode = v128.and(f32x4.ge(halves, f32x4.splat(0)), f32x4.le(halves, f32x4.splat(30)));
    const near = f32x4.mul(f32x4.mul(step, f32x4.splat(0.5)), halves);
    v128.store(runBases + at, v128.bitselect(near, base, isCode));
    const first = v128.or(i32x4.shr_u(step, 18), v128.and(isCode, i32x4.splat(0x10000)));
    writeFourKeys(at, first, v128.bitselect(halves, base, isCode));
  }
}

function writeFourKeys(at: usize, first: v128, second: v128): void {
  const key = v128.or(first, i32x4.splat(isTaken));
  v128.store(keys + 2 * at, i32x4.shuffle(key, second, 0, 4, 1, 5));
  v128.store(keys + 2 * at, i32x4.shuffle(key, second, 2, 6, 3, 7), 16);
  const mixed = i32x4.add(key, i32x4.mul(second, i32x4.splat(0x85ebca6b)));
  const spread = i32x4.mul(mixed, i32x4.splat(0x9e3779b1));
  v128.store(offsets + at, i32x4.shl(i32x4.shr_u(spread, 32 - slotBits), 6));
}

function emptySlot(slot: usize): void {
  const step = v128.load32_splat(slot + 40);
  const base = v128.load32_splat(slot + 44);
  const mask = v128.load(constants, 80);
  for (let at: usize = 0; at < 64; at += 16) {
    const values = f32x4.sub(f32x4.mul(v128.load(levels + at), step), base);
    v128.store(places + at, v128.and(i32x4.shr_u(values, 14), mask));
  }
  for (let code: usize = 0; code < 16; code++) {
    const place: usize = load<u32>(places + 4 * code);
    store<u32>(place, load<u32>(place, words) + <u32>load<u16>(slot + 2 * code), words);
  }
  v128.store(slot, i64x2.splat(0));
  v128.store(slot, i64x2.splat(0), 16);
  store<u64>(slot, 0, 32);
  store<u32>(slot, 0, 48);
}

/** Counts what the slots hold. To be called before the table of 16-bit codes is taken, and when the levels change. */
export function emptySlots(): void {
  for (let slot: usize = 0; slot < slotCount; slot++) {
    const at = slots + slotBytes * slot;
    if (load<u64>(at, 32) !== 0) emptySlot(at);
  }
}
