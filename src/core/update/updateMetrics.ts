import { sum } from "../lists/sum";
/**
 * What is known of one update ΔW = scale · B · A from its singular values. Norms are in the units of the
 * weights. When `finite` is false there are no singular values and every number is NaN; when `zero` is true
 * (B or A is all zeros: not trained yet) every number is 0.
 */
export interface UpdateMetrics {
  readonly finite: boolean;
  readonly zero: boolean;
  /** ‖A‖_F and ‖B‖_F, without the scale. They depend on how the product is split; norms of ΔW do not. */
  readonly normA: number;
  readonly normB: number;
  /** ‖ΔW‖_F = √Σσ². */
  readonly frobenius: number;
  /** ‖ΔW‖₂ = σ₁. */
  readonly spectral: number;
  /** ‖ΔW‖_* = Σσ. */
  readonly nuclear: number;
  /** min(r, out, in) of them, largest first. */
  readonly singularValues: Float64Array;
  /** ‖ΔW‖_F² / σ₁², between 1 and r. */
  readonly stableRank: number;
  /** exp(-Σ p ln p) with p = σ/Σσ (Roy and Vetterli 2007), between 1 and r. */
  readonly effectiveRank: number;
  /** Number of singular values above rounding: σ > σ₁ · max(out, in) · 2⁻⁵². */
  readonly numericalRank: number;
  /** Share of Σσ² in the first 1, 2, … singular values; the last is 1. The error of a cut is √(1 - share). */
  readonly energy: Float64Array;
  /** Fewest singular values whose share of Σσ² is at least 90, 95 and 99 %. */
  readonly rank90: number;
  readonly rank95: number;
  readonly rank99: number;
}

export const notFiniteMetrics: UpdateMetrics = {
  finite: false,
  zero: false,
  normA: Number.NaN,
  normB: Number.NaN,
  frobenius: Number.NaN,
  spectral: Number.NaN,
  nuclear: Number.NaN,
  singularValues: new Float64Array(0),
  stableRank: Number.NaN,
  effectiveRank: Number.NaN,
  numericalRank: Number.NaN,
  energy: new Float64Array(0),
  rank90: Number.NaN,
  rank95: Number.NaN,
  rank99: Number.NaN,
};

/**
 * @param singularValues largest first.
 * @param longestSide the larger of the two sides of ΔW, on which rounding depends.
 */
export function metricsOf(
  singularValues: Float64Array,
  longestSide: number,
  normA: number,
  normB: number,
): UpdateMetrics {
  const spectral = singularValues[0] ?? 0;
  const relative = singularValues.map((value) => (spectral === 0 ? 0 : value / spectral));
  const energy = cumulativeShares(relative.map((value) => value * value));
  const nuclear = sum(relative);
  const stableRank = sum(relative.map((value) => value * value));
  const smallest = longestSide * Number.EPSILON;
  return {
    finite: true,
    zero: spectral === 0,
    normA,
    normB,
    frobenius: spectral * Math.sqrt(stableRank),
    spectral,
    nuclear: spectral * nuclear,
    singularValues,
    stableRank,
    effectiveRank: spectral === 0 ? 0 : Math.exp(entropy(relative, nuclear)),
    numericalRank: relative.filter((value) => value > smallest).length,
    energy,
    rank90: rankForShare(energy, 0.9),
    rank95: rankForShare(energy, 0.95),
    rank99: rankForShare(energy, 0.99),
  };
}

function cumulativeShares(values: Float64Array): Float64Array {
  const shares = new Float64Array(values.length);
  const total = sum(values);
  let reached = 0;
  for (let i = 0; i < values.length; i++) {
    reached += values[i] as number;
    shares[i] = total === 0 ? 0 : reached / total;
  }
  return shares;
}

/** In nats, with 0·ln 0 = 0. */
function entropy(values: Float64Array, total: number): number {
  let result = 0;
  for (const value of values) {
    const share = value / total;
    if (share > 0) result -= share * Math.log(share);
  }
  return result;
}

/** Ten equal values reach 90 % with nine, although 9 · 0.1 may round below 0.9. */
const shareTolerance = 1e-12;

function rankForShare(energy: Float64Array, share: number): number {
  return energy.findIndex((reached) => reached >= share - shareTolerance) + 1;
}
