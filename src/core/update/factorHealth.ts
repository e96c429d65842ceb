import { cosine } from "./factorTraces";
import type { UpdateAnalysis } from "./updateAnalysis";

/** How well the factors of one module use their rank and their dtype. */
export interface FactorHealth {
  /** ‖B‖_F / ‖A‖_F. It depends on how the product is split, and decides what rounding costs. */
  readonly balance: number;
  /** Components whose ‖b_k‖·‖a_k‖ is below 1e-6 of the largest. */
  readonly deadComponents: number;
  /** Components parallel to an earlier one in A or in B (|cosine| > 0.999): they add no rank. */
  readonly duplicateComponents: number;
  /**
   * |s|·Σ‖b_k‖‖a_k‖ / ‖ΔW‖_F: 1 to √r for components that add up, large where they cancel. Rounding the factors
   * changes ΔW by about this many times the rounding of one value (lora.md §1.6).
   */
  readonly cancellation: number;
}

const deadLimit = 1e-6;
const duplicateCosine = 0.999;

/** Undefined for updates that are zero or not finite. */
export function factorHealth(analysis: UpdateAnalysis): FactorHealth | undefined {
  const { metrics, grams, factors } = analysis;
  if (!metrics.finite || metrics.zero) return undefined;
  const r = factors.a.rows;
  const weights = Float64Array.from({ length: r }, (_, k) =>
    Math.sqrt((grams.a.data[k * r + k] as number) * (grams.b.data[k * r + k] as number)),
  );
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const live = [...weights.keys()].filter((k) => (weights[k] as number) >= deadLimit * largest);
  const duplicates = live.filter((k, index) =>
    live.slice(0, index).some((earlier) => {
      const inA = Math.abs(cosine(grams.a, k, earlier));
      const inB = Math.abs(cosine(grams.b, k, earlier));
      return inA > duplicateCosine || inB > duplicateCosine;
    }),
  );
  return {
    balance: metrics.normB / metrics.normA,
    deadComponents: r - live.length,
    duplicateComponents: duplicates.length,
    cancellation:
      (Math.abs(factors.scale) * weights.reduce((sum, weight) => sum + weight, 0)) / metrics.frobenius,
  };
}
