/** PEFT types whose update is a product of two factors per module, or can be written as one where these are small. */
const productMethods = new Set(["LORA", "ADALORA", "LOHA", "LOKR"]);

/** Why the update of a method is not compared, as the end of a sentence that begins with the method's name. */
const reasons = new Map<string, string>([
  ["LOHA", "multiplies two low-rank products element by element, and here that has no small factors"],
  ["LOKR", "builds its update as a Kronecker product, and here that has no small factors"],
  ["IA3", "scales activations and does not add to weights"],
  ["LN_TUNING", "trains norm layers themselves and does not add a product to weights"],
  ["VERA", "keeps only scaling vectors; the random matrices between them are shared"],
  ["PVERA", "keeps only scaling vectors; the random matrices between them are shared"],
  ["PROMPT_TUNING", "trains virtual tokens and changes no weights"],
  ["MULTITASK_PROMPT_TUNING", "trains virtual tokens and changes no weights"],
  ["P_TUNING", "trains virtual tokens and changes no weights"],
  ["PREFIX_TUNING", "trains virtual tokens and changes no weights"],
  ["CPT", "trains virtual tokens and changes no weights"],
  ["ADAPTION_PROMPT", "trains virtual tokens and changes no weights"],
  ["CARTRIDGE", "trains virtual tokens and changes no weights"],
  ["TRAINABLE_TOKENS", "trains single rows of the embedding"],
  ["OFT", "rotates weights and does not add to them"],
  ["BOFT", "rotates weights and does not add to them"],
  ["HRA", "rotates weights and does not add to them"],
  ["HIRA", "multiplies its product with the base weights element by element"],
  ["XLORA", "mixes several adapters by the input, so no single update exists"],
  ["FULL", "keeps whole differences of weights and not factors"],
]);

/** Names that give a method away where no configuration says it; the first that occurs in the name counts. */
const namesOfMethods: readonly (readonly [RegExp, string])[] = [
  [/\.hada_[wt]\d/, "LOHA"],
  [/\.lokr_[wt]\d/, "LOKR"],
  [/\.boft_[RS]\b/, "BOFT"],
  [/\.(?:oft_blocks|oft_diag|oft_R|oft_r|oft_s)\b/, "OFT"],
  [/\.ia3_l\b|^(?:lora|lycoris)_.*\.on_input$/, "IA3"],
  [/\bvera_lambda_[bd]\b/, "VERA"],
  [/^prompt_embeddings$/, "PROMPT_TUNING"],
  [/\.hra_u\b/, "HRA"],
  [/\.hira_[AB]\b/, "HIRA"],
  [/\.vblora_/, "VBLORA"],
  [/\.fourierft_spectrum\b/, "FOURIERFT"],
  [/\.randlora_/, "RANDLORA"],
  [/\.delora_/, "DELORA"],
  [/\.road_(?:theta|alpha)\b/, "ROAD"],
  [/\.miss_block\b/, "MISS"],
  [/\.bone_block\b/, "BONE"],
  [/\.c3a_kernel\b/, "C3A"],
  [/\.shira_weight\b/, "SHIRA"],
  [/\.gralora_/, "GRALORA"],
  [/\.trainable_tokens_delta\b/, "TRAINABLE_TOKENS"],
  // LyCORIS's "full"; `diff` alone is too common a word, so its prefixes are asked for.
  [/^(?:lora|lycoris)_.*\.(?:diff|diff_b|w_norm|b_norm)$/, "FULL"],
];

const mayBeOtherMethod =
  /hada_|lokr_|oft_|ia3_l|on_input|vera_lambda|prompt_embeddings|hra_u|hira_|vblora|fourierft|randlora|delora|road_|miss_block|bone_|c3a_|shira_|gralora|trainable_tokens|diff|_norm/;

/** The method a tensor's name gives away, other than LoRA. */
export function otherMethodOf(name: string): string | undefined {
  if (!mayBeOtherMethod.test(name)) return undefined;
  return namesOfMethods.find(([pattern]) => pattern.test(name))?.[1];
}

export function isProductMethod(method: string): boolean {
  return productMethods.has(method);
}

/** One sentence: why `method` is shown without spectra. */
export function whyNotCompared(method: string): string {
  const reason =
    reasons.get(method) ?? "does not add one plain product of two factors to each module's weight";
  return `${method} ${reason}. Its tensors are listed; update spectra and comparisons are not available.`;
}
