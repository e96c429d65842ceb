import { createMatrix, type Matrix, valuesOf } from "./matrix";
import { addProducts, fastProducts, type OperandPair, paddedCount, type Vectors } from "./panels";

export function rowVectors(matrix: Matrix): Vectors {
  const { rows: count, cols: length } = matrix;
  return { values: valuesOf(matrix), areColumns: false, stride: length, first: 0, count, length };
}

export function columnVectors(matrix: Matrix): Vectors {
  const { rows: length, cols: count } = matrix;
  return { values: valuesOf(matrix), areColumns: true, stride: count, first: 0, count, length };
}

/** The inner products of all x with all y. NaN and infinities come through. */
export function innerProducts(x: Vectors, y: Vectors): Matrix {
  const [only] = pairProducts(x === y ? [x] : [x, y], [[0, x === y ? 0 : 1]]);
  return only as Matrix;
}

/**
 * The inner products of pairs of operands, each of which is brought into the cache once for all of its pairs. Of an
 * operand with itself those below the diagonal are copies of those above.
 */
export function pairProducts(operands: readonly Vectors[], pairs: readonly OperandPair[]): readonly Matrix[] {
  const [length = 0, other = length] = new Set(operands.map((operand) => operand.length));
  if (length !== other)
    throw new RangeError(`Vectors of ${length} and of ${other} values have no inner product.`);
  const fast = fastProducts()?.inner(operands, pairs);
  // More at once than there is room for.
  if (fast === undefined && pairs.length > 1)
    return pairs.map(([x, y]) => innerProducts(operands[x] as Vectors, operands[y] as Vectors));
  const sums = fast ?? addProducts(operands, pairs);
  return pairs.map(([x, y], index) => {
    const [rows, cols] = [operands[x]?.count ?? 0, operands[y]?.count ?? 0];
    return withoutPadding(sums[index] as Float64Array, rows, cols, x === y);
  });
}

function withoutPadding(sums: Float64Array, rows: number, cols: number, isSymmetric: boolean): Matrix {
  const stride = paddedCount(cols);
  const result = createMatrix(rows, cols);
  for (let i = 0; i < rows; i++) {
    for (let j = isSymmetric ? i : 0; j < cols; j++) {
      const value = sums[i * stride + j] as number;
      result.data[i * cols + j] = value;
      if (isSymmetric) result.data[j * cols + i] = value;
    }
  }
  return result;
}
