import { type Matrix, maxAbs, valuesOf } from "../linalg/matrix";
import type { FactorShape } from "./factorShape";
import type { Factors } from "./factors";

/** Traces that ways of making factors leave in their values. */

/** Uniform values have a kurtosis of 1.8, normal ones of 3. */
const largestUniformKurtosis = 2.3;
const smallestNormalKurtosis = 2.6;

/** Room for the rounding of a bound to 16 bits. */
const boundTolerance = 1.01;

/** Which initialisation the factor that is not zero has, in PEFT's words (lora.md §1.1). */
export function describeInitialisation(factors: Factors, a: FactorShape, b: FactorShape): string | undefined {
  if (a.zero && b.zero) return undefined;
  if (a.zero) return b.isOrthonormal ? "mica" : "B random, A zero (PEFT's embeddings)";
  if (a.isOrthonormal && factors.a.rows > 1) return "eva";
  const { data } = factors.a;
  const kurtosis = kurtosisOf(data);
  const bound = maxAbs(data) * Math.sqrt(factors.a.cols);
  if (bound <= boundTolerance && kurtosis < largestUniformKurtosis) return "kaiming uniform (PEFT's default)";
  return kurtosis >= smallestNormalKurtosis && kurtosis < 4 ? "gaussian" : undefined;
}

function kurtosisOf(values: Float64Array): number {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += (values[i] as number) / values.length;
  let second = 0;
  let fourth = 0;
  for (let i = 0; i < values.length; i++) {
    const square = ((values[i] as number) - mean) ** 2;
    second += square;
    fourth += square * square;
  }
  return (fourth * values.length) / (second * second);
}

/** Exact zeros below the diagonal, as in R of a QR decomposition; training fills them at once. */
export function isUpperTriangular({ rows, cols, data }: Matrix): boolean {
  if (rows < 2 || cols < rows) return false;
  let filled = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) if (data[i * cols + j] !== 0) return false;
    if (data[i * cols + i] !== 0) filled++;
  }
  return filled * 2 > rows;
}

/** Values looked at for a largest one that repeats: after a cut at the 0.99 quantile some forty times. */
const sampleBlocks = 8;
const blockLength = 512;
const sampled = new Float64Array(blockLength);

/**
 * The largest magnitude occurs in more than 0.1 % of the values, and more often than in a few by chance. Looks at
 * some stretches of a large factor: what was cut at a quantile repeats in each.
 */
export function isClamped(matrix: Matrix): boolean {
  const data = valuesOf(matrix);
  const isSmall = data.length <= 2 * sampleBlocks * blockLength;
  const blocks = isSmall ? 1 : sampleBlocks;
  const length = isSmall ? data.length : blockLength;
  // Of doubles alone, whatever the factor holds: a loop over both kinds of arrays takes three times as long.
  const values = length === blockLength ? sampled : new Float64Array(length);
  let largest = 0;
  let count = 0;
  for (let block = 0; block < blocks; block++) {
    const start = Math.floor((block * (data.length - length)) / Math.max(blocks - 1, 1));
    values.set(data.subarray(start, start + length));
    for (let i = 0; i < length; i++) {
      const magnitude = Math.abs(values[i] as number);
      if (magnitude > largest) {
        largest = magnitude;
        count = 1;
      } else if (magnitude === largest) count++;
    }
  }
  return count >= 4 && count > 0.001 * blocks * length;
}

/** A = [A_t; A_0] and B = [B_t, -B_0]: component k + r/2 points where component k does in A, and against it in B. */
export function isConverted(gramA: Matrix, gramB: Matrix): boolean {
  const r = gramA.rows;
  const half = r / 2;
  if (r < 4 || !Number.isInteger(half)) return false;
  let cosineA = 0;
  let cosineB = 0;
  for (let k = 0; k < half; k++) {
    cosineA += cosine(gramA, k, k + half) / half;
    cosineB += cosine(gramB, k, k + half) / half;
  }
  return cosineA > 0.8 && cosineB < -0.8;
}

/** Of two components, from their Gram matrix; 0 where one has no length. */
export function cosine({ rows, data }: Matrix, k: number, l: number): number {
  const lengths = Math.sqrt((data[k * rows + k] as number) * (data[l * rows + l] as number));
  return lengths === 0 ? 0 : (data[k * rows + l] as number) / lengths;
}
