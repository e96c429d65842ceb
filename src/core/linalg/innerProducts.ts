import { createMatrix, type Matrix, valuesOf } from "./matrix";
import {
  addPanelProducts,
  createPanel,
  createSums,
  fastProducts,
  packColumns,
  packRows,
  paddedCount,
  panelWidth,
  type Vectors,
} from "./panels";

export function rowVectors(matrix: Matrix): Vectors {
  return { values: valuesOf(matrix), areColumns: false, count: matrix.rows, length: matrix.cols };
}

export function columnVectors(matrix: Matrix): Vectors {
  return { values: valuesOf(matrix), areColumns: true, count: matrix.cols, length: matrix.rows };
}

/**
 * The inner products of all x with all y. Of one and the same, only those on and above the diagonal are added up. NaN and
 * infinities come through.
 */
export function innerProducts(x: Vectors, y: Vectors): Matrix {
  if (x.length !== y.length)
    throw new RangeError(`Vectors of ${x.length} and of ${y.length} values have no inner product.`);
  const sums = fastProducts()?.inner(x, y) ?? plainProducts(x, y);
  const stride = paddedCount(y.count);
  const result = createMatrix(x.count, y.count);
  for (let i = 0; i < x.count; i++) {
    for (let j = x === y ? i : 0; j < y.count; j++) {
      const value = sums[i * stride + j] as number;
      result.data[i * y.count + j] = value;
      if (x === y) result.data[j * y.count + i] = value;
    }
  }
  return result;
}

function plainProducts(x: Vectors, y: Vectors): Float64Array {
  const [paddedX, paddedY] = [paddedCount(x.count), paddedCount(y.count)];
  const sums = createSums(paddedX * paddedY);
  const panelX = createPanel(x.count);
  const panelY = x === y ? panelX : createPanel(y.count);
  for (let from = 0; from < x.length; from += panelWidth) {
    const length = Math.min(panelWidth, x.length - from);
    pack(panelX, x, from, length);
    if (x !== y) pack(panelY, y, from, length);
    addPanelProducts(sums, paddedY, panelX, paddedX, panelY, paddedY, length, x === y);
  }
  return sums;
}

function pack(panel: Float64Array, vectors: Vectors, from: number, length: number): void {
  const { values, areColumns, count } = vectors;
  if (areColumns) packColumns(panel, values, count, from, length);
  else packRows(panel, values, count, vectors.length, from, length);
}
