import { baseName } from "../bytes/paths";
import type { AdapterConfig } from "./adapterConfig";
import type { LoraModule } from "./loraModule";

/** Recipes that change the base weights at initialisation, so that B·A is relative to a base of its own (lora.md §1.1). */
const baseChangingInit = /^(?:pissa|olora|corda|loftq|lora_ga)/;

/** KaSA takes the `r` smallest singular directions out of each weight (PEFT tuners/lora/variants.py, KasaLinearVariant). */
const kasa = "KaSA";

/**
 * The recipe that changed the base weights at the start: it moved part of them into the factors (`init_lora_weights`),
 * or took part of them away (KaSA, told by its `lora_diag`).
 */
export function baseChangedBy(
  config: AdapterConfig | undefined,
  modules: readonly LoraModule[] = [],
): string | undefined {
  if (modules.some(({ diagonal }) => diagonal?.name.includes("lora_diag"))) return kasa;
  const init = config?.initLoraWeights;
  return typeof init === "string" && baseChangingInit.test(init) ? init : undefined;
}

/** Whether what a recipe took from the base stands in the factors of the adapter before training. */
export function isToldByStart(recipe: string): boolean {
  return recipe !== kasa;
}

/** Folders in which PEFT's examples keep the adapter as it was before training, e.g. `pissa_init`. */
export function recipeOfFolder(name: string): string | undefined {
  return /(?:^|[^a-z])(pissa|olora|corda|loftq|lora_ga)[-_ ]?init(?:[^a-z]|$)/i
    .exec(name)?.[1]
    ?.toLowerCase();
}

/**
 * The base models that several adapters name, where they differ in more than the place: the same model is named by its
 * path on a disk here and by its name on a hub there, so that the last part decides.
 */
export function namesOfOtherBases(configs: readonly (AdapterConfig | undefined)[]): readonly string[] {
  const names = new Set(configs.flatMap((config) => config?.baseModel ?? []));
  const last = new Set([...names].map((name) => baseName(name).toLowerCase()));
  return last.size < 2 ? [] : [...names];
}
