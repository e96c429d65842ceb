import type { Checkpoint } from "../checkpoint/checkpoint";
import { formatLabel } from "../formats/formatLabel";

/** Why no training goes on from a checkpoint whatever lies beside it; undefined where its format does not tell. */
export function forInference(
  { format, name, layout }: Pick<Checkpoint, "format" | "name" | "layout">,
  hasOptimizer: boolean,
): string | undefined {
  if (layout?.label.startsWith("SavedModel") === true && !hasOptimizer)
    return `${name} is a SavedModel without an optimizer, made for inference: a training can start from its weights, and none goes on from it.`;
  if (format !== "gguf" && format !== "onnx") return undefined;
  const beside = hasOptimizer ? ", and an optimizer state beside it is that of other weights" : "";
  return `${name} is made for inference (${formatLabel(format)}): no trainer goes on from it${beside}.`;
}
