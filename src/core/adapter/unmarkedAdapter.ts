import type { Tensor } from "../tensors/tensor";
import type { Adapter } from "./adapter";
import type { AdapterConfig } from "./adapterConfig";
import { AdapterProblems } from "./adapterProblems";
import { ScaleRules } from "./scaleRules";
import { findUnmarkedFactors } from "./unmarkedFactors";

/** Factors whose names do not speak of LoRA. An SVD's singular values stand between them, so the scale is 1. */
export function unmarkedAdapter(
  tensors: readonly Tensor[],
  config: AdapterConfig | undefined,
  metadata: ReadonlyMap<string, string>,
): Adapter | undefined {
  const factors = findUnmarkedFactors(tensors);
  const [first] = factors;
  if (first === undefined) return undefined;
  const used = new Set(factors.flatMap(({ a, b, diagonal }) => [a, b, diagonal]));
  const isSvd = factors.some(({ family }) => family === "svd");
  const scales = new ScaleRules(config, metadata);
  const problems = new AdapterProblems();
  if (isSvd) problems.factoredWeights(factors.length);
  const modules = factors.map(({ family, ...factor }) => {
    const isMlx = family === "mlx-vlm";
    const found = isMlx ? scales.find(factor.module, factor.rank, true) : undefined;
    // Without its configuration not even mlx-lm's default is known to hold.
    const rule = found?.source === "assumed" ? { ...found, scale: 1 } : found;
    if (rule?.source === "assumed") problems.assumedScale(rule.scale);
    return {
      ...factor,
      adapterName: undefined,
      alpha: rule?.alpha,
      scale: rule?.scale ?? 1,
      scaleSource: rule?.source ?? ("factors" as const),
      alphaTensor: undefined,
      mid: undefined,
      magnitude: undefined,
      bias: undefined,
    };
  });
  if (first.family === "mlx-vlm") problems.mlxVlmScale(config?.mlx);
  const saved = tensors.filter((tensor) => !used.has(tensor));
  if (!isSvd) problems.shares({ modules, saved, differences: [], frozen: [], other: [] });
  return {
    otherTensors: [],
    unpaired: [],
    differences: [],
    frozenTensors: [],
    carriesModel: false,
    dialect: first.family === "svd" || isSvd ? "svd-factors" : first.family,
    method: isSvd ? "SVD" : "LORA",
    modules,
    savedTensors: saved,
    problems: problems.list,
  };
}
