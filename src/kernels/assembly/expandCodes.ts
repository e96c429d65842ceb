/**
 * Makes values of codes, which lie in the second half of the other chunk: two of 4 bits in a byte, the first in the low
 * half, or one in a byte. Cells of them share a scale and an offset; how these make a value, each step rounded to F32, is
 * core/tensors/packed/codeCells.ts.
 */
import { chunkA, chunkB } from "./memory";

/** What up to 256 codes stand for, of F32. */
export const codeLevels: usize = 0x800;
export const offsets: usize = chunkB + 0x10000;
const codes: usize = chunkB + 0x20000;

export function expandCodes(cells: i32, cellCodes: i32, bits: i32, combining: i32): void {
  let from = codes;
  let to = chunkA;
  const cellBytes: usize = (<usize>cellCodes * bits) >> 3;
  for (let cell: usize = 0; cell < <usize>cells; cell++) {
    const scale = v128.load32_splat(chunkB + 4 * cell);
    const offset = v128.load32_splat(offsets + 4 * cell);
    if (bits === 4) expandHalves(from, from + cellBytes, to, scale, offset, combining);
    else expandBytes(from, from + cellBytes, to, scale, offset, combining);
    from += cellBytes;
    to += 4 * <usize>cellCodes;
  }
}

export function combineLanes(level: v128, scale: v128, offset: v128, combining: i32): v128 {
  if (combining === 0) return f32x4.mul(f32x4.sub(level, offset), scale);
  const scaled = f32x4.mul(level, scale);
  return combining === 1 ? f32x4.add(scaled, offset) : f32x4.div(scaled, f32x4.splat(127));
}

function expandBytes(
  start: usize,
  end: usize,
  target: usize,
  scale: v128,
  offset: v128,
  combining: i32,
): void {
  let to = target;
  for (let from = start; from < end; from += 4) {
    let level = v128.load32_zero(levelOf(from));
    level = v128.load_lane<f32>(levelOf(from + 1), level, 1);
    level = v128.load_lane<f32>(levelOf(from + 2), level, 2);
    level = v128.load_lane<f32>(levelOf(from + 3), level, 3);
    v128.store(to, combineLanes(level, scale, offset, combining));
    to += 16;
  }
}

function levelOf(code: usize): usize {
  return codeLevels + ((<usize>load<u8>(code)) << 2);
}

/** The 16 values are made once and looked up a byte of theirs at a time. */
function expandHalves(
  start: usize,
  end: usize,
  target: usize,
  scale: v128,
  offset: v128,
  combining: i32,
): void {
  const a = combineLanes(v128.load(codeLevels), scale, offset, combining);
  const b = combineLanes(v128.load(codeLevels, 16), scale, offset, combining);
  const c = combineLanes(v128.load(codeLevels, 32), scale, offset, combining);
  const d = combineLanes(v128.load(codeLevels, 48), scale, offset, combining);
  const lower = bytesApart(a, b);
  const lowerToo = bytesApart(c, d);
  const upper = bytesApart(i32x4.shr_u(a, 16), i32x4.shr_u(b, 16));
  const upperToo = bytesApart(i32x4.shr_u(c, 16), i32x4.shr_u(d, 16));
  const first = i64x2.shuffle(lower, lowerToo, 0, 2);
  const second = i64x2.shuffle(lower, lowerToo, 1, 3);
  const third = i64x2.shuffle(upper, upperToo, 0, 2);
  const fourth = i64x2.shuffle(upper, upperToo, 1, 3);
  const low = i8x16.splat(15);
  let to = target;
  for (let from = start; from < end; from += 8) {
    const both = v128.load64_zero(from);
    const sixteen = inTurns(v128.and(both, low), v128.and(i16x8.shr_u(both, 4), low));
    const p = i8x16.swizzle(first, sixteen);
    const q = i8x16.swizzle(second, sixteen);
    const r = i8x16.swizzle(third, sixteen);
    const s = i8x16.swizzle(fourth, sixteen);
    storeEight(to, inTurns(p, q), inTurns(r, s));
    storeEight(to + 32, lastInTurns(p, q), lastInTurns(r, s));
    to += 64;
  }
}

/** The first bytes of eight numbers, and then the second ones. */
function bytesApart(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
}

function inTurns(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

function lastInTurns(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

function storeEight(to: usize, lower: v128, upper: v128): void {
  v128.store(to, i16x8.shuffle(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(to, i16x8.shuffle(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15), 16);
}
