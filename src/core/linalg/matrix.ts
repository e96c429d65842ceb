/** A dense matrix in row-major order: element (i, j) is `data[i * cols + j]`. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  /** `rows · cols` values. */
  readonly data: Float64Array;
}

/** A matrix of zeros, or over `data`, which it keeps and does not copy. */
export function createMatrix(
  rows: number,
  cols: number,
  data: Float64Array = new Float64Array(rows * cols),
): Matrix {
  if (data.length !== rows * cols) {
    throw new RangeError(`A ${rows} × ${cols} matrix needs ${rows * cols} values, not ${data.length}.`);
  }
  return { rows, cols, data };
}

/**
 * A matrix as it was stored, in single precision. Whoever asks for `data` gets it in double precision, and may change it:
 * from then on it is what counts.
 */
class StoredMatrix implements Matrix {
  #singles: Float32Array | undefined;
  #data: Float64Array | undefined;

  constructor(
    readonly rows: number,
    readonly cols: number,
    singles: Float32Array,
  ) {
    this.#singles = singles;
  }

  get data(): Float64Array {
    this.#data ??= new Float64Array(this.#singles ?? []);
    this.#singles = undefined;
    return this.#data;
  }

  get values(): Float32Array | Float64Array {
    return this.#singles ?? this.data;
  }
}

/** A matrix over single precision, which it keeps and widens when `data` is first asked for. */
export function storedMatrix(rows: number, cols: number, singles: Float32Array): Matrix {
  return new StoredMatrix(rows, cols, singles);
}

/** The values of a matrix to be read, in single precision where it was stored so: half the memory, and none anew. */
export function valuesOf(matrix: Matrix): Float32Array | Float64Array {
  return matrix instanceof StoredMatrix ? matrix.values : matrix.data;
}

/** Every element times `factor`; with 1 the matrix itself, to the last bit. */
export function scaledMatrix(matrix: Matrix, factor: number): Matrix {
  return factor === 1 ? matrix : { ...matrix, data: matrix.data.map((value) => value * factor) };
}

/** Blocks of this size keep both the rows read and the rows written in the first-level cache. */
const blockSize = 16;

export function transpose(matrix: Matrix): Matrix {
  const { rows, cols, data } = matrix;
  const result = new Float64Array(rows * cols);
  for (let rowBlock = 0; rowBlock < rows; rowBlock += blockSize) {
    const rowEnd = Math.min(rowBlock + blockSize, rows);
    for (let colBlock = 0; colBlock < cols; colBlock += blockSize) {
      const colEnd = Math.min(colBlock + blockSize, cols);
      for (let i = rowBlock; i < rowEnd; i++) {
        for (let j = colBlock; j < colEnd; j++) result[j * rows + i] = data[i * cols + j] as number;
      }
    }
  }
  return { rows: cols, cols: rows, data: result };
}

/** A copy of some rows and columns. */
export function submatrix(
  { cols, data }: Matrix,
  rows: readonly number[],
  columns: readonly number[],
): Matrix {
  const result = createMatrix(rows.length, columns.length);
  for (let i = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * cols;
    for (let j = 0; j < columns.length; j++) {
      result.data[i * columns.length + j] = data[from + (columns[j] as number)] as number;
    }
  }
  return result;
}

/** √Σ x² over all elements. Rescaled where the squares would overflow or vanish. */
export function frobeniusNorm(matrix: Matrix): number {
  return vectorNorm(matrix.data, 0, matrix.data.length);
}

/** Squares in this range neither overflow nor lose digits, however many of them are added. */
const smallestSafeSquare = 1e-280;
const largestSafeSquare = 1e280;

/** Euclidean norm of `data[start … end)`. NaN and infinities come through. */
export function vectorNorm(data: Float64Array, start: number, end: number): number {
  const square = sumOfSquares(data, start, end, 1);
  if (square === 0 || (square > smallestSafeSquare && square < largestSafeSquare)) {
    // Squares of denormal size may have vanished: zero is believed only when every element is.
    if (square !== 0 || maxAbs(data, start, end) === 0) return Math.sqrt(square);
  }
  const largest = maxAbs(data, start, end);
  if (!(largest < Number.POSITIVE_INFINITY)) return Number.isNaN(square) ? Number.NaN : largest;
  const scale = powerOfTwoNear(largest);
  return Math.sqrt(sumOfSquares(data, start, end, 1 / scale)) * scale;
}

function sumOfSquares(data: Float64Array, start: number, end: number, factor: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    const x0 = (data[i] as number) * factor;
    const x1 = (data[i + 1] as number) * factor;
    const x2 = (data[i + 2] as number) * factor;
    const x3 = (data[i + 3] as number) * factor;
    s0 += x0 * x0;
    s1 += x1 * x1;
    s2 += x2 * x2;
    s3 += x3 * x3;
  }
  for (; i < end; i++) {
    const x = (data[i] as number) * factor;
    s0 += x * x;
  }
  return s0 + s1 + (s2 + s3);
}

/** Largest |x|; NaNs are passed over. */
export function maxAbs(data: Float64Array, start = 0, end = data.length): number {
  let largest = 0;
  for (let i = start; i < end; i++) {
    const magnitude = Math.abs(data[i] as number);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/** A power of two near a positive number: dividing by it is exact. Kept invertible at both ends of the range. */
export function powerOfTwoNear(value: number): number {
  if (!(value > 0) || value === Number.POSITIVE_INFINITY) return 1;
  return 2 ** Math.min(Math.max(Math.floor(Math.log2(value)), -1000), 1000);
}

export function isFiniteMatrix(matrix: Matrix): boolean {
  const values = valuesOf(matrix);
  // x·0 is 0 for every number and NaN for NaN and infinities; sums that do not wait for each other are fastest.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    s0 += (values[i] as number) * 0;
    s1 += (values[i + 1] as number) * 0;
    s2 += (values[i + 2] as number) * 0;
    s3 += (values[i + 3] as number) * 0;
  }
  for (; i < values.length; i++) s0 += (values[i] as number) * 0;
  return s0 + s1 + s2 + s3 === 0;
}
