/** What is found of the values of cells of codes, by how often each value is there: every number of it is exact. */
import { largestFloat, leastFloat, results, sumOfDoubles, sumOfWords, words } from "./memory";

let sum: v128 = i64x2.splat(0);
let squares: v128 = i64x2.splat(0);
let min: v128 = i64x2.splat(0);
let max: v128 = i64x2.splat(0);
let zeros: v128 = i64x2.splat(0);

export function startCells(): void {
  sum = i64x2.splat(0);
  squares = i64x2.splat(0);
  zeros = i64x2.splat(0);
  min = f32x4.splat(Infinity);
  max = f32x4.splat(-Infinity);
}

/**
 * @param value four that are finite.
 * @param count how often each is there.
 * @param isThere all bits of those that are there at all: they have a size.
 */
export function addValues(value: v128, count: v128, isThere: v128): void {
  min = f32x4.pmin(min, v128.bitselect(value, f32x4.splat(Infinity), isThere));
  max = f32x4.pmax(max, v128.bitselect(value, f32x4.splat(-Infinity), isThere));
  zeros = i32x4.add(zeros, v128.and(v128.and(count, isThere), f32x4.eq(value, i64x2.splat(0))));
  addTwo(f64x2.promote_low_f32x4(value), f64x2.convert_low_i32x4_u(count));
  const upper = i64x2.shuffle(value, value, 1, 1);
  addTwo(f64x2.promote_low_f32x4(upper), f64x2.convert_low_i32x4_u(i64x2.shuffle(count, count, 1, 1)));
}

function addTwo(value: v128, count: v128): void {
  const product = f64x2.mul(value, count);
  sum = f64x2.add(sum, product);
  squares = f64x2.add(squares, f64x2.mul(product, value));
}

/** Counts so many values by their upper halves, each as often as it is there. */
export function countValues(values: usize, many: usize, count: usize): void {
  for (let at: usize = 0; at < 4 * count; at += 4) {
    const word: usize = words + ((<usize>load<u16>(values + at, 2)) << 2);
    store<u32>(word, load<u32>(word) + load<u32>(many + at));
  }
}

/** Puts what was found into the first five results. */
export function finishCells(): void {
  store<f64>(results, sumOfDoubles(sum));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, <f64>leastFloat(min), 16);
  store<f64>(results, <f64>largestFloat(max), 24);
  store<f64>(results, <f64>sumOfWords(zeros), 32);
}
