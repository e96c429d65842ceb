/** Recipes that change the base weights at initialisation, so that B·A is relative to a base of its own (lora.md §1.1). */
const baseChangingInit = /^(?:pissa|olora|corda|loftq|lora_ga)/;

/** Whether an adapter's `init_lora_weights` moves part of the base into the factors. */
export function changesBase(init: boolean | string | undefined): init is string {
  return typeof init === "string" && baseChangingInit.test(init);
}

/** Folders in which PEFT's examples keep the adapter as it was before training, e.g. `pissa_init`. */
export function recipeOfFolder(name: string): string | undefined {
  return /(?:^|[^a-z])(pissa|olora|corda|loftq|lora_ga)[-_ ]?init(?:[^a-z]|$)/i
    .exec(name)?.[1]
    ?.toLowerCase();
}
