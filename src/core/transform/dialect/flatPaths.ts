/**
 * Words of module names that hold an underscore themselves, of the networks that kohya's names are made for: diffusers'
 * UNets and transformers, CLIP and T5, and the layouts of Stability's and Black Forest Labs' own code.
 */
const joinedWords: ReadonlySet<string> = new Set([
  ...["down_blocks", "up_blocks", "mid_block", "transformer_blocks", "single_transformer_blocks"],
  ...["to_q", "to_k", "to_v", "to_out", "to_add_out", "add_q_proj", "add_k_proj", "add_v_proj"],
  ...["proj_in", "proj_out", "proj_mlp", "ff_context", "norm1_context", "time_emb_proj", "conv_shortcut"],
  ...["conv_in", "conv_out", "time_embedding", "add_embedding", "linear_1", "linear_2", "time_text_embed"],
  ...["timestep_embedder", "guidance_embedder", "text_embedder", "context_embedder", "x_embedder"],
  ...["text_model", "self_attn", "q_proj", "k_proj", "v_proj", "out_proj", "text_projection"],
  ...["token_embedding", "position_embedding"],
  ...[
    "input_blocks",
    "middle_block",
    "output_blocks",
    "in_layers",
    "out_layers",
    "emb_layers",
    "skip_connection",
  ],
  ...[
    "time_embed",
    "label_emb",
    "double_blocks",
    "single_blocks",
    "img_attn",
    "txt_attn",
    "img_mlp",
    "txt_mlp",
  ],
  ...[
    "img_mod",
    "txt_mod",
    "img_in",
    "txt_in",
    "time_in",
    "vector_in",
    "guidance_in",
    "in_layer",
    "out_layer",
  ],
  ...["final_layer"],
]);

const singleWords: ReadonlySet<string> = new Set([
  ...["attentions", "resnets", "downsamplers", "upsamplers", "attn", "attn1", "attn2", "ff", "net", "proj"],
  ...["norm", "norm1", "norm2", "linear", "linear1", "linear2", "conv", "conv1", "conv2", "op", "embeddings"],
  ...["encoder", "layers", "mlp", "fc1", "fc2", "qkv", "lin", "modulation"],
]);

const mostParts = 4;

/**
 * The path in dots of a name that kohya joined with underscores; undefined where a word is not known, because then
 * nothing says which underscores were dots.
 */
export function dottedPath(flat: string): string | undefined {
  const parts = flat.split("_");
  // Without an underscore there is nothing to be told apart.
  if (parts.length === 1) return flat;
  const words: string[] = [];
  for (let at = 0; at < parts.length; ) {
    const count = wordLength(parts, at);
    if (count === 0) return undefined;
    words.push(parts.slice(at, at + count).join("_"));
    at += count;
  }
  return words.join(".");
}

/** Of the longest known word that begins at a part; 0 where none does. */
function wordLength(parts: readonly string[], at: number): number {
  for (let count = Math.min(mostParts, parts.length - at); count > 1; count--)
    if (joinedWords.has(parts.slice(at, at + count).join("_"))) return count;
  const word = parts[at] ?? "";
  return /^\d+$/.test(word) || singleWords.has(word) ? 1 : 0;
}
