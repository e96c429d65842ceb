import type { Checkpoint } from "../checkpoint/checkpoint";
import { formatLabel } from "../formats/formatLabel";

/** Why no training goes on from a checkpoint whatever lies beside it; undefined where its format does not tell. */
export function forInference(
  { format, name }: Pick<Checkpoint, "format" | "name">,
  hasOptimizer: boolean,
): string | undefined {
  if (format !== "gguf" && format !== "onnx") return undefined;
  const beside = hasOptimizer ? ", and an optimizer state beside it is that of other weights" : "";
  return `${name} is made for inference (${formatLabel(format)}): no trainer goes on from it${beside}.`;
}
