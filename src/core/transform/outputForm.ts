import type { LoraModule } from "../adapter/loraModule";
import type { OutputForm } from "./adapterOutput";
import type { OutputFormat } from "./outputNames";

/** In which form the factors of a module are written: a convolution's keep its kernel as axes. */
export function formOf(module: LoraModule, format: OutputFormat): OutputForm {
  const { layout, a, mid, inFeatures, parts } = module;
  if (layout === "embedding" && format === "peft") return { kind: "embedding" };
  if (layout === "conv") return { kind: "conv", axes: a.shape.slice(1) };
  if (layout === "tucker" && mid !== undefined) return convForm(mid.shape.slice(2), inFeatures);
  const second = parts?.second;
  if (second !== undefined && "core" in second && second.core !== undefined)
    return convForm(second.core.shape.slice(2), inFeatures);
  const whole = second !== undefined && "whole" in second ? second.whole.shape : [];
  if (layout === "kron" && whole.length > 2) return convForm(whole.slice(2), inFeatures);
  return { kind: "linear" };
}

/**
 * Whether LoHa or LoKr may keep a convolution here with its kernel among the columns, whose axes then stand nowhere in
 * the file: so they do but in their Tucker form and in whole matrices. Kernels of 3 × 3 are by far the most.
 */
export function mayHideKernel(module: LoraModule): boolean {
  const { layout, inFeatures, diagonal } = module;
  // As PEFT keeps AdaLoRA's.
  if (layout === "linear" && diagonal !== undefined) return hasConvName(module);
  if (layout !== "hadamard" && layout !== "kron") return false;
  return formOf(module, "peft").kind === "linear" && (hasConvName(module) || inFeatures % 9 === 0);
}

/** As models of images call their convolutions. */
export function hasConvName({ module }: LoraModule): boolean {
  return /(?:^|[._])(?:conv\d*|downsamplers?|upsamplers?)(?:[._]|$)/.test(module);
}

function convForm(kernel: readonly number[], inFeatures: number): OutputForm {
  const channels = inFeatures / kernel.reduce((product, size) => product * size, 1);
  return { kind: "conv", axes: [channels, ...kernel] };
}
