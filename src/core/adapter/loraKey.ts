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

/** Whose naming a key follows. It decides the orientation of the factors and where the scale stands. */
export type KeyGrammar = "peft" | "kohya" | "diffusers" | "lowerCase";

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

/** Cheap rejection: a model of 89,088 tensors has none of these words in its names. */
const mayBeLora = /lora|dora_scale|\.alpha$|\.m$|\.magnitude$/;

const peftKey =
  /^(?:(.*)\.)?lora_(A|B|embedding_A|embedding_B|magnitude_vector|E|diag)(?:\.(?!(?:weight|bias)$)([^.]+))?(?:\.(weight|bias))?$/;
const peftRankCount = /^(?:(.*)\.)?ranknum(?:\.([^.]+))?$/;
/** `lora_unet_…_to_k_lora_down.weight`, joined with underscores throughout, was seen in a real file. */
const kohyaKey = /^(.+)[._]lora_(down|up|mid)(?:\.weight)?$/;
/** Three generations: `to_q_lora.down`, `to_q.lora.down` and `q_proj.lora_linear_layer.down`. */
const diffusersKey = /^(.+?)(?:_lora|\.lora|\.lora_linear_layer)\.(down|up)(?:\.weight)?$/;
const lowerCaseKey = /^(?:(.*)\.)?lora_(a|b)(?:\.(weight|bias))?$/;
const auxiliaryKey = /^(.+)\.(alpha|dora_scale|m|magnitude)$/;
const diffusersEnding = /(?:_lora|\.lora|\.lora_linear_layer)$/;

const peftRoles = new Map<string, LoraRole>([
  ["A", "a"],
  ["B", "b"],
  ["embedding_A", "embeddingA"],
  ["embedding_B", "embeddingB"],
  ["magnitude_vector", "magnitude"],
  ["E", "diagonal"],
  ["diag", "diagonal"],
]);

const pairRoles = new Map<string, LoraRole>([
  ["down", "a"],
  ["up", "b"],
  ["mid", "mid"],
  ["a", "a"],
  ["b", "b"],
]);

/**
 * Reads a tensor's name as part of a LoRA, in the grammars of PEFT, kohya's sd-scripts, diffusers, and
 * MLX, torchtune and GGUF (`lora_a`, lower case). `alpha`, `dora_scale`, `m` and `magnitude` are common words:
 * such a key counts only where its module has factors.
 */
export function parseLoraKey(name: string): LoraKey | undefined {
  if (!mayBeLora.test(name)) return undefined;
  return parsePeftKey(name) ?? parsePairKey(name) ?? parseAuxiliaryKey(name);
}

function parsePeftKey(name: string): LoraKey | undefined {
  const match = peftKey.exec(name);
  if (match !== null) {
    const [, module = "", kind = "", adapterName, suffix] = match;
    const role = suffix === "bias" ? biasRole(kind) : peftRoles.get(kind);
    return role && key("peft", role, module, adapterName, suffix === "weight");
  }
  const rankCount = peftRankCount.exec(name);
  return rankCount === null ? undefined : key("peft", "rankCount", rankCount[1] ?? "", rankCount[2]);
}

/** PEFT's `lora_bias` trains a bias in B; a bias in A does not occur. */
function biasRole(kind: string): LoraRole | undefined {
  return kind === "B" ? "bias" : undefined;
}

function parsePairKey(name: string): LoraKey | undefined {
  const kohya = kohyaKey.exec(name);
  if (kohya !== null) return pairKey("kohya", kohya);
  const diffusers = diffusersKey.exec(name);
  if (diffusers !== null) return pairKey("diffusers", diffusers);
  const lowerCase = lowerCaseKey.exec(name);
  if (lowerCase === null) return undefined;
  const [, module = "", kind = "", suffix] = lowerCase;
  const role = suffix === "bias" ? biasRole(kind.toUpperCase()) : pairRoles.get(kind);
  return role && key("lowerCase", role, module, undefined, suffix === "weight");
}

function pairKey(grammar: KeyGrammar, match: RegExpExecArray): LoraKey | undefined {
  const role = pairRoles.get(match[2] ?? "");
  return role && key(grammar, role, match[1] ?? "");
}

function parseAuxiliaryKey(name: string): LoraKey | undefined {
  const match = auxiliaryKey.exec(name);
  if (match === null) return undefined;
  const [, module = "", word = ""] = match;
  if (word === "alpha") return key("kohya", "alpha", module.replace(diffusersEnding, ""));
  return key(word === "dora_scale" ? "kohya" : "lowerCase", "magnitude", module);
}

function key(
  grammar: KeyGrammar,
  role: LoraRole,
  module: string,
  adapterName?: string,
  hasWeightSuffix = false,
): LoraKey {
  return { grammar, role, module: modulePath(module), adapterName, hasWeightSuffix };
}

/** Wrappers put their own names into paths: DDP and torch.compile in front, FSDP and checkpointing anywhere. */
const wrapperParts = /(^|\.)(?:_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod)(?=\.|$)/g;

/** The path inside the base model: without PEFT's (repeated) `base_model.model.` and without wrappers. */
export function modulePath(path: string): string {
  const unwrapped = path.includes("_") ? path.replace(wrapperParts, "").replace(/^\./, "") : path;
  return unwrapped.replace(/^(?:module\.)?(?:base_model\.model\.)+/, "");
}
