/** The releases of PEFT that first have something, as docs/serving.md lists them with its sources. */
export type PeftRelease = string;

/** Until this release the loader fails at a field that it does not know; from it on it leaves the field out. */
export const lenientRelease: PeftRelease = "0.14.0";

/** Fields of a LoRA's configuration that change what the adapter is or does, by the first release that has each. */
export const loraFields: ReadonlyMap<string, PeftRelease> = new Map([
  ["modules_to_save", "0.1.0"],
  ["init_lora_weights", "0.3.0"],
  ["layers_pattern", "0.4.0"],
  ["layers_to_transform", "0.4.0"],
  ["revision", "0.4.0"],
  ["auto_mapping", "0.4.0"],
  ["alpha_pattern", "0.6.0"],
  ["rank_pattern", "0.6.0"],
  ["loftq_config", "0.7.0"],
  ["megatron_config", "0.7.0"],
  ["megatron_core", "0.7.0"],
  ["use_rslora", "0.8.0"],
  ["use_dora", "0.9.0"],
  ["layer_replication", "0.10.0"],
  ["eva_config", "0.14.0"],
  ["exclude_modules", "0.14.0"],
  ["lora_bias", "0.14.0"],
  ["corda_config", "0.15.0"],
  ["trainable_token_indices", "0.15.0"],
  ["qalora_group_size", "0.16.0"],
  ["use_qalora", "0.16.0"],
  ["target_parameters", "0.17.0"],
  ["alora_invocation_tokens", "0.18.0"],
  ["arrow_config", "0.18.0"],
  ["ensure_weight_tying", "0.18.0"],
  ["peft_version", "0.18.0"],
  ["lora_ga_config", "0.19.0"],
  ["use_bdlora", "0.19.0"],
  ["monteclora_config", "0.20.0"],
  ["velora_config", "0.20.0"],
]);

/** Fields that say how it was trained or found, not what it is: loading does not need them. */
export const fieldsOfTraining: ReadonlySet<string> = new Set([
  "auto_mapping",
  "corda_config",
  "eva_config",
  "init_lora_weights",
  "lora_ga_config",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
]);

/** Values of `peft_type`, by the first release that has each. */
export const peftTypes: ReadonlyMap<string, PeftRelease> = new Map(
  Object.entries({
    "0.3.0": "ADALORA ADAPTION_PROMPT",
    "0.4.0": "IA3",
    "0.6.0": "MULTITASK_PROMPT_TUNING LOHA LOKR",
    "0.7.0": "OFT",
    "0.8.0": "POLY",
    "0.11.0": "BOFT LN_TUNING VERA",
    "0.12.0": "FOURIERFT XLORA HRA",
    "0.13.0": "VBLORA",
    "0.14.0": "CPT BONE",
    "0.15.0": "TRAINABLE_TOKENS",
    "0.16.0": "RANDLORA C3A",
    "0.17.0": "MISS SHIRA",
    "0.18.0": "ROAD WAVEFT OSF DELORA",
    "0.19.0": "ADAMSS LILY PVERA GRALORA CARTRIDGE TINYLORA PSOFT PEANUT",
    "0.20.0": "BEFT FROD GLORA UNILORA HIRA DEFT",
  }).flatMap(([release, types]) => types.split(" ").map((type) => [type, release] as const)),
);

/** Below 0 where `a` is older. */
export function compareReleases(a: PeftRelease, b: PeftRelease): number {
  const [left, right] = [a, b].map((release) => release.split(".").map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
