import { pairKey } from "../loraKey";
import type { Dialect } from "./dialect";

/** `lora_unet_…_to_k_lora_down.weight`, joined with underscores throughout, was seen in a real file. */
const factorKey = /^(.+)[._]lora_(down|up|mid)(?:\.weight)?$/;

export const kohya: Dialect = {
  id: "kohya",
  name: "kohya",
  writtenBy:
    "sd-scripts, musubi-tuner, OneTrainer, ai-toolkit (models without a transformer), LyCORIS's LoCon",
  example: [
    "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight",
    "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight",
  ],
  rule: "down [r, in, …kernel], up [out, r, 1, …]; alpha / r from the module's own `.alpha`, else ss_network_alpha",
  parseKey: (name) => pairKey("kohya", factorKey.exec(name)),
  isOf: ({ grammar }) => grammar === "kohya",
  writtenAs: "kohya",
};

/** Recognised by the matrices of its methods (hada_, lokr_), not by factors. */
export const lycoris: Dialect = {
  id: "lycoris",
  name: "LyCORIS",
  writtenBy: "LyCORIS, ai-toolkit and OneTrainer for LoHa and LoKr",
  example: ["lora_unet_mid_attn_to_q.hada_w1_a", "lora_unet_mid_attn_to_q.hada_w1_b"],
  rule: "LoHa's and LoKr's matrices; alpha / r from the module's own `.alpha`, 1 where both of LoKr's are whole",
  writtenAs: "kohya",
};
