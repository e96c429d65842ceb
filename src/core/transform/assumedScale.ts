import type { DialectId } from "../adapter/dialects/dialect";
import type { CheckpointSession } from "../session/checkpointSession";

/** Dialects whose scale is a number of the configuration: without it no loader knows it. */
const configured: ReadonlySet<DialectId> = new Set([
  "peft",
  "mlx",
  "mlx-vlm",
  "torchtune",
  "litgpt",
  "unknown",
]);

/** Why the size of an adapter's updates is not known, as a sentence; undefined where it is. */
export function assumedScale({ adapter }: CheckpointSession): string | undefined {
  if (adapter === undefined || !configured.has(adapter.dialect)) return undefined;
  const module = adapter.modules.find(({ scaleSource }) => scaleSource === "assumed");
  if (module === undefined) return undefined;
  return `Nothing says by what ΔW of ${module.module} is scaled: put adapter_config.json (lora_alpha, r) beside the weights.`;
}
