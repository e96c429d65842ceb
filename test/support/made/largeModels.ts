import type { TensorSpec } from "./safetensorsFile";

/** The directories of real large models: names, dtypes, shapes. */
function tensor(name: string, dtype: string, shape: readonly number[]): TensorSpec {
  return { name, dtype, shape };
}

/** Llama 2 7B: 291 tensors, 13.5 GB. */
export function llama7b(): TensorSpec[] {
  const [hidden, inner, vocabulary] = [4096, 11008, 32000];
  const tensors = [tensor("model.embed_tokens.weight", "BF16", [vocabulary, hidden])];
  for (let layer = 0; layer < 32; layer++) {
    const prefix = `model.layers.${layer}`;
    for (const name of ["q_proj", "k_proj", "v_proj", "o_proj"]) {
      tensors.push(tensor(`${prefix}.self_attn.${name}.weight`, "BF16", [hidden, hidden]));
    }
    for (const name of ["gate_proj", "up_proj", "down_proj"]) {
      const shape = name === "down_proj" ? [hidden, inner] : [inner, hidden];
      tensors.push(tensor(`${prefix}.mlp.${name}.weight`, "BF16", shape));
    }
    for (const name of ["input_layernorm", "post_attention_layernorm"]) {
      tensors.push(tensor(`${prefix}.${name}.weight`, "BF16", [hidden]));
    }
  }
  tensors.push(tensor("model.norm.weight", "BF16", [hidden]));
  tensors.push(tensor("lm_head.weight", "BF16", [vocabulary, hidden]));
  return tensors;
}

interface Experts {
  readonly layers: number;
  readonly experts: number;
  readonly inner: number;
  readonly hidden: number;
  readonly dtype: string;
}

function* expertTensors({ layers, experts, inner, hidden, dtype }: Experts): Generator<TensorSpec> {
  for (let layer = 0; layer < layers; layer++) {
    for (let expert = 0; expert < experts; expert++) {
      for (const name of ["gate_proj", "up_proj", "down_proj"]) {
        const shape = name === "down_proj" ? [hidden, inner] : [inner, hidden];
        yield tensor(`model.layers.${layer}.mlp.experts.${expert}.${name}.weight`, dtype, shape);
      }
    }
  }
}

/** A mixture of experts in one file: 23,040 tensors, a header of 2.7 MB. */
export function mixtureOfExperts(): TensorSpec[] {
  return [...expertTensors({ layers: 60, experts: 128, inner: 64, hidden: 32, dtype: "BF16" })];
}

export interface ShardSpec {
  readonly name: string;
  readonly tensors: readonly TensorSpec[];
}

/** DeepSeek-V3 in FP8 with its scales: 89,088 tensors in 163 shards, 654 GB. */
export function deepSeek(): ShardSpec[] {
  const tensors: TensorSpec[] = [];
  for (const weight of expertTensors({
    layers: 58,
    experts: 256,
    inner: 2048,
    hidden: 7168,
    dtype: "F8_E4M3",
  })) {
    tensors.push(weight);
    const blocks = weight.shape.map((size) => Math.ceil(size / 128));
    tensors.push(tensor(`${weight.name}_scale_inv`, "F32", blocks));
  }
  const count = 163;
  const perShard = Math.ceil(tensors.length / count);
  return Array.from({ length: count }, (_, index) => ({
    name: `model-${String(index + 1).padStart(5, "0")}-of-000163.safetensors`,
    tensors: tensors.slice(index * perShard, (index + 1) * perShard),
  }));
}

export function indexText(shards: readonly ShardSpec[], totalSize: number | undefined): string {
  const weightMap = Object.fromEntries(
    shards.flatMap((shard) => shard.tensors.map((each) => [each.name, shard.name])),
  );
  const metadata = totalSize === undefined ? {} : { total_size: totalSize };
  return JSON.stringify({ metadata, weight_map: weightMap });
}
