import { choleskyOfGram } from "./cholesky";
import type { Matrix } from "./matrix";
import { multiplyTransposed } from "./multiply";
import { fastProducts } from "./panels";
import { singularValuesOf } from "./singularValues";

/**
 * Product of the smallest pivots of both factors: real adapters have 1e-4 and more. Errors stay below 1e-12·σ₁.
 */
const smallestPivots = 1e-6;

/** A product scale·B·A in bases of its spaces that are known only by their triangular factors. */
export interface ProductCore {
  /** Upper triangular: R_b of B, and R_a of Aᵀ. */
  readonly rb: Matrix;
  readonly ra: Matrix;
  /** scale·R_b·R_aᵀ. */
  readonly core: Matrix;
  /** Of the core and of the product, largest first. */
  readonly values: Float64Array;
  /** Product of the smallest pivots of both factors: see `GramFactor`. */
  readonly pivot: number;
}

/**
 * From BᵀB and A·Aᵀ, n×n. Undefined where components are so nearly dependent that digits would be lost.
 * @throws RangeError when a value is NaN or infinite.
 */
export function coreOfGrams(gramOfB: Matrix, gramOfA: Matrix, scale: number): ProductCore | undefined {
  const fast = fastProducts()?.core(gramOfB, gramOfA, scale);
  if (fast !== undefined) return fast.pivot < smallestPivots ? undefined : fast;
  const b = choleskyOfGram(gramOfB);
  const a = b === undefined ? undefined : choleskyOfGram(gramOfA);
  if (b === undefined || a === undefined || b.pivot * a.pivot < smallestPivots) return undefined;
  const core = multiplyTransposed(b.r, a.r);
  for (let at = 0; at < core.data.length; at++) core.data[at] = (core.data[at] as number) * scale;
  return { rb: b.r, ra: a.r, core, values: singularValuesOf(core), pivot: b.pivot * a.pivot };
}
