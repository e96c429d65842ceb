import type { Tensor } from "../tensors/tensor";
import { type ComposedPart, type ComposedParts, matricesOf } from "./composedFactors";
import type { FactorLayout } from "./factorLayout";
import type { MadeParts } from "./madeLayout";
import type { ScaleSource } from "./scaleRules";

/** One adapted module: ΔW = scale · B · A, out×in (for an embedding or a Conv1D the base is its transpose). */
export interface LoraModule extends FactorLayout {
  /** Path of the module in its dialect's spelling, without `base_model.model.` and the adapter's name. */
  readonly module: string;
  /** PEFT's name of the adapter where the file keeps it, e.g. `default`. */
  readonly adapterName: string | undefined;
  readonly a: Tensor;
  readonly b: Tensor;
  /** The rank the tensors have; for `experts` that of one expert, for LoHa and LoKr that of their product. */
  readonly rank: number;
  /** The rank that alpha is divided by, where it is another: that of one of LoHa's or LoKr's parts. */
  readonly scaleRank?: number;
  /** LoHa's and LoKr's matrices; `a` and `b` are then two of their tensors, for what is said of a module. */
  readonly parts?: ComposedParts;
  /** The tensors that other methods' updates are made of; `a` and `b` are then two of them. */
  readonly made?: MadeParts;
  /** Undefined where it stands in `alphaTensor`, or where the dialect has none. */
  readonly alpha: number | undefined;
  /** Undefined where `alphaTensor` must be read first: see `readScale`. */
  readonly scale: number | undefined;
  readonly scaleSource: ScaleSource;
  readonly alphaTensor: Tensor | undefined;
  /** LoCon's convolution between the factors. */
  readonly mid: Tensor | undefined;
  /** AdaLoRA's and KaSA's r values between the factors: ΔW = scale · B · diag(d) · A. */
  readonly diagonal: Tensor | undefined;
  /** DoRA's magnitudes, one for each output. ΔW here is the update before normalisation. */
  readonly magnitude: Tensor | undefined;
  /** The bias of B that PEFT's `lora_bias` trains. */
  readonly bias: Tensor | undefined;
}

/** LyCORIS normalises by inputs [1, in, …] unless it is told to do so by outputs [out, 1, …], as all others do. */
export function hasMagnitudeOfInputs({ magnitude, outFeatures }: LoraModule): boolean {
  return magnitude?.name.endsWith("dora_scale") === true && magnitude.shape[0] !== outFeatures;
}

/** The tensors that ΔW is made of, without its scale and what all modules share. */
export function storedTensors({ a, b, mid, diagonal, parts, made }: LoraModule): readonly Tensor[] {
  const plain = [mid, diagonal].filter((tensor) => tensor !== undefined);
  const own =
    parts !== undefined
      ? [parts.first, parts.second].flatMap(matricesOf)
      : made !== undefined
        ? [...made.tensors.values()]
        : [a, b];
  return [...new Set([...own, ...plain])];
}

/** What they take in the file, whatever rank their product has. */
export function storedBytes(module: LoraModule): number {
  return storedTensors(module).reduce((sum, { byteSize }) => sum + byteSize, 0);
}

/** The module over other tensors. Without what is no part of its ΔW: magnitude and bias. */
export function overTensors(module: LoraModule, replaced: (tensor: Tensor) => Tensor): LoraModule {
  const { a, b, alphaTensor, mid, diagonal, parts, made } = module;
  const one = (tensor: Tensor | undefined) => tensor && replaced(tensor);
  const all = (tensors: ReadonlyMap<string, Tensor>) =>
    new Map([...tensors].map(([role, tensor]) => [role, replaced(tensor)]));
  const matrix = (part: ComposedPart): ComposedPart => {
    if ("whole" in part) return { ...part, whole: replaced(part.whole) };
    const { left, core, right } = part;
    return { ...part, left: replaced(left), right: replaced(right), ...(core && { core: replaced(core) }) };
  };
  return {
    ...module,
    a: replaced(a),
    b: replaced(b),
    alphaTensor: one(alphaTensor),
    mid: one(mid),
    diagonal: one(diagonal),
    magnitude: undefined,
    bias: undefined,
    ...(parts && { parts: { first: matrix(parts.first), second: matrix(parts.second) } }),
    ...(made && { made: { ...made, tensors: all(made.tensors), shared: all(made.shared) } }),
  };
}
