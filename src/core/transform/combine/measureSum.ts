import type { LoraModule } from "../../adapter/loraModule";
import { createMatrix, scaledMatrix } from "../../linalg/matrix";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { type Factors, loadFactors } from "../../update/factors";
import { type PlainFactors, truncatedFactors } from "../../update/truncatedFactors";
import { UpdateAnalysis } from "../../update/updateAnalysis";
import { type Conflict, conflictOf, innerProduct } from "./conflict";

/** What one adapter gives to a module of a combination. */
interface SumPart {
  /** Which of the adapters. */
  readonly adapter: number;
  readonly weight: number;
  readonly module: LoraModule;
}

/** A module of a combination, of which the sum is to be measured. */
export interface SumTask {
  readonly kind: "sum";
  readonly parts: readonly SumPart[];
}

/** A module of a combination, of which the factors are to be written. */
export interface StackTask {
  readonly kind: "stack";
  readonly parts: readonly SumPart[];
  /** What the sum is cut to; undefined where it stays exact. */
  readonly rank: number | undefined;
  /** The factors take up the scale. */
  readonly isScaleOne: boolean;
}

export interface MeasuredSum {
  /** Of each part, weight · ‖ΔW‖. */
  readonly norms: readonly number[];
  /** ⟨w₁ΔW₁, w₂ΔW₂⟩ of two adapters. */
  readonly products: readonly { readonly a: number; readonly b: number; readonly product: number }[];
  readonly conflicts: readonly Conflict[];
  /** ‖Σ weight·ΔW‖_F. */
  readonly norm: number;
  readonly singularValues: Float64Array;
  readonly rank: number;
  readonly rows: number;
  readonly cols: number;
}

/** Reads the tensors of one of the adapters. */
type ReaderOf = (adapter: number) => ReadTensorRange;

export async function measureSum(
  { parts }: SumTask,
  readerOf: ReaderOf,
): Promise<{ readonly factors: undefined; readonly measured?: MeasuredSum; readonly refusedBy?: number }> {
  const loaded = await loadParts(parts, readerOf);
  const analyses = loaded.map(({ factors }) => new UpdateAnalysis(factors));
  const wrong = analyses.findIndex(({ metrics }) => !metrics.finite);
  if (wrong >= 0) return { factors: undefined, refusedBy: wrong };
  const { rows, cols, metrics, factors: summed } = new UpdateAnalysis(stacked(loaded));
  const conflicts: Conflict[] = [];
  const products: { a: number; b: number; product: number }[] = [];
  for (const [i, one] of loaded.entries()) {
    for (const [j, other] of loaded.entries()) {
      if (j <= i) continue;
      const product = one.weight * other.weight * innerProduct(one.factors, other.factors);
      products.push({ a: one.adapter, b: other.adapter, product });
      const conflict = conflictOf(
        [one.adapter, analyses[i] as UpdateAnalysis],
        [other.adapter, analyses[j] as UpdateAnalysis],
        Math.sign(one.weight * other.weight),
      );
      if (conflict !== undefined) conflicts.push(conflict);
    }
  }
  const measured = {
    norms: loaded.map(
      ({ weight }, i) => Math.abs(weight) * (analyses[i] as UpdateAnalysis).metrics.frobenius,
    ),
    ...{ products, conflicts, norm: metrics.frobenius, singularValues: metrics.singularValues },
    ...{ rank: summed.a.rows, rows, cols },
  };
  return { factors: undefined, measured };
}

/** The factors of a sum side by side, which is exact, or the best of a lower rank, and the scale that belongs to them. */
export async function stackFactors(
  { parts, rank, isScaleOne }: StackTask,
  readerOf: ReaderOf,
): Promise<{
  readonly factors: PlainFactors | undefined;
  readonly scale?: number;
  readonly refusedBy?: number;
}> {
  const loaded = await loadParts(parts, readerOf);
  const wrong = loaded.findIndex(({ factors }) => !new UpdateAnalysis(factors).metrics.finite);
  if (wrong >= 0) return { factors: undefined, refusedBy: wrong };
  const sum = stacked(loaded);
  const scale = isScaleOne ? 1 : sum.scale;
  if (rank === undefined) return { factors: { a: sum.a, b: scaledMatrix(sum.b, sum.scale / scale) }, scale };
  const size = Math.abs(scale);
  return { factors: truncatedFactors(new UpdateAnalysis(sum), rank, size), scale: size };
}

function loadParts(parts: readonly SumPart[], readerOf: ReaderOf) {
  return Promise.all(
    parts.map(async ({ adapter, weight, module }) => {
      const read = readerOf(adapter);
      return { adapter, weight, factors: await loadFactors(module, (each) => read(each, 0, each.byteSize)) };
    }),
  );
}

interface LoadedPart {
  readonly weight: number;
  readonly factors: Factors;
}

/** [B₁ w₂s₂/w₁s₁·B₂ …] and [A₁; A₂; …] with the scale w₁s₁: the first keeps its bits, and all do where scales are one. */
export function stacked(parts: readonly LoadedPart[]): Factors {
  const [first] = parts;
  if (first === undefined) throw new Error("A module without a part.");
  const scale = first.weight * first.factors.scale;
  if (parts.length === 1 && scale !== 0) return { ...first.factors, scale };
  // A scale of 0 could carry no other.
  const common = scale === 0 ? 1 : scale;
  const rank = parts.reduce((sum, { factors }) => sum + factors.a.rows, 0);
  const { cols } = first.factors.a;
  const { rows } = first.factors.b;
  const [a, b] = [createMatrix(rank, cols), createMatrix(rows, rank)];
  let at = 0;
  for (const { factors, weight } of parts) {
    const own = factors.a.rows;
    const share = (weight * factors.scale) / common;
    a.data.set(factors.a.data, at * cols);
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < own; k++)
        b.data[row * rank + at + k] = share * (factors.b.data[row * own + k] as number);
    at += own;
  }
  return { a, b, scale: common, alpha: undefined, finite: true };
}
