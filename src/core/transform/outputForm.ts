import type { LoraModule } from "../adapter/loraModule";
import type { OutputForm } from "./adapterOutput";
import type { OutputFormat } from "./outputNames";

/** In which form the factors of a module are written: a convolution's keep its kernel as axes. */
export function formOf(module: LoraModule, format: OutputFormat): OutputForm {
  const { layout, a, mid, inFeatures, parts } = module;
  if (layout === "embedding" && format === "peft") return { kind: "embedding" };
  if (layout === "conv") return { kind: "conv", axes: a.shape.slice(1) };
  if (layout === "tucker" && mid !== undefined) {
    const kernel = mid.shape.slice(2);
    const channels = inFeatures / kernel.reduce((product, size) => product * size, 1);
    return { kind: "conv", axes: [channels, ...kernel] };
  }
  const second = parts?.second;
  const whole = second !== undefined && "whole" in second ? second.whole.shape : [];
  if (layout === "kron" && whole.length > 2) {
    const kernel = whole.slice(2);
    const channels = inFeatures / kernel.reduce((product, size) => product * size, 1);
    return { kind: "conv", axes: [channels, ...kernel] };
  }
  return { kind: "linear" };
}
