import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";

/** Modules that no architecture has one without the others of. */
const siblings: readonly (readonly string[])[] = [
  ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"],
  ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
  ["input_layernorm", "post_attention_layernorm"],
  // BERT and its kin, ViT.
  ["attention.self.query", "attention.self.key", "attention.self.value"],
  ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
  ["intermediate.dense", "output.dense", "attention.output.dense"],
  ["attention.output.LayerNorm", "output.LayerNorm"],
  // DistilBERT.
  ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"],
  ["ffn.lin1", "ffn.lin2"],
  // T5.
  [
    "layer.0.SelfAttention.q",
    "layer.0.SelfAttention.k",
    "layer.0.SelfAttention.v",
    "layer.0.SelfAttention.o",
  ],
  // GPT-2.
  ["attn.c_attn", "attn.c_proj"],
  ["mlp.c_fc", "mlp.c_proj"],
  ["ln_1", "ln_2"],
  // OPT, BART, Whisper.
  ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"],
  ["fc1", "fc2"],
  // The same in GGUF.
  ["attn_q", "attn_k", "attn_v", "attn_output"],
  ["ffn_gate", "ffn_up", "ffn_down"],
  ["attn_norm", "ffn_norm"],
];

/** More than this is another kind of layer, and no layer that lost something. */
const mostLost = 4;

/**
 * One layer lacks what all others have, and has nothing that they lack. Two layers alone are held against each other
 * only in modules that come together. The first and the last layer of an architecture may be made otherwise, so that
 * there it is a warning.
 * @param names Of the tensors of each layer, without the path of the layer.
 * @param outcome What a loader makes of it: "it would be …".
 */
export function unlikeLayers(
  names: ReadonlyMap<number, readonly string[]>,
  outcome = "would be initialised at random",
): readonly Problem[] {
  const layers = [...names].map(([layer, own]) => ({ layer, modules: new Set(own.map(moduleOf)) }));
  if (layers.length < 2) return [];
  const most = Math.max(...layers.map(({ modules }) => modules.size));
  const fewer = layers.filter(({ modules }) => modules.size < most);
  const [only] = fewer;
  if (only === undefined || fewer.length > 1) return [];
  const [first, ...others] = layers.filter((each) => each !== only).map(({ modules }) => modules);
  if (first === undefined || others.some((modules) => !isWithin(modules, first))) return [];
  if (!isWithin(only.modules, first)) return [];
  const lost = [...first].filter((module) => !only.modules.has(module));
  if (lost.length > mostLost) return [];
  const isSibling = lost.every((lostOne) => {
    const module = lostOne.replace(/\.bias$/, "");
    return siblings.some(
      (group) => group.includes(module) && group.some((other) => other !== module && only.modules.has(other)),
    );
  });
  if (others.length === 0 && !isSibling) return [];
  const ends = [Math.min(...names.keys()), Math.max(...names.keys())];
  const isError = isSibling || !ends.includes(only.layer);
  const theRest = others.length === 0 ? "the other layer has" : `the other ${others.length + 1} layers have`;
  const more = lost.length === 1 ? "" : ` and ${plural(lost.length - 1, "module")} more`;
  const message = `Layer ${only.layer} has no ${lost[0]}${more}, which ${theRest}: ${lost.length === 1 ? "it" : "they"} ${outcome}.`;
  return [{ severity: isError ? "error" : "warning", code: "TensorsMissing", message }];
}

function isWithin(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return [...inner].every((module) => outer.has(module));
}

/** Scales and codes that packing adds belong to the module of the weight, whether a layer is packed or not. */
function moduleOf(name: string): string {
  if (name.endsWith(".bias")) return name;
  return name.replace(/\.(?:weight|qweight|q?zeros|scales|g_idx)(?:[._].*)?$|\.\w+$/, "");
}
