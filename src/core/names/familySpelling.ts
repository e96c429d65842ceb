import type { Problem } from "../problem/problem";

/** Paths are joined with underscores here, as canonical names are. */

/** Parts of a residual block of the UNet as its authors (LDM) number them, and as diffusers names them. */
const resnetParts: readonly (readonly [string, string])[] = [
  ["in_layers_0", "norm1"],
  ["in_layers_2", "conv1"],
  ["out_layers_0", "norm2"],
  ["out_layers_3", "conv2"],
  ["emb_layers_1", "time_emb_proj"],
  ["skip_connection", "conv_shortcut"],
];

/** Names that stand for one whole module. */
const singleParts: readonly (readonly [RegExp, string])[] = [
  [/^input_blocks_0_0(?=_|$)/, "conv_in"],
  [/^out_0(?=_|$)/, "conv_norm_out"],
  [/^out_2(?=_|$)/, "conv_out"],
  [/^time_embed_0(?=_|$)/, "time_embedding_linear_1"],
  [/^time_embed_2(?=_|$)/, "time_embedding_linear_2"],
  [/^label_emb_0_0(?=_|$)/, "add_embedding_linear_1"],
  [/^label_emb_0_2(?=_|$)/, "add_embedding_linear_2"],
  [/^middle_block_0(?=_|$)/, "mid_block_resnets_0"],
  [/^middle_block_1(?=_|$)/, "mid_block_attentions_0"],
  [/^middle_block_2(?=_|$)/, "mid_block_resnets_1"],
  // Meta's and torchtune's decoders.
  [/^tok_embeddings(?=_|$)/, "embed_tokens"],
  [/^output(?=_weight$|$)/, "lm_head"],
  [/^norm_scale$/, "norm_weight"],
];

/** Inside of a layer of a decoder: Meta's and torchtune's names, and what transformers calls them. */
const layerParts: readonly (readonly [RegExp, string])[] = [
  [/^attn_output_proj(?=_|$)/, "self_attn_o_proj"],
  [/^attn_v_proj(?=_|$)/, "self_attn_v_proj"],
  [/^attention_wo(?=_|$)/, "self_attn_o_proj"],
  [/^attention_wv(?=_|$)/, "self_attn_v_proj"],
  [/^sa_norm_scale$|^attention_norm_weight$/, "input_layernorm_weight"],
  [/^mlp_norm_scale$|^ffn_norm_weight$/, "post_attention_layernorm_weight"],
  [/^block_sparse_moe_gate(?=_|$)/, "mlp_gate"],
];

/** Inside of a block of Wan: its authors' names, and diffusers' (scripts/convert_wan_to_diffusers.py). */
const wanParts: readonly (readonly [RegExp, string])[] = [
  [/^self_attn_([qkv])(?=_weight$|_bias$|$)/, "attn1_to_$1"],
  [/^self_attn_o(?=_weight$|_bias$|$)/, "attn1_to_out"],
  [/^self_attn_norm_([qk])(?=_weight$)/, "attn1_norm_$1"],
  [/^cross_attn_([qkv])(?=_weight$|_bias$|$)/, "attn2_to_$1"],
  [/^cross_attn_o(?=_weight$|_bias$|$)/, "attn2_to_out"],
  [/^cross_attn_norm_([qk])(?=_weight$)/, "attn2_norm_$1"],
  [/^cross_attn_([kv])_img(?=_weight$|_bias$|$)/, "attn2_add_$1_proj"],
  [/^ffn_0(?=_weight$|_bias$|$)/, "ffn_net_0_proj"],
  [/^ffn_2(?=_weight$|_bias$|$)/, "ffn_net_2"],
];

const gatedParts: Readonly<Record<string, string>> = { 1: "gate_proj", 2: "down_proj", 3: "up_proj" };
const gatedPart = /^(?:mlp|feed_forward|block_sparse_moe)((?:_experts_\d+)?)_w([123])(?=_|$)/;

/**
 * A path as one library names it, where several have the same model under names of their own: UNets by their authors'
 * numbers and by diffusers', decoders by Meta's and torchtune's names and by transformers', Wan by its authors' and by
 * diffusers', Mixtral before and since transformers 5. Query and key of Meta's layout keep their names: their rows may stand in another order.
 */
export function familySpelling(path: string): string {
  const block = /^(input|output)_blocks_(\d+)_(\d+)(?:_(.*))?$/.exec(path);
  if (block !== null && !path.startsWith("input_blocks_0_0")) return blockName(block);
  for (const [pattern, name] of singleParts) {
    if (pattern.test(path)) return withResnetPart(path.replace(pattern, name));
  }
  const wan = /^blocks_\d+_/.exec(path)?.[0];
  if (wan !== undefined) {
    const rest = path.slice(wan.length);
    const [pattern, name] = wanParts.find(([known]) => known.test(rest)) ?? [];
    return pattern === undefined || name === undefined ? path : wan + rest.replace(pattern, name);
  }
  const layer = /^layers_\d+_/.exec(path);
  return layer === null ? path : layer[0] + layerPart(path.slice(layer[0].length));
}

function blockName([path, side, number, part, rest = ""]: RegExpExecArray): string {
  const isInput = side === "input";
  const at = Number(number) - (isInput ? 1 : 0);
  const [block, index] = [Math.floor(at / 3), at % 3];
  const front = `${isInput ? "down" : "up"}_blocks_${block}`;
  const tail = rest === "" ? "" : `_${rest}`;
  if (isInput && index === 2) return `${front}_downsamplers_0_conv${tail.replace(/^_op(?=_|$)/, "")}`;
  const isUpsampler = !isInput && (part === "2" || (part === "1" && /^conv(?:_|$)/.test(rest)));
  if (isUpsampler) return `${front}_upsamplers_0${tail}`;
  if (part === "0") return withResnetPart(`${front}_resnets_${index}${tail}`);
  return part === "1" ? `${front}_attentions_${index}${tail}` : path;
}

function withResnetPart(path: string): string {
  const found = /^(.*_resnets_\d+_)(.*)$/.exec(path);
  if (found === null) return path;
  const [, front = "", rest = ""] = found;
  const part = resnetParts.find(([name]) => rest === name || rest.startsWith(`${name}_`));
  return part === undefined ? path : front + part[1] + rest.slice(part[0].length);
}

function layerPart(rest: string): string {
  for (const [pattern, name] of layerParts) if (pattern.test(rest)) return rest.replace(pattern, name);
  return rest.replace(
    gatedPart,
    (_, experts: string, number: string) => `mlp${experts}_${gatedParts[number]}`,
  );
}

const halvedRows = /(?:^|[._])layers[._]\d+[._](?:attn[._][qk]_proj|attention[._]w[qk])(?=[._]|$)/;

const plainRows = /(?:^|[._])layers[._]\d+[._]self_attn[._][qk]_proj(?=[._]|$)/;

/**
 * Says why query and key were not compared, where they are among the names that are not in all snapshots: Meta and
 * torchtune keep those of many models with the two halves of each head interleaved.
 */
export function rowOrderNote(unmatched: readonly { readonly name: string }[]): Problem | undefined {
  const [first] = unmatched.filter(({ name }) => halvedRows.test(name));
  const other = unmatched.find(({ name }) => plainRows.test(name));
  if (first === undefined || other === undefined) return undefined;
  const message = `Query and key (${first.name}, ${other.name}) are not held against each other: in the layout of Meta and torchtune their rows stand in another order for many models, which no name tells.`;
  return { severity: "info", code: "RowsInOtherOrder", message };
}
