import { innerProducts, rowVectors } from "./innerProducts";
import { createMatrix, type Matrix } from "./matrix";
import type { Vectors } from "./panels";
import type { LinearOperator } from "./randomizedSvd";

/** Rows or columns of the large matrix that meet the vectors at a time. */
const blockSize = 256;

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
    return this.productsWith(vectors, this.rows, { areColumns: false, length: this.cols });
  }

  async applyTransposed(vectors: Matrix): Promise<Matrix> {
    await this.pause();
    return this.productsWith(vectors, this.cols, { areColumns: true, length: this.rows });
  }

  /** Inner products of vectors with all lines of the large matrix. */
  private productsWith(vectors: Matrix, lines: number, kind: Pick<Vectors, "areColumns" | "length">): Matrix {
    const result = createMatrix(vectors.rows, lines);
    for (let first = 0; first < lines; first += blockSize) {
      const count = Math.min(blockSize, lines - first);
      const block = { ...kind, values: this.data, stride: this.cols, first, count };
      const { data } = innerProducts(rowVectors(vectors), block);
      for (let i = 0; i < vectors.rows; i++)
        result.data.set(data.subarray(i * count, (i + 1) * count), i * lines + first);
    }
    return result;
  }
}
