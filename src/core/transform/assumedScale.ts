import type { Adapter } from "../adapter/adapter";
import type { DialectId } from "../adapter/dialects/dialect";

/** Dialects whose scale is a number of the configuration: without it no loader knows it. */
const configured: ReadonlySet<DialectId> = new Set([
  "peft",
  "mlx",
  "mlx-vlm",
  "torchtune",
  "megatron",
  "litgpt",
  "unknown",
]);

/** Why the size of an adapter's updates is not known, as a sentence; undefined where it is. */
export function assumedScale({ dialect, modules }: Adapter): string | undefined {
  if (!configured.has(dialect)) return undefined;
  const module = modules.find(({ scaleSource }) => scaleSource === "assumed");
  if (module === undefined) return undefined;
  return `Nothing says by what ΔW of ${module.module} is scaled: put adapter_config.json (lora_alpha, r) beside the weights.`;
}
