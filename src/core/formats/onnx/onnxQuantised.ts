/** What of a node tells how many parameters its inputs stand for. */
export interface OnnxNode {
  readonly type: string;
  /** By their places; empty where one is left out. */
  readonly inputs: readonly string[];
  /** Attributes that are whole numbers. */
  readonly numbers: ReadonlyMap<string, number>;
}

/**
 * Places of the inputs that are scales, zero points and the like, by the operators of quantised models (ONNX's
 * Operators.md, ONNX Runtime's ContribOperators.md).
 */
const sharedNumbers: Readonly<Record<string, readonly number[]>> = {
  DequantizeLinear: [1, 2],
  QuantizeLinear: [1, 2],
  MatMulInteger: [2, 3],
  ConvInteger: [2, 3],
  QLinearMatMul: [1, 2, 4, 5, 6, 7],
  QLinearConv: [1, 2, 4, 5, 6, 7],
  MatMulIntegerToFloat: [2, 3, 4, 5],
  DynamicQuantizeMatMul: [2, 3],
  DynamicQuantizeLSTM: [8, 9, 10, 11],
  MatMulNBits: [2, 3, 4],
  MatMulBnb4: [2],
  GatherBlockQuantized: [2, 3],
  QGemm: [1, 2, 4, 5, 7, 8],
  QAttention: [3, 4, 6, 7],
  QLinearAdd: [1, 2, 4, 5, 6, 7],
  QLinearMul: [1, 2, 4, 5, 6, 7],
  QLinearSigmoid: [1, 2, 3, 4],
  QLinearLeakyRelu: [1, 2, 3, 4],
  QLinearSoftmax: [1, 2, 3, 4],
  QLinearReduceMean: [1, 2, 3, 4],
  QLinearAveragePool: [1, 2, 3, 4],
  QLinearGlobalAveragePool: [1, 2, 3, 4],
  QLinearWhere: [2, 3, 5, 6, 7, 8],
};

/** Whether the inputs of an operator are looked at. */
export function isQuantised(type: string): boolean {
  return Object.hasOwn(sharedNumbers, type) || type === "QLinearConcat";
}

/** The inputs of a node that stand for another number of parameters than they have elements. */
export function* standingFor({ type, inputs, numbers }: OnnxNode): Generator<readonly [string, number]> {
  // Of QLinearConcat the scale and zero point of the result, then three inputs for each part.
  const places =
    type === "QLinearConcat"
      ? inputs.flatMap((_, at) => (at < 2 || (at - 2) % 3 !== 0 ? [at] : []))
      : isQuantised(type)
        ? (sharedNumbers[type] ?? [])
        : [];
  for (const place of places) if (inputs[place]) yield [inputs[place], 0];
  const [rows, columns] = [numbers.get("N"), numbers.get("K")];
  const codes = inputs[1];
  const isMatrix = type === "MatMulNBits" || type === "MatMulBnb4";
  if (isMatrix && codes && rows !== undefined && columns !== undefined) yield [codes, rows * columns];
}
