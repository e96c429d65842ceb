import { elementCount, type Tensor } from "../tensors/tensor";
import { type FactorLayout, maxSmallRank } from "./factorLayout";

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

/**
 * A matrix stored whole, or as `left` [m, k] times `right` [k, n]. Kernels are part of the columns. In its Tucker form it
 * is Σ_ij left[i, p]·core[i, j, …kernel]·right[j, q] at [p, q, …kernel], with `left` [k, m].
 */
export type ComposedPart =
  | { readonly whole: Tensor; readonly rows: number; readonly cols: number }
  | {
      readonly left: Tensor;
      readonly core?: Tensor;
      readonly right: Tensor;
      readonly rows: number;
      readonly cols: number;
    };

/** The tensors of a matrix. */
export function matricesOf(part: ComposedPart): readonly Tensor[] {
  if ("whole" in part) return [part.whole];
  return [part.left, ...(part.core === undefined ? [] : [part.core]), part.right];
}

export interface ComposedLayout extends FactorLayout {
  readonly parts: ComposedParts;
  /** The rank that alpha is divided by: that of one of the two products. */
  readonly scaleRank: number;
  /** LoKr without any product ignores its alpha. */
  readonly ignoresAlpha: boolean;
}

/** Why it is not measured, as the end of a sentence, where a part is missing or LoHa's factors are not small. */
export function composedLayout(
  method: "LOHA" | "LOKR",
  tensors: ReadonlyMap<string, Tensor>,
): ComposedLayout | string {
  const first = partOf(tensors, "1");
  const second = partOf(tensors, "2");
  if (first === undefined || second === undefined) return incomplete;
  const rank = rankOf(first) * rankOf(second);
  if (rank === 0) return "has a rank of 0 in this file";
  if (method === "LOHA" && rank > maxSmallRank)
    return `has a rank of up to ${rank} in this file (the product of the two it is made of), more than the ${maxSmallRank} that are decomposed`;
  const isProduct = method === "LOKR";
  // make_kron gives w1 the kernel's axis for four axes alone; torch.kron then repeats w2's rows by its columns.
  if (isProduct && "whole" in second && second.whole.shape.length === 3 && isOfPeft(second.whole))
    return "has a whole matrix of three axes in this file (a convolution over one axis), whose Kronecker product PEFT takes along other axes than those of the weight";
  if (!isProduct && (first.rows !== second.rows || first.cols !== second.cols)) return incomplete;
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

function isOfPeft({ name }: Tensor): boolean {
  return name.startsWith("base_model.model.");
}

/** Whether one of the two matrices, or half of one, is not there at all. */
export function lacksMatrix(tensors: ReadonlyMap<string, Tensor>): boolean {
  return ["1", "2"].some(
    (which) => !tensors.has(`w${which}`) && !(tensors.has(`w${which}a`) && tensors.has(`w${which}b`)),
  );
}

/** What is said of a module whose tensors are no whole. */
export const incomplete = "is incomplete in this file: tensors are missing or do not fit each other";

function partOf(tensors: ReadonlyMap<string, Tensor>, which: "1" | "2"): ComposedPart | undefined {
  const whole = tensors.get(`w${which}`);
  if (whole !== undefined) {
    const [rows, ...rest] = whole.shape;
    if (rows === undefined || rest.length === 0) return undefined;
    return { whole, rows, cols: elementCount(rest) };
  }
  const [left, right] = [tensors.get(`w${which}a`), tensors.get(`w${which}b`)];
  const core = tensors.get(`t${which}`);
  if (left === undefined || right === undefined) return undefined;
  const [outer, inner, ...more] = left.shape;
  const [innerOfRight, ...rest] = right.shape;
  if (outer === undefined || inner === undefined || more.length > 0 || rest.length === 0) return undefined;
  if (core === undefined) {
    if (inner !== innerOfRight) return undefined;
    return { left, right, rows: outer, cols: elementCount(rest) };
  }
  const [rank1, rank2, ...kernel] = core.shape;
  if (rank1 !== outer || rank2 !== innerOfRight || rest.length > 1) return undefined;
  return { left, core, right, rows: inner, cols: elementCount([...rest, ...kernel]) };
}

function rankOf(part: ComposedPart): number {
  if ("whole" in part) return Math.min(part.rows, part.cols);
  return part.left.shape[part.core === undefined ? 1 : 0] ?? 0;
}
