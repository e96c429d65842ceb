import { createMatrix, isFiniteMatrix, type Matrix, maxAbs, powerOfTwoNear, transpose } from "./matrix";
import { applyQ, type Qr, qr } from "./qr";

/** X = U·diag(s)·Vᵀ, thin: k = min(m, n) columns in `u` (m×k) and `v` (n×k), both orthonormal. */
export interface Svd {
  readonly u: Matrix;
  /** k singular values, largest first. */
  readonly s: Float64Array;
  readonly v: Matrix;
}

/** Quadratic convergence ends it in 5 to 10 sweeps; this only bounds a case nobody has seen. */
const maxSweeps = 60;

/** Squares of columns this much shorter than the longest would vanish: such columns count as zero. */
const negligibleNorm = 1e-150;

/**
 * Singular value decomposition by one-sided Jacobi rotations (Demmel and Veselić 1992; preconditioned with QR
 * after Drmač and Veselić 2008): small singular values of matrices with graded columns come out with correct
 * digits, where bidiagonalisation loses them. Meant for small matrices: about 30·m·n² operations.
 * @param check throws to give it up; it is asked many times a sweep.
 * @throws RangeError when a value is NaN or infinite.
 */
export function svd(matrix: Matrix, check?: () => void): Svd {
  if (!isFiniteMatrix(matrix)) throw new RangeError("A matrix with NaN or infinite values has no SVD.");
  if (matrix.rows < matrix.cols) {
    const { u, s, v } = svdOfTall(transpose(matrix), check);
    return { u: v, s, v: u };
  }
  return svdOfTall(matrix, check);
}

/** For m ≥ n. With X·P = Q·R and R = W·diag(s)·Zᵀ, the factors are U = Q·W and V = P·Z. */
function svdOfTall(matrix: Matrix, check: (() => void) | undefined): Svd {
  const n = matrix.cols;
  const { factors, order, scale } = factorizeSorted(matrix);
  const rows = factors.r.data.slice();
  const rotations = createMatrix(n, n);
  for (let i = 0; i < n; i++) rotations.data[i * n + i] = 1;
  orthogonalizeRows(rows, rotations.data, n, check);
  return assemble(rows, rotations.data, n, scale, order, (w) => applyQ(factors, w));
}

/**
 * QR of the columns, longest first, divided by `scale`. Rotating the rows of R rather than its columns is what
 * makes the sweeps few: R is nearly diagonal there.
 */
function factorizeSorted(matrix: Matrix): {
  readonly factors: Qr;
  readonly order: Uint32Array;
  readonly scale: number;
} {
  const { rows: m, cols: n } = matrix;
  const scale = powerOfTwoNear(maxAbs(matrix.data));
  const order = columnsByNorm(matrix);
  const sorted = createMatrix(m, n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      sorted.data[i * n + j] = (matrix.data[i * n + (order[j] as number)] as number) / scale;
    }
  }
  return { factors: qr(sorted), order, scale };
}

/** Indices of the columns, longest first. */
function columnsByNorm(matrix: Matrix): Uint32Array {
  const { rows, cols, data } = matrix;
  const largest = maxAbs(data) || 1;
  const norms = new Float64Array(cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      const x = (data[i * cols + j] as number) / largest;
      norms[j] = (norms[j] as number) + x * x;
    }
  }
  return Uint32Array.from(norms.keys()).sort((a, b) => (norms[b] as number) - (norms[a] as number));
}

/**
 * Rotates pairs of the n rows (n values each) until all are orthogonal to working precision, and does the same
 * to `rotations`, which starts as the identity.
 */
function orthogonalizeRows(
  rows: Float64Array,
  rotations: Float64Array,
  n: number,
  check: (() => void) | undefined,
): void {
  const tolerance = Number.EPSILON * Math.sqrt(n);
  const squares = new Float64Array(n);
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    for (let i = 0; i < n; i++) squares[i] = innerProduct(rows, i * n, i * n, n);
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      check?.();
      for (let q = p + 1; q < n; q++) {
        const alpha = squares[p] as number;
        const beta = squares[q] as number;
        if (alpha === 0 || beta === 0) continue;
        const gamma = innerProduct(rows, p * n, q * n, n);
        if (Math.abs(gamma) <= tolerance * Math.sqrt(alpha) * Math.sqrt(beta)) continue;
        rotated = true;
        const zeta = (beta - alpha) / (2 * gamma);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.sqrt(1 + t * t);
        const sine = c * t;
        const half = sine / (1 + c);
        rotate(rows, p * n, q * n, n, sine, half);
        rotate(rotations, p * n, q * n, n, sine, half);
        squares[p] = Math.max(alpha - t * gamma, 0);
        squares[q] = beta + t * gamma;
      }
    }
    if (!rotated) return;
  }
}

function innerProduct(data: Float64Array, a: number, b: number, length: number): number {
  let s0 = 0;
  let s1 = 0;
  let i = 0;
  for (; i + 1 < length; i += 2) {
    s0 += (data[a + i] as number) * (data[b + i] as number);
    s1 += (data[a + i + 1] as number) * (data[b + i + 1] as number);
  }
  if (i < length) s0 += (data[a + i] as number) * (data[b + i] as number);
  return s0 + s1;
}

/**
 * (x, y) becomes (c·x - s·y, s·x + c·y), written with tan(φ/2) = s/(1 + c) after Rutishauser (1966): thousands
 * of rotations in a row then stay ten times closer to orthogonal.
 */
function rotate(data: Float64Array, x: number, y: number, length: number, s: number, half: number): void {
  for (let i = 0; i < length; i++) {
    const a = data[x + i] as number;
    const b = data[y + i] as number;
    data[x + i] = a - s * (b + half * a);
    data[y + i] = b + s * (a - half * b);
  }
}

/** Sorts, normalises and completes what the rotations left: row i of `rows` is s_i·z_i, of `rotations` w_i. */
function assemble(
  rows: Float64Array,
  rotations: Float64Array,
  n: number,
  scale: number,
  columnOrder: Uint32Array,
  applyLeft: (w: Matrix) => Matrix,
): Svd {
  const norms = new Float64Array(n);
  for (let i = 0; i < n; i++) norms[i] = Math.sqrt(innerProduct(rows, i * n, i * n, n));
  const floor = maxAbs(norms) * negligibleNorm;
  const order = Uint32Array.from(norms.keys()).sort((a, b) => (norms[b] as number) - (norms[a] as number));
  const s = new Float64Array(n);
  const left = createMatrix(n, n);
  const right = createMatrix(n, n);
  order.forEach((source, k) => {
    const norm = norms[source] as number;
    const known = norm > floor && norm > 0;
    s[k] = known ? norm * scale : 0;
    for (let j = 0; j < n; j++) {
      left.data[j * n + k] = rotations[source * n + j] as number;
      if (known) {
        right.data[(columnOrder[j] as number) * n + k] = (rows[source * n + j] as number) / norm;
      }
    }
  });
  completeColumns(right, s);
  return { u: applyLeft(left), s, v: right };
}

/**
 * A zero singular value leaves its right vector open: any unit vector orthogonal to the others will do. The
 * unit vector that the others cover least is taken, and cleaned twice (Gram-Schmidt is stable when repeated).
 */
function completeColumns(vectors: Matrix, s: Float64Array): void {
  const { rows: n, cols, data } = vectors;
  const covered = new Float64Array(n);
  for (let k = 0; k < cols; k++) {
    if (s[k] === 0) chooseColumn(vectors, k, covered);
    for (let i = 0; i < n; i++) covered[i] = (covered[i] as number) + (data[i * cols + k] as number) ** 2;
  }
}

function chooseColumn(vectors: Matrix, k: number, covered: Float64Array): void {
  const { rows: n, cols, data } = vectors;
  let least = 0;
  for (let i = 1; i < n; i++) if ((covered[i] as number) < (covered[least] as number)) least = i;
  data[least * cols + k] = 1;
  for (let pass = 0; pass < 2; pass++) {
    for (let other = 0; other < k; other++) {
      let overlap = 0;
      for (let i = 0; i < n; i++) {
        overlap += (data[i * cols + k] as number) * (data[i * cols + other] as number);
      }
      for (let i = 0; i < n; i++) {
        data[i * cols + k] = (data[i * cols + k] as number) - overlap * (data[i * cols + other] as number);
      }
    }
  }
  let square = 0;
  for (let i = 0; i < n; i++) square += (data[i * cols + k] as number) ** 2;
  for (let i = 0; i < n; i++) data[i * cols + k] = (data[i * cols + k] as number) / Math.sqrt(square);
}
