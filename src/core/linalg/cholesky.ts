import { createMatrix, type Matrix } from "./matrix";

/** R of a QR decomposition, without Q. */
export interface GramFactor {
  /** Upper triangular. */
  readonly r: Matrix;
  /**
   * The smallest squared distance of a column, brought to length 1, from the span of those before it: 1 for
   * orthogonal columns, 0 for dependent ones. Relative errors of what follows from `r` grow with 2⁻⁵² / √pivot.
   */
  readonly pivot: number;
}

/**
 * R, upper triangular, with RᵀR = `gram`, the Gram matrix of some columns: what a QR of the columns would give, at
 * half the price. The columns are brought to length 1 first, because only their angles make the problem hard.
 * Undefined when columns are dependent to rounding, or too short or too long for their squares.
 */
export function choleskyOfGram(gram: Matrix): GramFactor | undefined {
  const n = gram.rows;
  const lengths = new Float64Array(n);
  for (let i = 0; i < n; i++) lengths[i] = Math.sqrt(gram.data[i * n + i] as number);
  if (!lengths.every((length) => length > smallestLength && length < largestLength)) return undefined;
  const r = createMatrix(n, n);
  const { data } = r;
  let pivot = 1;
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      const cosine = (gram.data[i * n + j] as number) / ((lengths[i] as number) * (lengths[j] as number));
      let rest = i === j ? 1 : cosine;
      for (let k = 0; k < i; k++) rest -= (data[k * n + i] as number) * (data[k * n + j] as number);
      if (i !== j) data[i * n + j] = rest / (data[i * n + i] as number);
      else if (!(rest > smallestPivot)) return undefined;
      else {
        data[i * n + i] = Math.sqrt(rest);
        pivot = Math.min(pivot, rest);
      }
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) data[i * n + j] = (data[i * n + j] as number) * (lengths[j] as number);
  }
  return { r, pivot };
}

/** Below, nothing but rounding is left. */
const smallestPivot = 1e-14;

/** Squares of these neither overflow nor lose digits. */
const smallestLength = 1e-140;
const largestLength = 1e140;
