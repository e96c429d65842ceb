import { type LoraKey, loraKey, pairRoles } from "../loraKey";
import type { Dialect } from "./dialect";

const factorKey = /^(?:(.*)\.)?lora_(a|b)(?:\.(weight|bias))?$/;
/** torchtune's experts are one tensor a projection: `experts.lora_gate_a` [E, in, r]; NeMo AutoModel joins gate and up. */
const groupedKey = /^(.*\bexperts)\.lora_(gate|up|down|gate_and_up)_([abAB])$/;

function parseKey(name: string): LoraKey | undefined {
  const grouped = groupedKey.exec(name);
  if (grouped !== null) {
    const [, experts = "", projection = "", kind = ""] = grouped;
    const role = kind.toLowerCase() === "a" ? "a" : "b";
    return loraKey("grouped", role, `${experts}.${projection.replace("_and_", "_")}`, undefined, true);
  }
  const match = factorKey.exec(name);
  if (match === null) return undefined;
  const [, module = "", kind = "", suffix] = match;
  const role = suffix === "bias" ? (kind === "b" ? "bias" : undefined) : pairRoles.get(kind);
  return role && loraKey("lowerCase", role, module, undefined, suffix === "weight");
}

export const torchtune: Dialect = {
  id: "torchtune",
  name: "torchtune",
  writtenBy: "torchtune",
  example: ["layers.0.attn.q_proj.lora_a.weight", "layers.0.attn.q_proj.lora_b.weight"],
  rule:
    "lora_a [r, in], lora_b [out, r]; experts lora_gate_a [E, in, r], lora_gate_b [E, r, out]; " +
    "alpha / r from adapter_config.json",
  parseKey,
  isOf: ({ grammar, hasWeightSuffix }) =>
    grammar === "grouped" || (grammar === "lowerCase" && hasWeightSuffix),
  writtenAs: "kept",
};

export const ggufDialect: Dialect = {
  id: "gguf",
  name: "GGUF",
  writtenBy: "llama.cpp's convert_lora_to_gguf.py",
  example: ["blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"],
  rule: "lora_a [r, in], lora_b [out, r] (token_embd the other way); alpha / r from adapter.lora.alpha",
  isOf: ({ grammar, hasWeightSuffix, module }) =>
    grammar === "lowerCase" && !hasWeightSuffix && module.endsWith(".weight"),
};

export const mlx: Dialect = {
  id: "mlx",
  name: "mlx-lm",
  writtenBy: "mlx-lm, newer mlx-vlm",
  example: ["model.layers.0.self_attn.q_proj.lora_a", "model.layers.0.self_attn.q_proj.lora_b"],
  rule: "lora_a [in, r], lora_b [r, out], experts [E, r, in] and [E, out, r]; `scale` of adapter_config.json as it is",
  isOf: ({ grammar }) => grammar === "lowerCase",
  writtenAs: "kept",
};

/** Read by core/adapter/unmarkedFactors: single letters are no word of LoRA. */
export const mlxVlm: Dialect = {
  id: "mlx-vlm",
  name: "mlx-vlm",
  writtenBy: "mlx-vlm until 2025",
  example: [
    "language_model.model.layers.0.self_attn.q_proj.A",
    "language_model.model.layers.0.self_attn.q_proj.B",
  ],
  rule: "A [in, r], B [r, out]; alpha of adapter_config.json as it is (the version that trained it), not alpha / r",
  writtenAs: "kept",
};

/** Read by core/adapter/unmarkedFactors. */
export const sam: Dialect = {
  id: "sam",
  name: "SAM LoRA",
  writtenBy: "LoRA for Segment Anything",
  example: ["w_a_000", "w_b_000"],
  rule: "w_a [r, in], w_b [out, r], numbered in the order of query and value of each block; scale 1",
  writtenAs: "plain",
};

/** Read by core/adapter/unmarkedFactors. */
export const svdFactors: Dialect = {
  id: "svd-factors",
  name: "SVD factors",
  writtenBy: "torch.linalg.svd by hand, SVD-LLM, ASVD",
  example: ["model.layers.0.mlp.up_proj.U", "model.layers.0.mlp.up_proj.Vh"],
  rule: "U [out, r], S [r], Vh [r, in]: the product is the weight itself",
  writtenAs: "plain",
};
