import { type LoraKey, type LoraRole, loraKey } from "../loraKey";
import type { Dialect } from "./dialect";

const factorKey =
  /^(?:(.*)\.)?lora_(A|B|embedding_A|embedding_B|magnitude_vector|E|diag)(?:\.(?!(?:weight|bias)$)([^.]+))?(?:\.(weight|bias))?$/;
const rankCountKey = /^(?:(.*)\.)?ranknum(?:\.([^.]+))?$/;

const roles = new Map<string, LoraRole>([
  ["A", "a"],
  ["B", "b"],
  ["embedding_A", "embeddingA"],
  ["embedding_B", "embeddingB"],
  ["magnitude_vector", "magnitude"],
  ["E", "diagonal"],
  ["diag", "diagonal"],
]);

function parseKey(name: string): LoraKey | undefined {
  const match = factorKey.exec(name);
  if (match !== null) {
    const [, module = "", kind = "", adapterName, suffix] = match;
    // `lora_bias` trains a bias in B; a bias in A does not occur.
    const role = suffix === "bias" ? (kind === "B" ? "bias" : undefined) : roles.get(kind);
    return role && loraKey("peft", role, module, adapterName, suffix === "weight");
  }
  const rankCount = rankCountKey.exec(name);
  return rankCount === null ? undefined : loraKey("peft", "rankCount", rankCount[1] ?? "", rankCount[2]);
}

export const peft: Dialect = {
  id: "peft",
  name: "PEFT",
  writtenBy: "PEFT, diffusion-pipe, verl, mergekit, torchtune's export",
  example: [
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
  ],
  rule: "A [r, in], B [out, r]; alpha / r, or alpha / √r for rsLoRA, from adapter_config.json",
  parseKey,
  isOf: ({ grammar }) => grammar === "peft",
  writtenAs: "peft",
};

/** DiffSynth-Studio saves PEFT's names with the adapter's name left in, and without prefix or alpha. */
export const diffsynth: Dialect = {
  id: "diffsynth",
  name: "DiffSynth-Studio",
  writtenBy: "DiffSynth-Studio",
  example: ["blocks.0.attn.to_q.lora_A.default.weight", "blocks.0.attn.to_q.lora_B.default.weight"],
  rule: "A [r, in], B [out, r]; no alpha in the file: its loader multiplies by the strength alone, so the scale is 1",
  isOf: ({ grammar, adapterName, nameOfA }, config) =>
    grammar === "peft" &&
    adapterName === "default" &&
    config === undefined &&
    /^(?:pipe\.dit\.)?(?:blocks|transformer_blocks|single_blocks|double_blocks|single_transformer_blocks)\.\d/.test(
      nameOfA,
    ),
  writtenAs: "plain",
};

/** litgpt keeps bare parameters in a dictionary under `model`; its attention is one fused matrix. */
export const litgpt: Dialect = {
  id: "litgpt",
  name: "litgpt",
  writtenBy: "litgpt (lit_model.pth.lora with hyperparameters.yaml)",
  example: ["transformer.h.0.attn.proj.lora_A", "transformer.h.0.attn.proj.lora_B"],
  rule:
    "A [r·k, in] and B [Σ outputs, r] for the k adapted ones of query, key and value, one below the other; " +
    "alpha / r from hyperparameters.yaml",
  isOf: ({ grammar, hasWeightSuffix, module }, config) =>
    grammar === "peft" &&
    !hasWeightSuffix &&
    config?.peftType === undefined &&
    /^(?:model\.)?(?:transformer\.h\.\d+\.(?:attn|mlp)\.|lm_head$)/.test(module),
};
