/**
 * The order in which `named_parameters()` gives the parameters of usual language models, as far as names tell:
 * files sort them by name. Layers by number, and inside of a layer as the model's class declares its modules.
 */
const ranks = new Map<string, number>(
  [
    ["embed_tokens", "wte", "word_embeddings", "tok_embeddings", "embeddings", "token_embedding", "shared"],
    ["position_embeddings", "wpe", "embed_positions"],
    ["token_type_embeddings"],
    ["encoder", "layers", "h", "layer", "blocks", "block"],
    ["decoder"],
    ["ln_1", "layer_norm1", "norm1"],
    ["self_attn", "attn", "attention", "self_attention", "self"],
    ["qkv_proj", "query_key_value", "c_attn", "in_proj"],
    ["q_proj", "q_lin", "query", "q", "wq", "to_q"],
    ["k_proj", "k_lin", "key", "k", "wk", "to_k"],
    ["v_proj", "v_lin", "value", "v", "wv", "to_v"],
    ["o_proj", "out_proj", "out_lin", "c_proj", "o", "wo", "to_out"],
    ["q_norm"],
    ["k_norm"],
    ["sa_layer_norm", "self_attn_layer_norm"],
    ["ln_2", "layer_norm2", "norm2"],
    ["mlp", "ffn", "feed_forward", "intermediate"],
    ["gate_proj", "w1"],
    ["up_proj", "w3"],
    ["gate_up_proj"],
    ["down_proj", "w2"],
    ["fc1", "lin1", "c_fc", "dense_h_to_4h"],
    ["fc2", "lin2", "dense_4h_to_h"],
    ["output", "dense", "output_layer_norm"],
    ["input_layernorm"],
    ["post_attention_layernorm"],
    ["pre_feedforward_layernorm"],
    ["post_feedforward_layernorm"],
    ["norm", "ln_f", "final_layer_norm", "final_layernorm"],
    ["pooler", "pre_classifier"],
    ["lm_head", "classifier", "score", "qa_outputs", "output_projection"],
    ["lora_A", "lora_a", "lora_down"],
    ["lora_B", "lora_b", "lora_up"],
    ["lora_embedding_A"],
    ["lora_embedding_B"],
    ["lora_magnitude_vector"],
    ["weight"],
    ["bias"],
  ].flatMap((names, rank) => names.map((name): [string, number] => [name, rank])),
);

const headRank = ranks.get("lm_head");

export function compareParameterNames(a: string, b: string): number {
  const partsA = a.split(".");
  const partsB = b.split(".");
  for (let at = 0; at < Math.min(partsA.length, partsB.length); at++) {
    const order = compareParts(partsA[at] as string, partsB[at] as string);
    if (order !== 0) return order;
  }
  return partsA.length - partsB.length;
}

function compareParts(a: string, b: string): number {
  if (a === b) return 0;
  const numberA = /^\d+$/.test(a) ? Number(a) : undefined;
  const numberB = /^\d+$/.test(b) ? Number(b) : undefined;
  if (numberA !== undefined && numberB !== undefined) return numberA - numberB;
  const rankA = ranks.get(a);
  const rankB = ranks.get(b);
  if (rankA !== undefined && rankB !== undefined && rankA !== rankB) return rankA - rankB;
  // A head follows the model that it stands on, whatever that is called: "model", "transformer", "bert".
  const [isHeadA, isHeadB] = [rankA === headRank, rankB === headRank];
  if (isHeadA !== isHeadB) return isHeadA ? 1 : -1;
  return a < b ? -1 : 1;
}
