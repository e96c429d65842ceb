import type { Tensor } from "../tensors/tensor";
import { elementCount } from "../tensors/tensor";

/**
 * How the two factors of a module are stored, for ΔW = scale · B · A:
 * - `linear`: A [r, in], B [out, r].
 * - `embedding`: A [r, vocabulary], B [dimension, r]; the base weight is the transpose of ΔW. GGUF's
 *   `token_embd` keeps A as [vocabulary, r].
 * - `conv`: A [r, in, …kernel], B [out, r, 1, …]; the kernel counts as input.
 * - `tucker`: LoCon's A [r, in, 1, …], mid [r, r, …kernel], B [out, r, 1, …].
 * - `mlx`: A [in, r], B [r, out].
 * - `experts`: one pair for each expert of a mixture, stacked. There is no single ΔW; see `experts`.
 * - `transposed`: as `mlx`, but under names that promise the other way.
 * - `slice`: rows of both factors for one part of a fused layer's outputs; see `slice`.
 * - `pooled`: QALoRA's A [r, in / groupSize], whose inputs are averaged by groups.
 * - `blocks`: one factor is block-diagonal and keeps its blocks one below the other; see `blocks`.
 * - `svd`: A = Vh [r, in], B = U [out, r], with the singular values between; `svdV` keeps V [in, r].
 * - `hadamard`, `kron`: LoHa and LoKr, whose factors are composed of two matrices (composedFactors.ts).
 * - `grains`, `normalised`, `bank`, `scaledRandom`: GraLoRA, DeLoRA, VB-LoRA and VeRA, whose factors are made of other
 *   tensors (madeFactors.ts); `circulant`: C³A, whose blocks are shifts of one vector.
 */
export type LoraLayout =
  | "linear"
  | "embedding"
  | "conv"
  | "tucker"
  | "mlx"
  | "experts"
  | "transposed"
  | "slice"
  | "pooled"
  | "blocks"
  | "svd"
  | "svdV"
  | "hadamard"
  | "kron"
  | "grains"
  | "normalised"
  | "bank"
  | "scaledRandom"
  | "circulant";

const composedLayouts: ReadonlySet<LoraLayout> = new Set([
  "hadamard",
  "kron",
  "experts",
  "slice",
  "pooled",
  "blocks",
  "grains",
  "normalised",
  "bank",
  "scaledRandom",
  "circulant",
]);

/** The factors are in the file as they are; LoHa's, LoKr's and others' are made from what is there. */
export function hasStoredFactors(layout: LoraLayout): boolean {
  return !composedLayouts.has(layout);
}

const writtenOtherwise: ReadonlySet<LoraLayout> = new Set([
  "experts",
  "slice",
  "pooled",
  "blocks",
  "transposed",
]);

/**
 * Whether the update can be written anew as one plain pair of factors without losing what it was: not for experts, parts
 * of a fused layer, pooled inputs, blocks on a diagonal, and factors that no program would read as they lie.
 */
export function hasPlainFactors(layout: LoraLayout): boolean {
  return !writtenOtherwise.has(layout);
}

/** Ranks up to which factors are called small: beyond it nothing is won over the matrix itself. */
export const maxSmallRank = 256;

/** False for LoKr and C³A of high rank: their update is known, but no product of two small factors. */
export function hasSmallFactors({ layout, rank }: FactorLayout): boolean {
  return rank <= maxSmallRank || (layout !== "kron" && layout !== "circulant");
}

/** How the factors of a mixture's experts are stored. */
export interface ExpertForm {
  /** Undefined where neither shapes nor configuration tell it. */
  readonly count: number | undefined;
  /**
   * `fused`: PEFT's A [E·r, in] with the experts outermost, B [out, r·E] with the experts innermost;
   * `fused-by-expert`: the same with the experts of B outermost, too, as unsloth read it until September 2026 (its
   * pull requests 1232 and 1269). `stacked`: A [E, r, in], B [E, out, r]. `grouped`: A [E, in, r], B [E, r, out]. A first axis of 1 is shared by all experts.
   */
  readonly order: "fused" | "fused-by-expert" | "stacked" | "grouped";
}

/** One part of a fused layer's outputs. */
export interface FactorSlice {
  /** e.g. `q`, as in "attn.qkv (q)". */
  readonly part: string;
  /** First row of A and of B. There are `rank` and `outFeatures` of them. */
  readonly rowOfA: number;
  readonly rowOfB: number;
  /** Which columns of B are its own, where several have theirs one beside the other; all of them without. */
  readonly columnsOfB?: { readonly first: number; readonly step: number };
}

export interface FactorLayout {
  readonly layout: LoraLayout;
  readonly rank: number;
  /** Columns of ΔW. For a convolution: input channels times the size of the kernel. */
  readonly inFeatures: number;
  /** Rows of ΔW. */
  readonly outFeatures: number;
  readonly experts?: ExpertForm;
  readonly slice?: FactorSlice;
  /** Inputs that QALoRA averages. */
  readonly groupSize?: number;
  /** The number of blocks of A and of B on their diagonals; 1 for a whole matrix. */
  readonly blocks?: { readonly ofA: number; readonly ofB: number };
}

/** Shapes that fit no layout. The message says what is wrong. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}

/** Factors of a grouped convolution: B works within each group, and no product B·A is the weight's change. */
export class GroupedLayoutError extends LayoutError {}

export interface FactorTensors {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly mid: Tensor | undefined;
}

/** Factors as PEFT, kohya and diffusers store them. */
export function standardLayout({ a, b, mid }: FactorTensors): FactorLayout {
  const [rank, inputs, ...kernel] = atLeastTwo(a);
  const [outFeatures, rankOfB, ...rest] = atLeastTwo(b);
  if (rankOfB !== rank) {
    if (kernel.length > 0 && rank % rankOfB === 0 && outFeatures % (rank / rankOfB) === 0)
      throw new GroupedLayoutError(
        `${a.name} ${shapeOf(a)} and ${b.name} ${shapeOf(b)} fit a convolution of ${rank / rankOfB} groups, whose update is no single product B·A: it is not measured. Of any other layer they do not belong together.`,
      );
    throw mismatch(a, b, "");
  }
  if (elementCount(rest) !== 1) throw mismatch(a, b, "Only the first of two convolutions may have a kernel.");
  if (mid !== undefined) return tuckerLayout({ a, b, mid }, rank, inputs, outFeatures, kernel);
  return {
    layout: kernel.length > 0 || rest.length > 0 ? "conv" : "linear",
    rank,
    inFeatures: inputs * elementCount(kernel),
    outFeatures,
  };
}

function tuckerLayout(
  { a, b, mid }: FactorTensors & { readonly mid: Tensor },
  rank: number,
  inputs: number,
  outFeatures: number,
  kernelOfA: readonly number[],
): FactorLayout {
  const [rows, columns, ...kernel] = atLeastTwo(mid);
  if (rows !== rank || columns !== rank || elementCount(kernelOfA) !== 1) {
    throw mismatch(a, b, `The tensor between them, ${mid.name} ${shapeOf(mid)}, does not fit.`);
  }
  return { layout: "tucker", rank, inFeatures: inputs * elementCount(kernel), outFeatures };
}

/** PEFT's `lora_embedding_A` and `lora_embedding_B`. */
export function embeddingLayout({ a, b }: FactorTensors): FactorLayout {
  const [rank, vocabulary] = exactlyTwo(a);
  const [dimension, rankOfB] = exactlyTwo(b);
  if (rank !== rankOfB) throw mismatch(a, b, "");
  return { layout: "embedding", rank, inFeatures: vocabulary, outFeatures: dimension };
}

/** `lora_a` and `lora_b` of MLX: transposed. */
export function mlxLayout({ a, b, mid }: FactorTensors): FactorLayout {
  const [inFeatures, rank] = exactlyTwo(a);
  const [rankOfB, outFeatures] = exactlyTwo(b);
  if (rank === rankOfB) return { layout: "mlx", rank, inFeatures, outFeatures };
  // The name does not say whose it is; the shapes do.
  return standardLayout({ a, b, mid });
}

/** GGUF: as PEFT, but the factor of the token embedding lies the other way. */
export function ggufLayout(tensors: FactorTensors): FactorLayout {
  const { a, b } = tensors;
  const [vocabulary, rank] = exactlyTwo(a);
  const [dimension, rankOfB] = exactlyTwo(b);
  if (vocabulary !== rankOfB && rank === rankOfB) {
    return { layout: "embedding", rank, inFeatures: vocabulary, outFeatures: dimension };
  }
  return standardLayout(tensors);
}

/** Factors under PEFT's names that lie as MLX's. */
export function transposedLayout({ a, b }: FactorTensors): FactorLayout {
  const [inFeatures, rank] = exactlyTwo(a);
  const [rankOfB, outFeatures] = exactlyTwo(b);
  if (rank !== rankOfB) throw mismatch(a, b, "");
  return { layout: "transposed", rank, inFeatures, outFeatures };
}

function atLeastTwo(tensor: Tensor): [number, number, ...number[]] {
  if (tensor.shape.length < 2)
    throw new LayoutError(`${tensor.name} is no matrix: its shape is ${shapeOf(tensor)}.`);
  return tensor.shape as [number, number, ...number[]];
}

function exactlyTwo(tensor: Tensor): [number, number] {
  if (tensor.shape.length !== 2)
    throw new LayoutError(`${tensor.name} is no matrix: its shape is ${shapeOf(tensor)}.`);
  return tensor.shape as [number, number];
}

export function mismatch(a: Tensor, b: Tensor, hint: string): LayoutError {
  const shapes = `${a.name} ${shapeOf(a)} and ${b.name} ${shapeOf(b)}`;
  return new LayoutError(`The shapes of ${shapes} do not belong together.${hint === "" ? "" : ` ${hint}`}`);
}

function shapeOf(tensor: Tensor): string {
  return `[${tensor.shape.join(", ")}]`;
}
