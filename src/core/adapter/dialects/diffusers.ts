import { type LoraKey, modulePath, pairKey } from "../loraKey";
import type { Dialect } from "./dialect";

/** Three generations: `to_q_lora.down`, `to_q.lora.down` and `q_proj.lora_linear_layer.down`. */
const factorKey = /^(.+?)(?:_lora|\.lora|\.lora_linear_layer)\.(down|up)(?:\.weight)?$/;

/** Parts of a diffusers pipeline; GPT-2's `transformer.` is one of them too, but comes with a configuration. */
const pipelinePart = /^(?:unet|transformer(?:_2)?|text_encoder(?:_\d)?|vae|prior)\./;

/** Attention processors of diffusers before 0.21; the projection they change stands beside them. */
const processorPath = /^(?:unet\.)?(.*\.attn\d?)\.processor\.(to_[qkv]|to_out|add_[kv]_proj)$/;

function parseKey(name: string): LoraKey | undefined {
  const key = pairKey("diffusers", factorKey.exec(name));
  return key && { ...key, module: withoutProcessor(key.module) };
}

/** `….attn1.processor.to_out_lora` and `unet.….attn1.to_out.0.lora` are the same module, named the newer way. */
function withoutProcessor(module: string): string {
  const [, attention, projection] = processorPath.exec(module) ?? [];
  if (attention === undefined || projection === undefined) return module;
  const isUnet = /^(?:down_blocks|mid_block|up_blocks)\./.test(attention) || module.startsWith("unet.");
  return `${isUnet ? "unet." : ""}${attention}.${projection}${projection === "to_out" ? ".0" : ""}`;
}

export const diffusers: Dialect = {
  id: "diffusers",
  name: "diffusers",
  writtenBy: "diffusers (all generations), ai-toolkit and diffusion-pipe for diffusers' transformers",
  example: ["transformer.blocks.0.attn.to_q.lora_A.weight", "transformer.blocks.0.attn.to_q.lora_B.weight"],
  rule:
    "A [r, in], B [out, r], or down and up; alpha from lora_adapter_metadata, else alpha = r; " +
    "`transformer_2.` is the second transformer of a pipeline in the same file",
  parseKey,
  isOf: ({ grammar, module, nameOfA }, config) =>
    grammar === "diffusers" ||
    (grammar === "peft" &&
      config === undefined &&
      modulePath(nameOfA) === nameOfA &&
      pipelinePart.test(module)),
  writtenAs: "plain",
};

export const comfyui: Dialect = {
  id: "comfyui",
  name: "ComfyUI",
  writtenBy: "ComfyUI, diffusion-pipe and ai-toolkit for models in their authors' own layout",
  example: [
    "diffusion_model.blocks.0.self_attn.q.lora_A.weight",
    "diffusion_model.blocks.0.self_attn.q.lora_B.weight",
  ],
  rule: "A [r, in], B [out, r], or lora_down and lora_up; alpha from `.alpha`, else alpha = r",
  isOf: ({ grammar, module }) =>
    (grammar === "peft" || grammar === "kohya") && module.startsWith("diffusion_model."),
  writtenAs: "plain",
};

const xlabsKey = /^(.+\.processor\.(?:qkv|proj)_lora[12]?)\.(down|up)(?:\.weight)?$/;

export const xlabs: Dialect = {
  id: "xlabs",
  name: "XLabs",
  writtenBy: "x-flux",
  example: [
    "double_blocks.0.processor.qkv_lora1.down.weight",
    "double_blocks.0.processor.qkv_lora1.up.weight",
  ],
  rule: "down [r, in], up [out, r]; query, key and value are one matrix; no alpha, scale 1",
  parseKey: (name) => pairKey("xlabs", xlabsKey.exec(name)),
  isOf: ({ grammar }) => grammar === "xlabs",
  writtenAs: "plain",
};

/** Read by core/adapter/unmarkedFactors: its names have no word of LoRA in them. */
export const controlLora: Dialect = {
  id: "control-lora",
  name: "Control-LoRA",
  writtenBy: "Stability's Control-LoRA",
  example: ["input_blocks.1.0.in_layers.2.down", "input_blocks.1.0.in_layers.2.up"],
  rule: "down [r, in, …kernel], up [out, r]; scale 1",
  writtenAs: "plain",
};
