import { createMatrix, type Matrix, transpose, vectorNorm } from "./matrix";

/**
 * X = Q·R for an m×n matrix X, with k = min(m, n): Q is m×k with orthonormal columns, R k×n upper triangular.
 * Q is kept as Householder reflectors (Golub and Van Loan, Matrix Computations, 5.1-5.2): orthonormal to
 * rounding whatever the rank of X, and formed only where it is needed.
 */
export interface Qr {
  readonly rows: number;
  readonly cols: number;
  /** k×n, upper triangular; the signs of the diagonal are whatever comes out. */
  readonly r: Matrix;
  /** k×m: row j holds reflector j from column j on, in H = 1 - tau·v·vᵀ. */
  readonly reflectors: Matrix;
  readonly tau: Float64Array;
}

/** QR of `matrix` (m×n). Expects finite values. */
export function qr(matrix: Matrix): Qr {
  return factorize(transpose(matrix));
}

/** QR of the transpose of `matrix`: what a caller has who stores columns as rows. `matrix` is left alone. */
export function qrOfTransposed(matrix: Matrix): Qr {
  return factorize({ ...matrix, data: matrix.data.slice() });
}

/** Decomposes in place. Columns lie as rows of `columns`, so that every inner loop runs along memory. */
function factorize(columns: Matrix): Qr {
  const { rows: n, cols: m, data } = columns;
  const k = Math.min(m, n);
  const tau = new Float64Array(k);
  const r = createMatrix(k, n);
  for (let j = 0; j < k; j++) {
    const at = j * m;
    const diagonal = makeReflector(data, at + j, at + m, tau, j);
    if (tau[j] !== 0) reflectRows(data, at, tau[j] as number, data, m, j + 1, n, j, m);
    r.data[j * n + j] = diagonal;
    for (let column = j + 1; column < n; column++) {
      r.data[j * n + column] = data[column * m + j] as number;
    }
  }
  return { rows: m, cols: n, r, reflectors: createMatrix(k, m, data.subarray(0, k * m)), tau };
}

/**
 * Turns the vector x in data[start … end) into v with (1 - tau·v·vᵀ)x = β·e₁ and returns β. The vector is
 * normalised first, so that its squares neither overflow nor vanish; v is left with a norm near √2.
 */
function makeReflector(data: Float64Array, start: number, end: number, tau: Float64Array, j: number): number {
  const norm = vectorNorm(data, start, end);
  if (norm === 0) return 0;
  if (norm < Number.MIN_VALUE * 2 ** 52) {
    // A denormal column has too few digits to be normalised and is far below anything a weight can be.
    data.fill(0, start, end);
    return 0;
  }
  for (let i = start; i < end; i++) data[i] = (data[i] as number) / norm;
  const head = data[start] as number;
  // The sign avoids cancellation: |head| grows.
  const sign = head < 0 ? -1 : 1;
  data[start] = head + sign;
  tau[j] = 1 / (1 + Math.abs(head));
  return -sign * norm;
}

/**
 * Applies 1 - tau·v·vᵀ, with v in reflectors[at + from … at + to), to the columns `from … to` of the rows
 * `first … last` of `data` (rows of `length`). Four rows at a time: v is read once for the four, and four
 * independent sums hide the latency of the additions.
 */
function reflectRows(
  reflectors: Float64Array,
  at: number,
  tau: number,
  data: Float64Array,
  length: number,
  first: number,
  last: number,
  from: number,
  to: number,
): void {
  let row = first;
  for (; row + 3 < last; row += 4) {
    const r0 = row * length;
    const r1 = r0 + length;
    const r2 = r1 + length;
    const r3 = r2 + length;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let i = from; i < to; i++) {
      const v = reflectors[at + i] as number;
      s0 += v * (data[r0 + i] as number);
      s1 += v * (data[r1 + i] as number);
      s2 += v * (data[r2 + i] as number);
      s3 += v * (data[r3 + i] as number);
    }
    s0 *= tau;
    s1 *= tau;
    s2 *= tau;
    s3 *= tau;
    for (let i = from; i < to; i++) {
      const v = reflectors[at + i] as number;
      data[r0 + i] = (data[r0 + i] as number) - s0 * v;
      data[r1 + i] = (data[r1 + i] as number) - s1 * v;
      data[r2 + i] = (data[r2 + i] as number) - s2 * v;
      data[r3 + i] = (data[r3 + i] as number) - s3 * v;
    }
  }
  for (; row < last; row++) {
    const start = row * length;
    let sum = 0;
    for (let i = from; i < to; i++) sum += (reflectors[at + i] as number) * (data[start + i] as number);
    sum *= tau;
    for (let i = from; i < to; i++) {
      data[start + i] = (data[start + i] as number) - sum * (reflectors[at + i] as number);
    }
  }
}

/**
 * Q times every row of `rows` (p×k, each row a vector of k coordinates), as rows: p×m. With the columns of C
 * as rows this is (Q·C)ᵀ, so vectors that are stored as rows stay so.
 */
export function applyQToRows(factors: Qr, rows: Matrix): Matrix {
  const { rows: m, reflectors, tau } = factors;
  const k = reflectors.rows;
  if (rows.cols !== k) throw new RangeError(`Rows of ${rows.cols} coordinates given to a Q of ${k} columns.`);
  const result = createMatrix(rows.rows, m);
  for (let i = 0; i < rows.rows; i++) result.data.set(rows.data.subarray(i * k, (i + 1) * k), i * m);
  for (let j = k - 1; j >= 0; j--) {
    const factor = tau[j] as number;
    if (factor !== 0) reflectRows(reflectors.data, j * m, factor, result.data, m, 0, rows.rows, j, m);
  }
  return result;
}

/** Q·C for C k×p: m×p. */
export function applyQ(factors: Qr, c: Matrix): Matrix {
  return transpose(applyQToRows(factors, transpose(c)));
}
