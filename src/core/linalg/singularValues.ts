import { createMatrix, isFiniteMatrix, type Matrix, maxAbs, powerOfTwoNear, transpose } from "./matrix";
import { qr } from "./qr";
import { svd } from "./svd";

/** Two to three iterations a value are usual; beyond, `svd` is asked. */
const maxIterationsPerValue = 30;

/**
 * The singular values alone, largest first, by bidiagonalisation and implicit QR (Golub and Reinsch 1970): at r = 64 a
 * tenth of the work of `svd`. Errors stay below some 2⁻⁵²·σ₁ whatever the value, so of values far below σ₁ fewer digits
 * are right than `svd` gives.
 * @throws RangeError when a value is NaN or infinite.
 */
export function singularValuesOf(matrix: Matrix): Float64Array {
  if (!isFiniteMatrix(matrix)) throw new RangeError("A matrix with NaN or infinite values has no SVD.");
  const tall = matrix.rows < matrix.cols ? transpose(matrix) : matrix;
  const scale = powerOfTwoNear(maxAbs(tall.data));
  const scaled = createMatrix(
    tall.rows,
    tall.cols,
    tall.data.map((value) => value / scale),
  );
  const square = tall.rows > tall.cols ? qr(scaled).r : scaled;
  const bidiagonal = bidiagonalize(square.data, square.cols);
  if (!diagonalize(bidiagonal)) return svd(matrix).s;
  return bidiagonal.diagonal
    .map((value) => Math.abs(value) * scale)
    .sort()
    .reverse();
}

interface Bidiagonal {
  readonly diagonal: Float64Array;
  /** Element k lies right of diagonal element k; the last is 0. */
  readonly above: Float64Array;
}

/** Householder reflections from both sides (Golub and Van Loan, Matrix Computations, 5.4.8), in place of `data` (n×n). */
function bidiagonalize(data: Float64Array, n: number): Bidiagonal {
  const diagonal = new Float64Array(n);
  const above = new Float64Array(n);
  const column = new Float64Array(n);
  const row = new Float64Array(n);
  const sums = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    for (let i = k; i < n; i++) column[i] = data[i * n + k] as number;
    diagonal[k] = makeReflector(column, k, n);
    if (k === n - 1) break;
    sums.fill(0, k + 1);
    for (let i = k; i < n; i++) addRow(sums, 0, column[i] as number, data, i * n, k + 1, n);
    addRow(data, k * n, -(column[k] as number), sums, 0, k + 1, n);
    for (let j = k + 1; j < n; j++) row[j] = data[k * n + j] as number;
    above[k] = makeReflector(row, k + 1, n);
    for (let i = k + 1; i < n; i++) reflectTwice(data, i * n, column[i] as number, sums, row, k + 1, n);
  }
  return { diagonal, above };
}

/**
 * Makes of x in vector[from … n) a v of length √2, so that (1 - v·vᵀ)x = β·e₁, and returns β. Of nothing it makes
 * nothing.
 */
function makeReflector(vector: Float64Array, from: number, n: number): number {
  let square = 0;
  for (let i = from + 1; i < n; i++) square += (vector[i] as number) * (vector[i] as number);
  const head = vector[from] as number;
  if (square === 0) {
    vector.fill(0, from);
    return head;
  }
  const norm = Math.sqrt(head * head + square);
  const shifted = head + (head < 0 ? -norm : norm);
  const factor = 1 / Math.sqrt(norm * Math.abs(shifted));
  vector[from] = shifted * factor;
  for (let i = from + 1; i < n; i++) vector[i] = (vector[i] as number) * factor;
  return head < 0 ? norm : -norm;
}

function addRow(
  target: Float64Array,
  targetAt: number,
  factor: number,
  source: Float64Array,
  sourceAt: number,
  from: number,
  to: number,
): void {
  for (let j = from; j < to; j++) {
    target[targetAt + j] = (target[targetAt + j] as number) + factor * (source[sourceAt + j] as number);
  }
}

/** Takes factor·sums from a row, and then reflects it with 1 - v·vᵀ. */
function reflectTwice(
  data: Float64Array,
  at: number,
  factor: number,
  sums: Float64Array,
  v: Float64Array,
  from: number,
  n: number,
): void {
  let even = 0;
  let odd = 0;
  let j = from;
  for (; j + 1 < n; j += 2) {
    const first = (data[at + j] as number) - factor * (sums[j] as number);
    const second = (data[at + j + 1] as number) - factor * (sums[j + 1] as number);
    data[at + j] = first;
    data[at + j + 1] = second;
    even += first * (v[j] as number);
    odd += second * (v[j + 1] as number);
  }
  if (j < n) {
    const last = (data[at + j] as number) - factor * (sums[j] as number);
    data[at + j] = last;
    even += last * (v[j] as number);
  }
  addRow(data, at, -(even + odd), v, 0, from, n);
}

/**
 * Turns the elements above the diagonal to nothing, from below, with cuts where one or a diagonal element is negligible.
 * False where it does not end.
 */
function diagonalize(bidiagonal: Bidiagonal): boolean {
  const { diagonal: d, above: e } = bidiagonal;
  const least = Number.EPSILON * 2 ** -10 * Math.max(maxAbs(d), maxAbs(e));
  let left = maxIterationsPerValue * d.length;
  for (let end = d.length - 1; end > 0; ) {
    const start = startOfBlock(bidiagonal, end, least);
    if (start === end) end--;
    else if (left-- === 0) return false;
    else {
      const zero = lastNegligible(bidiagonal, start, end, least);
      if (zero === undefined) chase(bidiagonal, start, end);
      else if (zero === end) clearColumn(bidiagonal, start, end);
      else clearRow(bidiagonal, zero, end);
    }
  }
  return true;
}

/** The first element of the block that ends at `end`: what lies above the diagonal before it is made 0. */
function startOfBlock({ diagonal: d, above: e }: Bidiagonal, end: number, least: number): number {
  for (let k = end - 1; k >= 0; k--) {
    const beside = Math.abs(d[k] as number) + Math.abs(d[k + 1] as number);
    if (Math.abs(e[k] as number) > least + Number.EPSILON * beside) continue;
    e[k] = 0;
    return k + 1;
  }
  return 0;
}

function lastNegligible(
  { diagonal: d, above: e }: Bidiagonal,
  start: number,
  end: number,
  least: number,
): number | undefined {
  for (let k = end; k >= start; k--) {
    const beside = (k < end ? Math.abs(e[k] as number) : 0) + (k > start ? Math.abs(e[k - 1] as number) : 0);
    if (Math.abs(d[k] as number) > least + Number.EPSILON * beside) continue;
    d[k] = 0;
    return k;
  }
  return undefined;
}

/** The last diagonal element is 0: rotates what lies above it away. */
function clearColumn({ diagonal: d, above: e }: Bidiagonal, start: number, end: number): void {
  let bulge = e[end - 1] as number;
  e[end - 1] = 0;
  for (let k = end - 1; k >= start; k--) {
    const length = Math.hypot(d[k] as number, bulge);
    const [cosine, sine] = length === 0 ? [1, 0] : [(d[k] as number) / length, bulge / length];
    d[k] = length;
    if (k === start) return;
    bulge = -sine * (e[k - 1] as number);
    e[k - 1] = cosine * (e[k - 1] as number);
  }
}

/** A diagonal element is 0: rotates what lies right of it away. */
function clearRow({ diagonal: d, above: e }: Bidiagonal, zero: number, end: number): void {
  let bulge = e[zero] as number;
  e[zero] = 0;
  for (let k = zero + 1; k <= end; k++) {
    const length = Math.hypot(d[k] as number, bulge);
    const [cosine, sine] = length === 0 ? [1, 0] : [(d[k] as number) / length, bulge / length];
    d[k] = length;
    if (k === end) return;
    bulge = -sine * (e[k] as number);
    e[k] = cosine * (e[k] as number);
  }
}

/** One implicit QR step with Wilkinson's shift (Golub and Van Loan, 8.6.2). */
function chase({ diagonal: d, above: e }: Bidiagonal, start: number, end: number): void {
  const first = d[start] as number;
  const last = d[end] as number;
  let x = (first - last) * (first + last) + shiftOf(d[end - 1] as number, last, e[end - 1] as number);
  let y = first * (e[start] as number);
  for (let k = start; k < end; k++) {
    const own = d[k] as number;
    const right = e[k] as number;
    const below = d[k + 1] as number;
    let length = Math.sqrt(x * x + y * y);
    let cosine = length === 0 ? 1 : x / length;
    let sine = length === 0 ? 0 : y / length;
    if (k > start) e[k - 1] = length;
    x = cosine * own + sine * right;
    const moved = cosine * right - sine * own;
    y = sine * below;
    const lowered = cosine * below;
    length = Math.sqrt(x * x + y * y);
    cosine = length === 0 ? 1 : x / length;
    sine = length === 0 ? 0 : y / length;
    d[k] = length;
    x = cosine * moved + sine * lowered;
    d[k + 1] = cosine * lowered - sine * moved;
    y = sine * (e[k + 1] as number);
    e[k + 1] = cosine * (e[k + 1] as number);
  }
  e[end - 1] = x;
}

/** What takes the place of -σ² of the last diagonal element, so that the shift is the nearer eigenvalue of its block. */
function shiftOf(before: number, last: number, beside: number): number {
  const half = ((before + last) * (before - last) + beside * beside) / 2;
  const product = last * beside * (last * beside);
  if (half === 0 && product === 0) return 0;
  const root = Math.sqrt(half * half + product);
  return product / (half + (half < 0 ? -root : root));
}
