import { createMatrix, type Matrix } from "../linalg/matrix";
import { multiply } from "../linalg/multiply";
import { normals } from "../linalg/normals";

const seed = 20260301;

/**
 * What an update does to one fixed random input, ΔW·x with x of norm about 1: small enough to be kept of every module
 * until all are read back, and other for every other update, of which a norm alone says little.
 */
export function probeOf(a: Matrix, b: Matrix, scale: number): Float64Array {
  const normal = normals(seed);
  const size = 1 / Math.sqrt(a.cols);
  const x = createMatrix(
    a.cols,
    1,
    Float64Array.from({ length: a.cols }, () => size * normal()),
  );
  return multiply(b, multiply(a, x)).data.map((value) => scale * value);
}

/** ‖p - q‖ relative to what a probe of an update of this norm is expected to be; infinite where their sizes differ. */
export function probeDeviation(
  expected: Float64Array,
  actual: Float64Array,
  norm: number,
  inputs: number,
): number {
  if (expected.length !== actual.length) return Number.POSITIVE_INFINITY;
  const square = expected.reduce((sum, value, at) => sum + (value - (actual[at] as number)) ** 2, 0);
  const distance = Math.sqrt(square);
  return norm === 0 ? distance : distance / (norm / Math.sqrt(inputs));
}
