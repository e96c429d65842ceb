import { createMatrix, type Matrix, valuesOf } from "./matrix";
import {
  addPanelProducts,
  createPanel,
  createSums,
  packColumns,
  packRows,
  paddedCount,
  panelWidth,
} from "./panels";

/** X·Xᵀ for X r×n: the inner products of its rows. NaN and infinities come through. */
export function gramOfRows(matrix: Matrix): Matrix {
  const { rows, cols } = matrix;
  const values = valuesOf(matrix);
  return gram(rows, cols, (panel, from, length) => packRows(panel, values, rows, cols, from, length));
}

/** XᵀX for X m×r: the inner products of its columns. */
export function gramOfColumns(matrix: Matrix): Matrix {
  const { rows, cols } = matrix;
  const values = valuesOf(matrix);
  return gram(cols, rows, (panel, from, length) => packColumns(panel, values, cols, from, length));
}

/** XᵀY for X m×k and Y m×l: the inner products of their columns. */
export function productOfColumns(x: Matrix, y: Matrix): Matrix {
  if (x.rows !== y.rows)
    throw new RangeError(`Columns of ${x.rows} and of ${y.rows} values have no product.`);
  const [paddedX, paddedY] = [paddedCount(x.cols), paddedCount(y.cols)];
  const sums = createSums(paddedX * paddedY);
  const [panelX, panelY] = [createPanel(x.cols), createPanel(y.cols)];
  const [valuesX, valuesY] = [valuesOf(x), valuesOf(y)];
  for (let from = 0; from < x.rows; from += panelWidth) {
    const length = Math.min(panelWidth, x.rows - from);
    packColumns(panelX, valuesX, x.cols, from, length);
    packColumns(panelY, valuesY, y.cols, from, length);
    addPanelProducts(sums, paddedY, panelX, paddedX, panelY, paddedY, length);
  }
  const result = createMatrix(x.cols, y.cols);
  for (let i = 0; i < x.cols; i++) {
    result.data.set(sums.subarray(i * paddedY, i * paddedY + y.cols), i * y.cols);
  }
  return result;
}

function gram(
  count: number,
  total: number,
  pack: (panel: Float64Array, from: number, length: number) => void,
): Matrix {
  const padded = paddedCount(count);
  const sums = createSums(padded * padded);
  const panel = createPanel(count);
  for (let from = 0; from < total; from += panelWidth) {
    const length = Math.min(panelWidth, total - from);
    pack(panel, from, length);
    addPanelProducts(sums, padded, panel, padded, panel, padded, length, true);
  }
  return mirrored(sums, padded, count);
}

/** The leading `count`×`count` block, whose lower half is copied from the upper one. */
function mirrored(sums: Float64Array, stride: number, count: number): Matrix {
  const result = createMatrix(count, count);
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      const value = sums[i * stride + j] as number;
      result.data[i * count + j] = value;
      result.data[j * count + i] = value;
    }
  }
  return result;
}
