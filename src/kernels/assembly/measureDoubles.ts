/** Measures one chunk of F64. */
import { chunkA, countDouble, largestDouble, leastDouble, results, sumOfDoubles, sumOfLongs } from "./memory";

/** `measureF32` of F64 values; counts their upper 20 bits, and how many are zero. */
export function measureF64(count: i32): void {
  let sum = f64x2.splat(0);
  let squares = f64x2.splat(0);
  let min = f64x2.splat(Infinity);
  let max = f64x2.splat(-Infinity);
  let zeros = i64x2.splat(0);
  let at = chunkA;
  const end: usize = chunkA + ((<usize>(count & ~1)) << 3);
  while (at < end) {
    const x = v128.load(at);
    min = f64x2.pmin(min, x);
    max = f64x2.pmax(max, x);
    sum = f64x2.add(sum, x);
    squares = f64x2.add(squares, f64x2.mul(x, x));
    zeros = i64x2.sub(zeros, f64x2.eq(x, f64x2.splat(0)));
    countDouble(load<u32>(at, 4) >> 12);
    countDouble(load<u32>(at, 12) >> 12);
    at += 16;
  }
  let total = sumOfDoubles(sum);
  let totalSquares = sumOfDoubles(squares);
  let least = leastDouble(min);
  let largest = largestDouble(max);
  let found = sumOfLongs(zeros);
  if ((count & 1) !== 0) {
    const value = load<f64>(at);
    least = Math.min(least, value);
    largest = Math.max(largest, value);
    total += value;
    totalSquares += value * value;
    if (value === 0) found++;
    countDouble(load<u32>(at, 4) >> 12);
  }
  store<f64>(results, total);
  store<f64>(results, totalSquares, 8);
  store<f64>(results, least, 16);
  store<f64>(results, largest, 24);
  store<f64>(results, <f64>found, 32);
}

/** `measureFiniteF32` of F64 values. */
export function measureFiniteF64(count: i32): void {
  const zero = f64x2.splat(0);
  let sum = zero;
  let squares = zero;
  let min = f64x2.splat(Infinity);
  let max = f64x2.splat(-Infinity);
  let zeros = i64x2.splat(0);
  let nans = i64x2.splat(0);
  let finites = i64x2.splat(0);
  const last: usize = chunkA + ((<usize>count) << 3);
  for (let at = chunkA; at < last; at += 16) {
    // The second lane of an odd count's last is infinite: nothing but its class is told of it, and it has none here.
    const x = at + 8 < last ? v128.load(at) : f64x2.replace_lane(v128.load64_splat(at), 1, Infinity);
    const finite = f64x2.eq(f64x2.sub(x, x), zero);
    finites = i64x2.sub(finites, finite);
    nans = i64x2.sub(nans, f64x2.ne(x, x));
    zeros = i64x2.sub(zeros, f64x2.eq(x, zero));
    min = f64x2.pmin(min, v128.bitselect(x, f64x2.splat(Infinity), finite));
    max = f64x2.pmax(max, v128.bitselect(x, f64x2.splat(-Infinity), finite));
    const value = v128.and(x, finite);
    sum = f64x2.add(sum, value);
    squares = f64x2.add(squares, f64x2.mul(value, value));
  }
  store<f64>(results, sumOfDoubles(sum));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, leastDouble(min), 16);
  store<f64>(results, largestDouble(max), 24);
  store<f64>(results, <f64>sumOfLongs(zeros), 32);
  store<f64>(results, <f64>sumOfLongs(nans), 40);
  store<f64>(results, <f64>sumOfLongs(finites), 48);
}
