import { createMatrix, type Matrix } from "./matrix";

/**
 * (I + S)⁻¹·(I − S) of a skew-symmetric S: the rotation that Cayley's transform makes of it. I + S has a positive
 * definite symmetric part, so that elimination needs no pivots.
 */
export function cayley(skew: Matrix): Matrix {
  const { rows: size } = skew;
  const left = createMatrix(size, size, skew.data.slice());
  const right = createMatrix(
    size,
    size,
    skew.data.map((value) => -value),
  );
  for (let at = 0; at < size; at++) {
    left.data[at * size + at] = 1 + (left.data[at * size + at] as number);
    right.data[at * size + at] = 1 + (right.data[at * size + at] as number);
  }
  for (let pivot = 0; pivot < size; pivot++) {
    const own = pivot * size;
    const divisor = left.data[own + pivot] as number;
    for (let column = 0; column < size; column++) {
      left.data[own + column] = (left.data[own + column] as number) / divisor;
      right.data[own + column] = (right.data[own + column] as number) / divisor;
    }
    for (let row = 0; row < size; row++) {
      const factor = left.data[row * size + pivot] as number;
      if (row === pivot || factor === 0) continue;
      subtract(left.data, row * size, own, factor, size);
      subtract(right.data, row * size, own, factor, size);
    }
  }
  return right;
}

function subtract(data: Float64Array, to: number, from: number, factor: number, count: number): void {
  for (let at = 0; at < count; at++)
    data[to + at] = (data[to + at] as number) - factor * (data[from + at] as number);
}
