import { type LoraKey, loraKey } from "../loraKey";
import type { Dialect } from "./dialect";

/**
 * `linear_qkv.adapter.linear_in` (NeMo 2, Megatron-Bridge), `linear_qkv.adapter.adapter_q.linear_in` where query, key
 * and value have factors of their own, and NeMo 1's `adapter_layer.lora_kqv_adapter.linear_in`. Its bottleneck adapters
 * are named alike (`adapter_layer.adapter_1.linear_in`) and have a nonlinearity between.
 */
const factorKey =
  /^(.+)\.(?:adapter(?:\.(adapter_(?:q|k|v|gate|up)))?|adapter_layer\.(lora_\w+))\.linear_(in|out)\.weight$/;

function parseKey(name: string): LoraKey | undefined {
  const [, module, part, former, side] = factorKey.exec(name) ?? [];
  if (module === undefined) return undefined;
  const path = [module, part ?? former].filter((each) => each !== undefined).join(".");
  return loraKey("megatron", side === "in" ? "a" : "b", path);
}

export const megatron: Dialect = {
  id: "megatron",
  name: "Megatron",
  writtenBy: "NeMo, Megatron-Bridge",
  example: [
    "decoder.layers.0.self_attention.linear_qkv.adapter.linear_in.weight",
    "decoder.layers.0.self_attention.linear_qkv.adapter.linear_out.weight",
  ],
  rule: "linear_in [r, in], linear_out [out, r]; alpha / r from an adapter_config.json beside it, for the training's own configuration is not read",
  parseKey,
  isOf: ({ grammar }) => grammar === "megatron",
};
