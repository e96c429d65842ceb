import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import { dialectNamed } from "../adapter/dialects/dialectTable";
import { hasStoredFactors } from "../adapter/factorLayout";
import type { LoraModule } from "../adapter/loraModule";
import type { Tensor } from "../tensors/tensor";
import type { OutputModule } from "./adapterOutput";
import type { FactorNames } from "./writeFactors";

/**
 * How a new adapter is written: a PEFT folder, one file in kohya's naming, or in the naming of its source: as one file
 * (`plain`), or as a folder with the configuration of the source (`kept`: mlx-lm's and torchtune's). `mlx` makes that of
 * mlx-lm anew.
 */
export type OutputFormat = "peft" | "kohya" | "plain" | "kept" | "mlx";

/** The format in which the programs that read an adapter will read the result. */
export function outputFormatFor(adapter: Adapter, config: AdapterConfig | undefined): OutputFormat {
  const written = dialectNamed(adapter.dialect)?.writtenAs ?? "peft";
  if (written === "kept") return config === undefined ? "plain" : "kept";
  // Names without PEFT's prefix and without its configuration are those of another program.
  const isBare = config === undefined && !adapter.modules.some(({ a }) => a.name.startsWith(peftPrefix));
  const isStored = adapter.modules.every(({ layout }) => hasStoredFactors(layout));
  return written === "peft" && isBare && isStored ? "plain" : written;
}

/** Whether a format is a folder with a configuration, and no file by itself. */
export function isFolderFormat(format: OutputFormat): boolean {
  return format === "peft" || format === "kept" || format === "mlx";
}

const peftPrefix = "base_model.model.";

const ownNames: FactorNames = {
  a: ({ module, names }) => names?.a ?? `${module}.lora_A.weight`,
  b: ({ module, names }) => names?.b ?? `${module}.lora_B.weight`,
  alpha: ({ names }) => names?.alpha,
};

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
  plain: ownNames,
  kept: ownNames,
  mlx: {
    a: ({ module }) => `${module}.lora_a`,
    b: ({ module }) => `${module}.lora_b`,
    alpha: () => undefined,
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
  { name }: Tensor,
): string | undefined {
  if (format === "kohya") return part === "magnitude" ? `${module}.dora_scale` : undefined;
  // A reader looks for the name that its own writer gave.
  if (format !== "peft") return name;
  return part === "magnitude"
    ? `${peftPrefix}${module}.lora_magnitude_vector`
    : `${peftPrefix}${module}.lora_B.bias`;
}
