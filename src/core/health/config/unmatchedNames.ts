import type { Checkpoint } from "../../checkpoint/checkpoint";
import type { JsonObject } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { architectureOf } from "./modelConfig";

/** Architectures whose weights transformers knows by these names and no others. */
const decoders =
  /^(?:Llama|Mistral|Mixtral|Qwen2|Qwen2Moe|Qwen3|Qwen3Moe|Gemma|Gemma2|Olmo2|SmolLM3|Granite|Starcoder2|Phi3)For(?:CausalLM|SequenceClassification|TokenClassification)$/;

/** With the name of the model in front, or without it, as the model without a head is saved. */
const ofLayers =
  /^(?:model\.)?layers\.\d+\.(?:self_attn|mlp|block_sparse_moe|input_layernorm|post_attention)/;

/**
 * Weights of which transformers finds no layer under the names that the architecture gives them: under those of another
 * wrapper, with "model." twice, or cut. It passes over them and goes on with random weights.
 * @param checkpoint of a file that transformers loads.
 */
export function unmatchedNames(
  checkpoint: Pick<Checkpoint, "name" | "tensors">,
  json: JsonObject,
): readonly Problem[] {
  const { name, tensors } = checkpoint;
  const architecture = architectureOf(json) ?? "";
  if (json.has("auto_map")) return [];
  const lost = /-\d+-of-\d+\./.test(name) ? undefined : withoutEmbedding(architecture, tensors);
  if (lost !== undefined) return [lost];
  if (!decoders.test(architecture)) return [];
  // Some lines of a configuration are none that a model is made of.
  if (!json.has("vocab_size") || !json.has("num_hidden_layers")) return [];
  // One shard need not hold a layer.
  if (/-\d+-of-\d+\./.test(name)) return [];
  // A multimodal model below the configuration of its language model is told as that.
  if (tensors.some((tensor) => /language_model\.|vision|visual/.test(tensor.name))) return [];
  const matrices = tensors.filter(({ shape }) => shape.length > 1);
  const first = matrices.find((tensor) => /layers?\.\d/.test(tensor.name)) ?? matrices[0];
  if (first === undefined || tensors.length < 4) return [];
  if (tensors.some((tensor) => ofLayers.test(tensor.name))) {
    if (tensors.some((tensor) => /(?:^|\.)embed_tokens\./.test(tensor.name))) return [];
    const message = `The layers of ${architecture} are here, and its embedding (model.embed_tokens.weight) is not: it would be initialised at random.`;
    return [{ severity: "error", code: "EmbeddingMissing", message }];
  }
  const message = `None of the ${tensors.length} names is that of a layer of ${architecture} (such as model.layers.0.self_attn.q_proj.weight); the first matrix is ${first.name}. transformers passes over them, and its layers would be initialised at random.`;
  return [{ severity: "error", code: "NamesUnmatched", message, tensor: first.name }];
}

/** Architectures of other names: what tells a layer of theirs, and the embedding that all of their models have. */
const others: readonly (readonly [
  architecture: RegExp,
  layer: RegExp,
  embedding: RegExp,
  example: string,
])[] = [
  [
    /^(?:MT5|T5|UMT5)(?:ForConditionalGeneration|EncoderModel|Model)$/,
    /^(?:encoder|decoder)\.block\.\d+\./,
    /^(?:shared|encoder\.embed_tokens|decoder\.embed_tokens)\.weight$/,
    "shared.weight",
  ],
  [
    /^(?:Bert|Roberta|XLMRoberta|DistilBert|Electra|Camembert|MPNet)(?:Model$|For)/,
    /(?:^|\.)(?:encoder\.layer|transformer\.layer)\.\d+\./,
    /(?:^|\.)embeddings\.word_embeddings\.\w+$/,
    "embeddings.word_embeddings.weight",
  ],
  [
    /^GPT2(?:LMHeadModel$|Model$|For)/,
    /^(?:transformer\.)?h\.\d+\./,
    /^(?:transformer\.)?wte\.\w+$/,
    "wte.weight",
  ],
];

function withoutEmbedding(architecture: string, tensors: Checkpoint["tensors"]): Problem | undefined {
  const [, layer, embedding, example] = others.find(([pattern]) => pattern.test(architecture)) ?? [];
  if (layer === undefined || embedding === undefined) return undefined;
  if (!tensors.some(({ name }) => layer.test(name)) || tensors.some(({ name }) => embedding.test(name)))
    return undefined;
  const message = `The layers of ${architecture} are here, and its embedding (${example}) is not: it would be initialised at random.`;
  return { severity: "error", code: "EmbeddingMissing", message };
}
