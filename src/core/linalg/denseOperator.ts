import { createMatrix, type Matrix } from "./matrix";
import { addPanelProducts, createPanel, createSums, packRows, paddedCount, panelWidth } from "./panels";
import type { LinearOperator } from "./randomizedSvd";

/** Rows or columns of the large matrix that meet the vectors at a time: with them half a megabyte, in the cache. */
const blockSize = 64;

/**
 * Products with a large matrix of single precision, accumulated in double precision.
 * @param pause lets others work between two products, each of which takes up to a second.
 */
export class DenseOperator implements LinearOperator {
  constructor(
    readonly rows: number,
    readonly cols: number,
    private readonly data: Float32Array,
    private readonly pause: () => Promise<void> = async () => {},
  ) {}

  async apply(vectors: Matrix): Promise<Matrix> {
    await this.pause();
    const { rows, cols, data } = this;
    const sums = new PaddedSums(vectors.rows, rows);
    const vectorPanel = createPanel(vectors.rows);
    const block = createPanel(blockSize);
    for (let from = 0; from < cols; from += panelWidth) {
      const length = Math.min(panelWidth, cols - from);
      packRows(vectorPanel, vectors.data, vectors.rows, cols, from, length);
      for (let first = 0; first < rows; first += blockSize) {
        const count = Math.min(blockSize, rows - first);
        packRowsOf32(block, data, first, count, cols, from, length);
        sums.add(vectorPanel, block, first, count, length);
      }
    }
    return sums.result();
  }

  async applyTransposed(vectors: Matrix): Promise<Matrix> {
    await this.pause();
    const { rows, cols, data } = this;
    const sums = new PaddedSums(vectors.rows, cols);
    const vectorPanel = createPanel(vectors.rows);
    const block = createPanel(blockSize);
    for (let from = 0; from < rows; from += panelWidth) {
      const length = Math.min(panelWidth, rows - from);
      packRows(vectorPanel, vectors.data, vectors.rows, rows, from, length);
      for (let first = 0; first < cols; first += blockSize) {
        const count = Math.min(blockSize, cols - first);
        packColumnsOf32(block, data, cols, first, count, from, length);
        sums.add(vectorPanel, block, first, count, length);
      }
    }
    return sums.result();
  }
}

/** Inner products of vectors with the lines of a large matrix, in tiles of four by four. */
class PaddedSums {
  private readonly stride: number;
  private readonly sums: Float64Array;

  constructor(
    private readonly vectors: number,
    private readonly lines: number,
  ) {
    this.stride = paddedCount(lines);
    this.sums = createSums(paddedCount(vectors) * this.stride);
  }

  add(vectorPanel: Float64Array, block: Float64Array, first: number, count: number, length: number): void {
    const target = this.sums.subarray(first);
    addPanelProducts(
      target,
      this.stride,
      vectorPanel,
      paddedCount(this.vectors),
      block,
      paddedCount(count),
      length,
    );
  }

  result(): Matrix {
    const result = createMatrix(this.vectors, this.lines);
    for (let i = 0; i < this.vectors; i++) {
      result.data.set(this.sums.subarray(i * this.stride, i * this.stride + this.lines), i * this.lines);
    }
    return result;
  }
}

function packRowsOf32(
  panel: Float64Array,
  source: Float32Array,
  first: number,
  count: number,
  cols: number,
  from: number,
  length: number,
): void {
  for (let i = 0; i < count; i++) {
    const start = (first + i) * cols + from;
    const target = i * panelWidth;
    for (let k = 0; k < length; k++) panel[target + k] = source[start + k] as number;
  }
}

function packColumnsOf32(
  panel: Float64Array,
  source: Float32Array,
  cols: number,
  first: number,
  count: number,
  from: number,
  length: number,
): void {
  for (let k = 0; k < length; k++) {
    const start = (from + k) * cols + first;
    for (let j = 0; j < count; j++) panel[j * panelWidth + k] = source[start + j] as number;
  }
}
