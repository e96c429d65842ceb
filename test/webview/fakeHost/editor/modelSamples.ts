import type { CheckpointFile } from "../../../../src/core/formats/checkpointFile";
import { type EditorSample, layOut, summaryOf, type TensorSpec } from "./editorSample";

const folder = "/data/models/llama-7b";

function llamaTensors(): TensorSpec[] {
  const hidden = 4096;
  const inner = 11_008;
  const specs: TensorSpec[] = [
    { name: "model.embed_tokens.weight", dtype: "BF16", shape: [32_000, hidden] },
    { name: "model.norm.weight", dtype: "BF16", shape: [hidden], file: 1 },
    { name: "lm_head.weight", dtype: "BF16", shape: [32_000, hidden], file: 1 },
  ];
  for (let layer = 0; layer < 32; layer++) {
    const file = layer < 24 ? 0 : 1;
    const add = (name: string, shape: readonly number[], dtype = "BF16") =>
      specs.push({ name: `model.layers.${layer}.${name}`, dtype, shape, file });
    for (const target of ["q_proj", "k_proj", "v_proj", "o_proj"]) {
      add(`self_attn.${target}.weight`, [hidden, hidden]);
    }
    add("self_attn.rotary_emb.inv_freq", [64], "F32");
    add("mlp.gate_proj.weight", [inner, hidden]);
    add("mlp.up_proj.weight", [inner, hidden]);
    add("mlp.down_proj.weight", [hidden, inner]);
    add("input_layernorm.weight", [hidden]);
    add("post_attention_layernorm.weight", [hidden]);
  }
  return specs;
}

const config: readonly (readonly [string, string])[] = [
  ["architectures[0]", "LlamaForCausalLM"],
  ["hidden_size", "4096"],
  ["intermediate_size", "11008"],
  ["num_hidden_layers", "32"],
  ["num_attention_heads", "32"],
  ["num_key_value_heads", "32"],
  ["max_position_embeddings", "4096"],
  ["rms_norm_eps", "1e-05"],
  ["torch_dtype", "bfloat16"],
  ["vocab_size", "32000"],
  ["tie_word_embeddings", "false"],
  ["transformers_version", "4.31.0"],
  ["rope_scaling", "null"],
];

function layerOf(name: string): string | undefined {
  const layer = /^model\.layers\.\d+/.exec(name)?.[0];
  if (layer === undefined) return name.replace(/\.weight$/, "");
  return Number(layer.slice("model.layers.".length)) < 10 ? layer : undefined;
}

/** 7B parameters in two shards. */
export function modelSample(): EditorSample {
  const tensors = layOut(llamaTensors());
  const files: CheckpointFile[] = [0, 1].map((index) => {
    const name = `model-0000${index + 1}-of-00002.safetensors`;
    const bytes = index === 0 ? 9_976_578_928 : 3_500_297_344;
    return { name, path: `${folder}/${name}`, bytes, status: "ok" };
  });
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, layerOf, {
        name: "model.safetensors.index.json",
        path: `${folder}/model.safetensors.index.json`,
        headline: ["Llama model", "6.74 B parameters", "BF16", "32 layers", "13.5 GB in 2 shards"],
        files,
        fileBytes: 13_476_876_272,
        parts: [{ label: "parameters", files }],
        missingParts: [
          { label: "optimizer state", meaning: "a new training starts with fresh moments" },
          { label: "training progress", meaning: "step, epoch and losses are not known" },
        ],
        resumable: { answer: "no", reason: "It can be evaluated and fine-tuned, not continued." },
        configs: [{ fileName: "config.json", path: `${folder}/config.json`, rows: config }],
        aliases: [["model.embed_out.weight", "lm_head.weight"]],
      }),
    },
  };
}

/** The second shard of the model, opened by itself. */
export function shardSample(): EditorSample {
  const tensors = layOut(llamaTensors().flatMap(({ file, ...spec }) => (file === 1 ? [spec] : [])));
  const name = "model-00002-of-00002.safetensors";
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, layerOf, {
        name,
        path: `${folder}/${name}`,
        headline: ["Shard of a model", "1.75 B parameters", "BF16", "3.50 GB"],
        wholeModel: {
          path: `${folder}/model.safetensors.index.json`,
          message: "This is shard 2 of 2 of a model.",
        },
      }),
    },
  };
}

/** 89,088 tensors in 163 shards: as many as the largest mixture of experts that people publish has. */
export function mixtureSample(): EditorSample {
  const specs: TensorSpec[] = [];
  for (let layer = 0; layer < 58; layer++) {
    for (let expert = 0; expert < 256; expert++) {
      for (const projection of ["gate_proj", "up_proj", "down_proj"]) {
        const module = `model.layers.${layer + 3}.mlp.experts.${expert}.${projection}`;
        const shape = projection === "down_proj" ? [7168, 2048] : [2048, 7168];
        const file = Math.floor((specs.length / 89_088) * 163);
        specs.push({ name: `${module}.weight`, dtype: "F8_E4M3", shape, file });
        specs.push({
          name: `${module}.weight_scale_inv`,
          dtype: "F32",
          shape: shape.map((size) => size / 128),
          file,
        });
      }
    }
  }
  const tensors = layOut(specs);
  const files: CheckpointFile[] = Array.from({ length: 163 }, (_, index) => {
    const name = `model-${String(index + 1).padStart(5, "0")}-of-000163.safetensors`;
    return { name, path: `/data/moe/${name}`, bytes: 4_016_000_000 + index * 1_300_007, status: "ok" };
  });
  files[77] = { ...(files[77] as CheckpointFile), status: "missing" };
  return {
    tensors,
    state: {
      status: "ready",
      summary: summaryOf(tensors, (name) => /^model\.layers\.([3-9]|1[01])(?=\.)/.exec(name)?.[0], {
        name: "model.safetensors.index.json",
        path: "/data/moe/model.safetensors.index.json",
        headline: ["DeepSeek model", "654 B parameters", "F8_E4M3 and F32", "655 GB in 163 shards"],
        files,
        problems: [
          {
            severity: "error",
            code: "MissingShard",
            message: "model-00078-of-000163.safetensors is named by the index but is not in the folder.",
            file: "/data/moe/model.safetensors.index.json",
          },
        ],
      }),
    },
  };
}
