import { elementCount, type Tensor } from "../tensors/tensor";
import type { ComposedRole } from "./composedKey";
import type { FactorLayout } from "./factorLayout";

/**
 * An update composed of two matrices: LoHa multiplies them element by element, LoKr takes their Kronecker product
 * (Hyeon-Woo et al. 2021, arXiv 2108.06098; Edalati et al. 2022, arXiv 2212.10650). Both have exact factors: of
 * low-rank matrices P₁Q₁ and P₂Q₂ the Kronecker product is (P₁⊗P₂)(Q₁⊗Q₂), and the elementwise product has the
 * row-wise products of P₁ and P₂, and the column-wise ones of Q₁ and Q₂, as factors. Their rank is the product of
 * the two ranks.
 */
export interface ComposedParts {
  readonly first: ComposedPart;
  readonly second: ComposedPart;
}

/** A matrix stored whole, or as `left` [m, k] times `right` [k, n]. Kernels are part of the columns. */
export type ComposedPart =
  | { readonly whole: Tensor; readonly rows: number; readonly cols: number }
  | { readonly left: Tensor; readonly right: Tensor; readonly rows: number; readonly cols: number };

export interface ComposedLayout extends FactorLayout {
  readonly parts: ComposedParts;
  /** The rank that alpha is divided by: that of one of the two products. */
  readonly scaleRank: number;
  /** LoKr without any product ignores its alpha. */
  readonly ignoresAlpha: boolean;
}

/** Beyond this the factors are no longer small, and nothing is won over the matrix itself. */
const maxComposedRank = 256;

/** Undefined where the update has no small factors: a Tucker form, a part missing, or too high a rank. */
export function composedLayout(
  method: "LOHA" | "LOKR",
  tensors: ReadonlyMap<ComposedRole, Tensor>,
): ComposedLayout | undefined {
  if (tensors.has("t1") || tensors.has("t2")) return undefined;
  const first = partOf(tensors.get("w1"), tensors.get("w1a"), tensors.get("w1b"));
  const second = partOf(tensors.get("w2"), tensors.get("w2a"), tensors.get("w2b"));
  if (first === undefined || second === undefined) return undefined;
  const rank = rankOf(first) * rankOf(second);
  if (rank === 0 || rank > maxComposedRank) return undefined;
  const isProduct = method === "LOKR";
  if (!isProduct && (first.rows !== second.rows || first.cols !== second.cols)) return undefined;
  const scaleRank = "left" in second ? rankOf(second) : rankOf(first);
  return {
    layout: isProduct ? "kron" : "hadamard",
    rank,
    inFeatures: isProduct ? first.cols * second.cols : first.cols,
    outFeatures: isProduct ? first.rows * second.rows : first.rows,
    parts: { first, second },
    scaleRank,
    ignoresAlpha: "whole" in first && "whole" in second,
  };
}

function partOf(
  whole: Tensor | undefined,
  left: Tensor | undefined,
  right: Tensor | undefined,
): ComposedPart | undefined {
  if (whole !== undefined) {
    const [rows, ...rest] = whole.shape;
    if (rows === undefined || rest.length === 0) return undefined;
    return { whole, rows, cols: elementCount(rest) };
  }
  const [rows, inner, ...more] = left?.shape ?? [];
  const [innerOfRight, ...rest] = right?.shape ?? [];
  if (left === undefined || right === undefined || rows === undefined || more.length > 0) return undefined;
  if (inner !== innerOfRight || rest.length === 0) return undefined;
  return { left, right, rows, cols: elementCount(rest) };
}

function rankOf(part: ComposedPart): number {
  return "left" in part ? (part.left.shape[1] ?? 0) : Math.min(part.rows, part.cols);
}
