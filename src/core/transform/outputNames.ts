import type { DialectId } from "../adapter/dialects/dialect";
import { dialectNamed } from "../adapter/dialects/dialectTable";
import type { LoraModule } from "../adapter/loraModule";
import type { OutputModule } from "./adapterOutput";
import type { FactorNames } from "./writeFactors";

/**
 * How a new adapter is written: a PEFT folder, one file in kohya's naming, or one file in the naming of its source,
 * for the many dialects of diffusers and ComfyUI.
 */
export type OutputFormat = "peft" | "kohya" | "plain";

/** The format in which the programs that read a dialect will read the result. */
export function outputFormatFor(dialect: DialectId): OutputFormat {
  return dialectNamed(dialect)?.writtenAs ?? "peft";
}

const peftPrefix = "base_model.model.";

export const factorNames: Record<OutputFormat, FactorNames> = {
  peft: {
    a: (module) => peftName(module, "A"),
    b: (module) => peftName(module, "B"),
    alpha: () => undefined,
  },
  kohya: {
    a: ({ module }) => `${module}.lora_down.weight`,
    b: ({ module }) => `${module}.lora_up.weight`,
    alpha: ({ module }) => `${module}.alpha`,
  },
  plain: {
    a: ({ module, names }) => names?.a ?? `${module}.lora_A.weight`,
    b: ({ module, names }) => names?.b ?? `${module}.lora_B.weight`,
    alpha: ({ names }) => names?.alpha,
  },
};

function peftName({ module, form }: OutputModule, factor: "A" | "B"): string {
  return form.kind === "embedding"
    ? `${peftPrefix}${module}.lora_embedding_${factor}`
    : `${peftPrefix}${module}.lora_${factor}.weight`;
}

/** The name of a module's DoRA magnitudes or bias; undefined where the format has none. */
export function partName(
  format: OutputFormat,
  { module }: LoraModule,
  part: "magnitude" | "bias",
): string | undefined {
  if (format === "kohya") return part === "magnitude" ? `${module}.dora_scale` : undefined;
  const prefix = format === "peft" ? peftPrefix : "";
  return part === "magnitude" ? `${prefix}${module}.lora_magnitude_vector` : `${prefix}${module}.lora_B.bias`;
}
