/**
 * What the kernels share: the memory, which is laid out by hand and never grows, and sums over the lanes of a vector.
 * See wasmKernels.ts for what calls the kernels and in which order. Nothing in this folder checks its arguments.
 */

/** Doubles that a kernel leaves for its caller; the compiler puts what is written down from 0x1000 on. */
export const results: usize = 0x400;
/** 16 values of F32, of codes of 4 bits. */
export const levels: usize = 0x500;
/** Counts of 16-bit codes, 32 bits each. */
export const words: usize = 0x10000;
/** Four tables of counts of bytes: neighbours that are the same byte do not wait for each other. */
export const bytes: usize = 0x60000;
/** What loops of codes of 4 bits keep from one call to the next, so that no list of counts lies over it. */
export const kept: usize = 0x90000;
/** Counts as in `words`, of every second value: neighbours that are the same code do not wait for each other. */
export const otherWords: usize = 0xa0000;
/** Counts of 20-bit codes, 32 bits each. */
export const doubles: usize = 0x100000;
/** Where the codes that were there, and their counts, are put. */
export const codesOut: usize = 0x500000;
export const countsOut: usize = 0x900000;
/** Vectors that are loaded: V8 would make those that are written down anew whenever they are used. */
export const constants: usize = memory.data<u32>(
  [
    0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x30303030, 0x30303030, 0x30303030, 0x30303030,
    0x20202020, 0x20202020, 0x20202020, 0x20202020, 0x10101010, 0x10101010, 0x10101010, 0x10101010,
    0x00010001, 0x00010001, 0x00010001, 0x00010001, 0x0003fffc, 0x0003fffc, 0x0003fffc, 0x0003fffc,
    0xf0f0f0f0, 0xf0f0f0f0, 0xf0f0f0f0, 0xf0f0f0f0, 0x08040201, 0x80402010, 0x08040201, 0x80402010,
    0x8fffe000, 0x8fffe000, 0x8fffe000, 0x8fffe000, 0x38000000, 0x38000000, 0x38000000, 0x38000000,
    0x0f800000, 0x0f800000, 0x0f800000, 0x0f800000, 0x00002000, 0x00002000, 0x00002000, 0x00002000,
    0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000, 0x08000800, 0x08000800, 0x08000800, 0x08000800,
    0xefffefff, 0xefffefff, 0xefffefff, 0xefffefff, 0xffffffff, 0x00000000, 0xffffffff, 0x00000000,
    0x00000000, 0x43300000, 0x00000000, 0x43300000,
  ],
  16,
);
export const chunkA: usize = 0xd00000;
export const chunkB: usize = 0xe00000;

export function sumOfDoubles(lanes: v128): f64 {
  return f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
}

export function sumOfWords(lanes: v128): i32 {
  return (
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) +
    i32x4.extract_lane(lanes, 3)
  );
}

export function sumOfLongs(lanes: v128): i64 {
  return i64x2.extract_lane(lanes, 0) + i64x2.extract_lane(lanes, 1);
}

export function leastDouble(lanes: v128): f64 {
  return Math.min(f64x2.extract_lane(lanes, 0), f64x2.extract_lane(lanes, 1));
}

export function largestDouble(lanes: v128): f64 {
  return Math.max(f64x2.extract_lane(lanes, 0), f64x2.extract_lane(lanes, 1));
}

export function leastFloat(lanes: v128): f32 {
  return Mathf.min(
    Mathf.min(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    Mathf.min(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
}

export function largestFloat(lanes: v128): f32 {
  return Mathf.max(
    Mathf.max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    Mathf.max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
}

/** Counts a 16-bit code. */
export function countWord(code: u32): void {
  const at: usize = code << 2;
  store<u32>(at, load<u32>(at, words) + 1, words);
}

/** Counts a 16-bit code by its place in the table, in bytes. */
export function countPlace(place: usize): void {
  store<u32>(place, load<u32>(place, words) + 1, words);
}

/** The same in the second table. */
export function countOtherPlace(place: usize): void {
  store<u32>(place, load<u32>(place, otherWords) + 1, otherWords);
}

/** Counts a 20-bit code. */
export function countDouble(code: u32): void {
  const at: usize = code << 2;
  store<u32>(at, load<u32>(at, doubles) + 1, doubles);
}
