import type { LoraModule } from "../../adapter/loraModule";
import { orientedWeight } from "../../base/intrudersOfModule";
import { createMatrix } from "../../linalg/matrix";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import type { Tensor } from "../../tensors/tensor";
import { type Factors, loadFactors } from "../../update/factors";
import {
  type FoundIntruders,
  findIntruders,
  type IntruderOptions,
  type IntruderReport,
} from "../../update/intruders";
import { type PlainFactors, truncatedFactors } from "../../update/truncatedFactors";
import { UpdateAnalysis } from "../../update/updateAnalysis";

/** An update and the weight that it changes. */
export interface IntrudersTask {
  readonly kind: "intruders";
  readonly module: LoraModule;
  readonly weight: Tensor;
  /** What stays of each intruder direction of W + ΔW, from 0 to 1; undefined only looks for them. */
  readonly scale: number | undefined;
}

/** One update before and after. */
export interface CalmedUpdate {
  readonly before: IntruderReport;
  /** Undefined where nothing was changed. */
  readonly after: IntruderReport | undefined;
  /** ‖ΔW‖_F. */
  readonly normBefore: number;
  readonly normAfter: number;
  /** ‖ΔW′ − what its rank can hold‖_F / ‖ΔW′‖_F. */
  readonly cutError: number;
  /** Of the factors that were made: ΔW′ = scale·B·A. */
  readonly scale: number;
}

interface CalmModule {
  readonly factors: PlainFactors | undefined;
  readonly calmed?: CalmedUpdate;
  /** Why there are none. A sentence for people. */
  readonly refused?: string;
}

/** Directions that are intruders, or may be one, for the most that could be compared. */
export function intrudersIn({ directions }: IntruderReport): number {
  return directions.filter(({ verdict }) => verdict !== "no").length;
}

/** Looks for the intruders of one module, and makes factors in which they are scaled. */
export async function calmModule(
  { module, weight: tensor, scale }: IntrudersTask,
  readAdapter: ReadTensorRange,
  readBase: ReadTensorRange,
  options: IntruderOptions,
): Promise<CalmModule> {
  const factors = await loadFactors(module, (each) => readAdapter(each, 0, each.byteSize));
  if (!factors.finite)
    return { factors: undefined, refused: `${module.module} holds NaN or infinite values.` };
  const update = new UpdateAnalysis(factors);
  try {
    const weight = await orientedWeight(module, tensor, (offset, length) => readBase(tensor, offset, length));
    const found = await findIntruders(weight, update, options);
    const before = found.report;
    const normBefore = update.metrics.frobenius;
    if (scale === undefined || intrudersIn(before) === 0) {
      const same = { after: undefined, normBefore, normAfter: normBefore, cutError: 0 };
      return { factors: { a: factors.a, b: factors.b }, calmed: { before, ...same, scale: factors.scale } };
    }
    const changed = new UpdateAnalysis(withLess(factors, found, scale));
    const rank = factors.a.rows;
    const written = Math.abs(factors.scale);
    const kept = truncatedFactors(changed, rank, written);
    const squares = [...changed.singularValues()].map((value) => value * value);
    const all = squares.reduce((sum, square) => sum + square, 0);
    const normAfter = Math.sqrt(squares.slice(0, rank).reduce((sum, square) => sum + square, 0));
    const result = new UpdateAnalysis({ ...factors, ...kept, scale: written });
    const after = (await findIntruders(weight, result, options)).report;
    const cutError = all === 0 ? 0 : Math.sqrt(Math.max(0, 1 - (normAfter * normAfter) / all));
    return { factors: kept, calmed: { before, after, normBefore, normAfter, cutError, scale: written } };
  } catch (error) {
    if (error instanceof RangeError) return { factors: undefined, refused: error.message };
    throw error;
  }
}

/** s·[B, (scale − 1)/s·σᵢuᵢ …]·[A; vᵢᵀ …] */
function withLess(factors: Factors, { report, left, right }: FoundIntruders, scale: number): Factors {
  const intruders = report.directions.flatMap(({ verdict }, at) => (verdict === "no" ? [] : [at]));
  const { a, b } = factors;
  const own = a.rows;
  const rank = own + intruders.length;
  const [moreA, moreB] = [createMatrix(rank, a.cols), createMatrix(b.rows, rank)];
  moreA.data.set(a.data);
  for (let row = 0; row < b.rows; row++)
    moreB.data.set(b.data.subarray(row * own, (row + 1) * own), row * rank);
  for (const [k, at] of intruders.entries()) {
    const weight = ((scale - 1) / factors.scale) * (report.directions[at]?.singularValue ?? 0);
    moreA.data.set(right.data.subarray(at * a.cols, (at + 1) * a.cols), (own + k) * a.cols);
    for (let row = 0; row < b.rows; row++)
      moreB.data[row * rank + own + k] = weight * (left.data[at * b.rows + row] as number);
  }
  return { ...factors, a: moreA, b: moreB };
}
