/** Makes wider values of those in a chunk, in its place: from the last on, so that none is written over that is still to be read. */
import { signedBase, signedHigh, unsignedBase, unsignedHigh } from "./compareIntegers";
import { floatsOrNans } from "./floats";
import { constants } from "./memory";

/** Bits that are read as F16 and as BF16: a loop is compiled for each. */
type HalfBits = i16;
type BrainBits = u16;

export function widenBf16(chunk: usize, count: i32): void {
  widenHalves<BrainBits>(chunk, count);
}

export function widenF16(chunk: usize, count: i32): void {
  widenHalves<HalfBits>(chunk, count);
}

export function widenF32(chunk: usize, count: i32): void {
  widenToDoubles<f32>(chunk, count);
}

export function widenI16(chunk: usize, count: i32): void {
  widenToDoubles<i16>(chunk, count);
}

export function widenU16(chunk: usize, count: i32): void {
  widenToDoubles<u16>(chunk, count);
}

export function widenI32(chunk: usize, count: i32): void {
  widenToDoubles<i32>(chunk, count);
}

export function widenU32(chunk: usize, count: i32): void {
  widenToDoubles<u32>(chunk, count);
}

/** Rounded to the nearest: halves of 32 bits are doubles with an exponent of their own, and are rounded when they are added. */
export function widenI64(chunk: usize, count: i32): void {
  widenLongs(chunk, count, i64x2.splat(signedHigh), f64x2.splat(signedBase));
}

export function widenU64(chunk: usize, count: i32): void {
  widenLongs(chunk, count, i64x2.splat(unsignedHigh), f64x2.splat(unsignedBase));
}

/** Beyond the last values there is memory, of which nothing is read before it is written anew. */
function widenHalves<T>(chunk: usize, count: i32): void {
  for (let at: isize = ((count + 3) & ~3) - 4; at >= 0; at -= 4)
    v128.store(chunk + ((<usize>at) << 2), floatsOrNans<T>(chunk + ((<usize>at) << 1)));
}

function widenToDoubles<T>(chunk: usize, count: i32): void {
  for (let at: isize = ((count + 1) & ~1) - 2; at >= 0; at -= 2) {
    const from = chunk + <usize>at * sizeof<T>();
    v128.store(chunk + ((<usize>at) << 3), doublesAt<T>(from));
  }
}

function doublesAt<T>(at: usize): v128 {
  if (isFloat<T>()) return f64x2.promote_low_f32x4(v128.load64_zero(at));
  if (sizeof<T>() === 4) {
    const pair = v128.load64_zero(at);
    return isSigned<T>() ? f64x2.convert_low_i32x4_s(pair) : f64x2.convert_low_i32x4_u(pair);
  }
  const pair = v128.load32_zero(at);
  return f64x2.convert_low_i32x4_s(
    isSigned<T>() ? i32x4.extend_low_i16x8_s(pair) : i32x4.extend_low_i16x8_u(pair),
  );
}

function widenLongs(chunk: usize, count: i32, high: v128, bases: v128): void {
  const lower = v128.load(constants, 240);
  const low = v128.load(constants, 256);
  const end = chunk + ((<usize>count) << 3);
  for (let at = chunk; at < end; at += 16) {
    const longs = v128.load(at);
    const upper = f64x2.sub(v128.xor(i64x2.shr_u(longs, 32), high), bases);
    v128.store(at, f64x2.add(upper, v128.or(v128.and(longs, lower), low)));
  }
}
