/** What a tensor is to the module it belongs to. */
export type LoraRole =
  | "a"
  | "b"
  | "embeddingA"
  | "embeddingB"
  /** LoCon's r×r convolution between the factors. */
  | "mid"
  /** Values between the factors, one a rank: AdaLoRA's `lora_E`, KaSA's `lora_diag`. */
  | "diagonal"
  | "magnitude"
  | "bias"
  | "alpha"
  /** AdaLoRA's count of components, in memory only: of no use in a file. */
  | "rankCount";

/** Whose way of writing a name follows. It decides the orientation of the factors and where the scale stands. */
export type KeyGrammar = "peft" | "kohya" | "diffusers" | "xlabs" | "lowerCase" | "grouped" | "megatron";

export interface LoraKey {
  readonly grammar: KeyGrammar;
  readonly role: LoraRole;
  /** Path of the adapted module as its dialect writes it, without `base_model.model.`. */
  readonly module: string;
  /** PEFT's name of the adapter, in files that were not saved by `save_pretrained`. */
  readonly adapterName: string | undefined;
  /** `lower.weight` tells torchtune's `lora_a.weight` [r, in] from MLX's `lora_a` [in, r]. */
  readonly hasWeightSuffix: boolean;
}

export const pairRoles: ReadonlyMap<string, LoraRole> = new Map([
  ["down", "a"],
  ["up", "b"],
  ["mid", "mid"],
  ["a", "a"],
  ["b", "b"],
]);

export function loraKey(
  grammar: KeyGrammar,
  role: LoraRole,
  module: string,
  adapterName?: string,
  hasWeightSuffix = false,
): LoraKey {
  return { grammar, role, module: modulePath(module), adapterName, hasWeightSuffix };
}

/** The key of a match whose groups are the module and `down`, `up` or `mid`. */
export function pairKey(grammar: KeyGrammar, match: RegExpExecArray | null): LoraKey | undefined {
  const role = pairRoles.get(match?.[2] ?? "");
  return role && loraKey(grammar, role, match?.[1] ?? "");
}

/** Wrappers put their own names into paths: DDP and torch.compile in front, FSDP and checkpointing anywhere. */
const wrapperParts = /(^|\.)(?:_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod)(?=\.|$)/g;

/** The path inside the base model: without PEFT's (repeated) `base_model.model.` and without wrappers. */
export function modulePath(path: string): string {
  const unwrapped = path.includes("_") ? path.replace(wrapperParts, "").replace(/^\./, "") : path;
  return unwrapped.replace(/^(?:module\.)?(?:base_model\.model\.)+/, "");
}
