import { productOfColumns } from "../../linalg/gram";
import { multiplyTransposed } from "../../linalg/multiply";
import type { Factors } from "../../update/factors";
import type { UpdateAnalysis } from "../../update/updateAnalysis";
import { principalAngles, type Side, subspace } from "../../update/updateOverlap";

/** How two adapters agree about one module. */
export interface Conflict {
  readonly a: number;
  readonly b: number;
  /** ⟨w₁ΔW₁, w₂ΔW₂⟩ over their norms: below 0 they work against each other. */
  readonly cosine: number;
  /** The smallest angles between the spaces that they read and write, in degrees: 90 where they share nothing. */
  readonly inputAngle: number;
  readonly outputAngle: number;
}

/** ⟨ΔW₁, ΔW₂⟩ = s₁s₂·Σ (B₁ᵀB₂)∘(A₁A₂ᵀ), without forming either. */
export function innerProduct(first: Factors, second: Factors): number {
  const [outer, inner] = [productOfColumns(first.b, second.b), multiplyTransposed(first.a, second.a)];
  let sum = 0;
  for (let at = 0; at < outer.data.length; at++)
    sum += (outer.data[at] as number) * (inner.data[at] as number);
  return first.scale * second.scale * sum;
}

/** Singular values below this share of the largest are no direction of an update. */
const smallestShare = 1e-6;

/** @param sign of the product of the two weights. */
export function conflictOf(
  [a, first]: readonly [number, UpdateAnalysis],
  [b, second]: readonly [number, UpdateAnalysis],
  sign: number,
): Conflict | undefined {
  const norms = first.metrics.frobenius * second.metrics.frobenius;
  if (!(norms > 0)) return undefined;
  const cosine = (sign * innerProduct(first.factors, second.factors)) / norms;
  return {
    a,
    b,
    cosine,
    inputAngle: angle(first, second, "input"),
    outputAngle: angle(first, second, "output"),
  };
}

function angle(first: UpdateAnalysis, second: UpdateAnalysis, side: Side): number {
  const angles = principalAngles(
    subspace(first, side, rankOf(first)),
    subspace(second, side, rankOf(second)),
  );
  return (Math.min(...angles) * 180) / Math.PI;
}

function rankOf(analysis: UpdateAnalysis): number {
  const values = analysis.singularValues();
  const largest = values[0] ?? 0;
  return values.filter((value) => value > smallestShare * largest).length;
}
