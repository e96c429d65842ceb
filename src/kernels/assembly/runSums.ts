/**
 * Sums over runs of codes that share a step and a base, of what a batch of runs prepared: a value is level · step - base.
 * Of a value with a base, what is rounded in taking it away is left out.
 */
import { codesOut, results, sumOfDoubles } from "./memory";
import { batchRuns, runBases, runSteps } from "./nibbleCounts";

/** Of each run of a batch: two sums of levels, and two of their squares; whether it must be looked into. */
export const sums: usize = codesOut + 0x1a000;
export const areSpecial: usize = sums + 16 * batchRuns;

let sum: v128 = i64x2.splat(0);
let squares: v128 = i64x2.splat(0);
export let min: f32 = 0;
export let max: f32 = 0;

export function startSums(): void {
  memory.fill(runBases, 0, 4 * batchRuns);
  sum = f64x2.splat(0);
  squares = f64x2.splat(0);
  min = Infinity;
  max = -Infinity;
}

export function finishSums(): void {
  store<f64>(results, sumOfDoubles(sum));
  store<f64>(results, sumOfDoubles(squares), 8);
  store<f64>(results, <f64>min, 16);
  store<f64>(results, <f64>max, 24);
}

export function addExtreme(value: f32): void {
  min = Mathf.min(min, value);
  max = Mathf.max(max, value);
}

/** Types of runs: i64 with levels that are integers and a base, i32 without a base, f32 with any levels and no base. */
export function haveBase<T>(): bool {
  return sizeof<T>() === 8;
}

/** What fills the last four runs up adds nothing. @returns the runs with those. */
export function fillUp(runs: usize): usize {
  let end = runs;
  for (; end & 3; end++) {
    store<f32>(4 * end, 0, runSteps);
    store<f32>(4 * end, 0, runBases);
    v128.store(16 * end, i64x2.splat(0), sums);
  }
  return end;
}

/** Whether four runs may have values outside of what was found so far, with levels between those two. */
export function areOutside<T>(
  step: v128,
  base: v128,
  levelFrom: v128,
  levelTo: v128,
  least: v128,
  largest: v128,
): v128 {
  let first = f32x4.mul(step, levelFrom);
  let last = f32x4.mul(step, levelTo);
  if (haveBase<T>()) {
    first = f32x4.sub(first, base);
    last = f32x4.sub(last, base);
  }
  return v128.or(f32x4.lt(f32x4.pmin(first, last), least), f32x4.gt(f32x4.pmax(first, last), largest));
}

/** Makes sums of values of those of levels. @param codes of a run; `runs` is a multiple of four. */
export function addSums<T>(runs: usize, codes: f64): void {
  let total = sum;
  let totalSquares = squares;
  const many = f64x2.splat(codes);
  for (let at: usize = 0; at < 16 * runs; at += 64) {
    const a = v128.load(at, sums);
    const b = v128.load(at, sums + 16);
    const c = v128.load(at, sums + 32);
    const d = v128.load(at, sums + 48);
    const ofLevels = sumsOfPairs<T>(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(c, d, 0, 4, 1, 5));
    const ofSquares = sumsOfPairs<T>(i32x4.shuffle(a, b, 2, 6, 3, 7), i32x4.shuffle(c, d, 2, 6, 3, 7));
    const step = v128.load(at >> 2, runSteps);
    const first = f64x2.promote_low_f32x4(step);
    const second = f64x2.promote_low_f32x4(i64x2.shuffle(step, step, 1, 1));
    const scaled = f64x2.mul(first, doublesOf<T>(ofLevels));
    const nextScaled = f64x2.mul(second, doublesOf<T>(i64x2.shuffle(ofLevels, ofLevels, 1, 1)));
    total = f64x2.add(total, f64x2.add(scaled, nextScaled));
    totalSquares = f64x2.add(
      totalSquares,
      f64x2.add(
        f64x2.mul(f64x2.mul(first, first), doublesOf<T>(ofSquares)),
        f64x2.mul(f64x2.mul(second, second), doublesOf<T>(i64x2.shuffle(ofSquares, ofSquares, 1, 1))),
      ),
    );
    if (haveBase<T>()) {
      const bases = v128.load(at >> 2, runBases);
      const base = f64x2.promote_low_f32x4(bases);
      const nextBase = f64x2.promote_low_f32x4(i64x2.shuffle(bases, bases, 1, 1));
      const taken = f64x2.mul(base, many);
      const nextTaken = f64x2.mul(nextBase, many);
      total = f64x2.sub(total, f64x2.add(taken, nextTaken));
      const mixed = f64x2.mul(base, f64x2.sub(taken, f64x2.add(scaled, scaled)));
      const nextMixed = f64x2.mul(nextBase, f64x2.sub(nextTaken, f64x2.add(nextScaled, nextScaled)));
      totalSquares = f64x2.add(totalSquares, f64x2.add(mixed, nextMixed));
    }
  }
  sum = total;
  squares = totalSquares;
}

/** The first halves and the last ones of two, added. */
function sumsOfPairs<T>(a: v128, b: v128): v128 {
  const first = i64x2.shuffle(a, b, 0, 2);
  const second = i64x2.shuffle(a, b, 1, 3);
  return isFloat<T>() ? f32x4.add(first, second) : i32x4.add(first, second);
}

function doublesOf<T>(numbers: v128): v128 {
  return isFloat<T>() ? f64x2.promote_low_f32x4(numbers) : f64x2.convert_low_i32x4_s(numbers);
}
