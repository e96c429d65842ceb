/**
 * Blocks of ggml as codes of one byte, each run of 16 with a step and a base: a value is code · step - base, each rounded
 * to F32 (see core/tensors/ggmlBlocks.ts, which says what a block holds).
 */
import { codesOut, constants } from "./memory";
import { batchRuns, runBases, runSteps } from "./nibbleCounts";

/** Values that are made of blocks at once. */
export const batchValues: usize = 16 * batchRuns;
/** Codes of a batch, signed. */
export const codes: usize = codesOut;
/** Behind them there is room for what is written beyond the last. */
export const steps: usize = runSteps;
export const bases: usize = runBases;
const eightNumbers: usize = codesOut + 0x8000;

/** The value of F16 bits. */
export function halfAt(at: usize): f32 {
  const bits = <u32>load<u16>(at);
  const large = reinterpret<f32>(0x77800000);
  return reinterpret<f32>(
    reinterpret<u32>(reinterpret<f32>((bits & 0x7fff) << 13) * large) | ((bits & 0x8000) << 16),
  );
}

export function q8_0(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 34 * block;
    v128.store(steps + 8 * block, f32x4.splat(halfAt(at)));
    v128.store(codes + 32 * block, v128.load(at, 2));
    v128.store(codes + 32 * block, v128.load(at, 18), 16);
  }
}

export function q6k(from: usize, blocks: usize): void {
  const low = v128.load(constants);
  const high = v128.load(constants, 16);
  const middle = v128.load(constants, 32);
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 210 * block;
    scaleRuns(v128.load(at, 192), halfAt(at + 208), steps + 64 * block);
    for (let group: usize = 0; group < 4; group++) {
      const lane = 16 * (group & 1);
      const part = group >> 1;
      const a = v128.load(at + 64 * part + lane);
      const b = v128.load(at + 64 * part + lane, 32);
      const c = v128.load(at + 32 * part + lane, 128);
      const out = codes + 256 * block + 128 * part + lane;
      v128.store(out, sixBits(v128.and(a, low), v128.and(i16x8.shl(c, 4), high), middle));
      v128.store(out, sixBits(v128.and(b, low), v128.and(i16x8.shl(c, 2), high), middle), 32);
      v128.store(out, sixBits(v128.and(i16x8.shr_u(a, 4), low), v128.and(c, high), middle), 64);
      v128.store(
        out,
        sixBits(v128.and(i16x8.shr_u(b, 4), low), v128.and(i16x8.shr_u(c, 2), high), middle),
        96,
      );
    }
  }
}

/** What sixteen runs are multiples of: signed bytes times one number. */
export function scaleRuns(scales: v128, unit: f32, to: usize): void {
  const d = f32x4.splat(unit);
  const first = i16x8.extend_low_i8x16_s(scales);
  const second = i16x8.extend_high_i8x16_s(scales);
  v128.store(to, f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(first))));
  v128.store(to, f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(first))), 16);
  v128.store(to, f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(second))), 32);
  v128.store(to, f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(second))), 48);
}

function sixBits(low: v128, high: v128, middle: v128): v128 {
  return i8x16.sub(v128.or(low, high), middle);
}

/** Eight scales of 6 bits and as many minima, which lie in twelve bytes behind what they are multiples of. */
export function pairScales(at: usize, toSteps: usize, toBases: usize): void {
  const d = f32x4.splat(halfAt(at));
  const dmin = f32x4.splat(halfAt(at + 2));
  const a = load<u32>(at, 4);
  const b = load<u32>(at, 8);
  const c = load<u32>(at, 12);
  v128.store(toSteps, f32x4.mul(d, fourBytes(a & 0x3f3f3f3f)));
  v128.store(toSteps, f32x4.mul(d, fourBytes((c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030))), 16);
  v128.store(toBases, f32x4.mul(dmin, fourBytes(b & 0x3f3f3f3f)));
  v128.store(toBases, f32x4.mul(dmin, fourBytes(((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030))), 16);
}

function fourBytes(bytes: u32): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i32x4.splat(bytes))));
}

/** Eight numbers, each for two runs. */
function spread(eight: usize, to: usize): void {
  for (let four: usize = 0; four < 2; four++) {
    const numbers = v128.load(eight + 16 * four);
    v128.store(to + 32 * four, i32x4.shuffle(numbers, numbers, 0, 0, 1, 1));
    v128.store(to + 32 * four, i32x4.shuffle(numbers, numbers, 2, 2, 3, 3), 16);
  }
}

/** Eight runs of 32 values with a fifth bit each beside, two in the halves of 32 bytes. */
export function q5k(from: usize, blocks: usize): void {
  const low = v128.load(constants);
  const fifth = v128.load(constants, 48);
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 176 * block;
    pairScales(at, eightNumbers, eightNumbers + 32);
    spread(eightNumbers, steps + 64 * block);
    spread(eightNumbers + 32, bases + 64 * block);
    for (let lane: usize = 0; lane < 32; lane += 16) {
      let high = v128.load(at + lane, 16);
      for (let pair: usize = 0; pair < 4; pair++) {
        const both = v128.load(at + 32 * pair + lane, 48);
        const to = codes + 256 * block + 64 * pair + lane;
        v128.store(to, v128.or(v128.and(both, low), v128.and(i16x8.shl(high, 4), fifth)));
        v128.store(to, v128.or(v128.and(i16x8.shr_u(both, 4), low), v128.and(i16x8.shl(high, 3), fifth)), 32);
        high = i16x8.shr_u(high, 2);
      }
    }
  }
}
