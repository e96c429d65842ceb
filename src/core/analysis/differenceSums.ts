/** Sums over pairs of finite values, and what else is told of pairs. */
export interface DifferenceSums {
  readonly elements: number;
  readonly compared: number;
  readonly changed: number;
  readonly mismatches: number;
  /** Of b - a; Infinity and -Infinity where there is none. */
  readonly min: number;
  readonly max: number;
  readonly absolute: number;
  readonly squares: number;
  readonly squaresOfA: number;
  readonly squaresOfB: number;
  readonly product: number;
}

export const noDifferenceSums: DifferenceSums = {
  elements: 0,
  compared: 0,
  changed: 0,
  mismatches: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  absolute: 0,
  squares: 0,
  squaresOfA: 0,
  squaresOfB: 0,
  product: 0,
};

export function addDifferenceSums(a: DifferenceSums, b: DifferenceSums): DifferenceSums {
  return {
    elements: a.elements + b.elements,
    compared: a.compared + b.compared,
    changed: a.changed + b.changed,
    mismatches: a.mismatches + b.mismatches,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    absolute: a.absolute + b.absolute,
    squares: a.squares + b.squares,
    squaresOfA: a.squaresOfA + b.squaresOfA,
    squaresOfB: a.squaresOfB + b.squaresOfB,
    product: a.product + b.product,
  };
}
