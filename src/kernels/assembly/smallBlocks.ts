/** More blocks of ggml in the runs of blockCodes.ts: codes of 2, 3 and 5 bits. */
import { bases, codes, halfAt, scaleRuns, steps } from "./blockCodes";
import { constants } from "./memory";

/** 16 bits as bytes that are 16 or 0. */
function fifthBits(bits: u32): v128 {
  const both = i64x2.shuffle(i8x16.splat(<i8>bits), i8x16.splat(<i8>(bits >> 8)), 0, 2);
  const places = v128.load(constants, 112);
  return v128.and(i8x16.eq(v128.and(both, places), places), v128.load(constants, 48));
}

/** A block's 32 codes, whose fifth bits lie in front of them, less `middle`. */
function fiveBits(at: usize, block: usize, middle: v128): void {
  const low = v128.load(constants);
  const both = v128.load(at, 4);
  const high = load<u32>(at);
  const first = v128.or(v128.and(both, low), fifthBits(high));
  const second = v128.or(v128.and(i16x8.shr_u(both, 4), low), fifthBits(high >> 16));
  v128.store(codes + 32 * block, i8x16.sub(first, middle));
  v128.store(codes + 32 * block, i8x16.sub(second, middle), 16);
}

export function q5_0(from: usize, blocks: usize): void {
  const middle = v128.load(constants, 48);
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 22 * block;
    v128.store(steps + 8 * block, f32x4.splat(halfAt(at)));
    fiveBits(at + 2, block, middle);
  }
}

/** The minimum is stored. */
export function q5_1(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 24 * block;
    v128.store(steps + 8 * block, f32x4.splat(halfAt(at)));
    v128.store(bases + 8 * block, f32x4.splat(-halfAt(at + 2)));
    fiveBits(at + 4, block, i64x2.splat(0));
  }
}

/** Sixteen runs, each with a scale and a minimum of 4 bits. */
export function q2k(from: usize, blocks: usize): void {
  const low = v128.load(constants);
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 84 * block;
    const scales = v128.load(at);
    scaleRuns(v128.and(scales, low), halfAt(at + 80), steps + 64 * block);
    scaleRuns(v128.and(i16x8.shr_u(scales, 4), low), halfAt(at + 82), bases + 64 * block);
    for (let run: i32 = 0; run < 16; run++)
      v128.store(codes + 256 * block + 16 * <usize>run, twoBits(at + 16, run));
  }
}

/** Four runs of two lie in the bits of 32 bytes. */
function twoBits(at: usize, run: i32): v128 {
  const bytes = v128.load(at + 32 * <usize>(run >> 3) + 16 * <usize>(run & 1));
  return v128.and(i16x8.shr_u(bytes, run & 6), i8x16.splat(3));
}

/** Sixteen runs, each with a scale of 6 bits; a third bit, where it is not set, takes 4 away. */
export function q3k(from: usize, blocks: usize): void {
  const low = v128.load(constants);
  const middle = v128.load(constants, 32);
  const four = i8x16.splat(4);
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 110 * block;
    const stored = v128.load64_zero(at, 96);
    const scale = i64x2.shuffle(v128.and(stored, low), v128.and(i16x8.shr_u(stored, 4), low), 0, 2);
    const word = load<u32>(at, 104);
    let high = i32x4.splat(word << 4);
    high = i32x4.replace_lane(high, 1, word << 2);
    high = i32x4.replace_lane(high, 2, word);
    high = i32x4.replace_lane(high, 3, word >> 2);
    high = v128.and(high, v128.load(constants, 16));
    scaleRuns(i8x16.sub(v128.or(scale, high), middle), halfAt(at + 108), steps + 64 * block);
    for (let run: i32 = 0; run < 16; run++) {
      const third = i16x8.shr_u(v128.load(at + 16 * <usize>(run & 1)), run >> 1);
      const added = i16x8.shl(v128.and(third, i8x16.splat(1)), 2);
      v128.store(
        codes + 256 * block + 16 * <usize>run,
        i8x16.sub(v128.or(twoBits(at + 32, run), added), four),
      );
    }
  }
}
