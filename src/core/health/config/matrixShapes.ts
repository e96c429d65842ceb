import type { Tensor } from "../../tensors/tensor";
import type { ModelConfig } from "./modelConfig";
import type { Expectation } from "./slicedWeights";

type Side = number | undefined;

/** A matrix of a layer, by the end of its name, and what the configuration says of its shape. */
export interface MatrixRule {
  readonly name: RegExp;
  readonly part: Expectation["part"];
  readonly shape: (config: ModelConfig, tensor: Tensor) => readonly Side[];
  /** The setting that a feed-forward layer's inner width is said by, how often that width stands in the matrix, and where. */
  readonly inner?: {
    readonly setting: "intermediate" | "expertIntermediate";
    readonly times: number;
    readonly axis: (config: ModelConfig, tensor: Tensor) => number;
  };
}

/** A matrix of a feed-forward layer, [inner, hidden] or [hidden, inner]. */
function feedForward(
  name: RegExp,
  lies: "out" | "in",
  setting: "intermediate" | "expertIntermediate" = "intermediate",
  times = 1,
): MatrixRule {
  const shape = (config: ModelConfig): readonly Side[] => {
    const inner = innerOf(config, setting, times);
    return lies === "out" ? [inner, config.hidden] : [config.hidden, inner];
  };
  const axis = () => (lies === "out" ? 0 : 1);
  return { name, part: "feedForward", shape, inner: { setting, times, axis } };
}

function innerOf(config: ModelConfig, setting: "intermediate" | "expertIntermediate", times: number): Side {
  const value = config[setting]?.value;
  return value && times * value;
}

/** Experts of a layer in one tensor lie either way round; the axis that is no slice tells. */
function fusedExperts(name: RegExp, times: number): MatrixRule {
  const axis = ({ hidden }: ModelConfig, tensor: Tensor) => (tensor.shape[2] === hidden ? 1 : 2);
  const shape = (config: ModelConfig, tensor: Tensor): readonly Side[] => {
    const inner = innerOf(config, "expertIntermediate", times);
    const { experts, hidden } = config;
    return axis(config, tensor) === 1 ? [experts, inner, hidden] : [experts, hidden, inner];
  };
  return { name, part: "feedForward", shape, inner: { setting: "expertIntermediate", times, axis } };
}

function attention(name: RegExp, shape: (config: ModelConfig) => readonly Side[]): MatrixRule {
  return { name, part: "attention", shape };
}

function conv1d(rule: MatrixRule): MatrixRule {
  return { ...rule, shape: (config, tensor) => (config.isConv1d ? rule.shape(config, tensor) : []) };
}

/** Of transformers' decoders and encoders. GPT-2 keeps its matrices turned, [in, out]. */
export const matrixRules: readonly MatrixRule[] = [
  feedForward(/\.mlp\.(?:up|gate)_proj\.weight$/, "out"),
  feedForward(/\.mlp\.gate_up_proj\.weight$/, "out", "intermediate", 2),
  feedForward(/\.mlp\.down_proj\.weight$/, "in"),
  feedForward(/\.experts\.\d+\.(?:up_proj|gate_proj|w1|w3)\.weight$/, "out", "expertIntermediate"),
  feedForward(/\.experts\.\d+\.(?:down_proj|w2)\.weight$/, "in", "expertIntermediate"),
  fusedExperts(/\.experts\.gate_up_proj$/, 2),
  fusedExperts(/\.experts\.down_proj$/, 1),
  attention(/\.self_attn\.q_proj\.weight$/, ({ attention, hidden }) => [attention, hidden]),
  attention(/\.self_attn\.qkv_proj\.weight$/, ({ attention, keyValue, hidden }) => [
    attention && keyValue && attention + 2 * keyValue,
    hidden,
  ]),
  attention(/\.self_attn\.(?:o|out)_proj\.weight$/, ({ attention, hidden }) => [hidden, attention]),
  // GPT-2; those who took over its names keep them the usual way round.
  conv1d(feedForward(/(?:^|\.)h\.\d+\.mlp\.c_fc\.weight$/, "in")),
  conv1d(feedForward(/(?:^|\.)h\.\d+\.mlp\.c_proj\.weight$/, "out")),
  conv1d(attention(/(?:^|\.)h\.\d+\.attn\.c_attn\.weight$/, ({ hidden }) => [hidden, hidden && 3 * hidden])),
  // GPT-NeoX and BLOOM.
  feedForward(/\.mlp\.dense_h_to_4h\.weight$/, "out"),
  feedForward(/\.mlp\.dense_4h_to_h\.weight$/, "in"),
  attention(/\.(?:self_)?attention\.dense\.weight$/, ({ attention, hidden }) => [hidden, attention]),
  // OPT, BART, Whisper.
  feedForward(/\.layers\.\d+\.(?:mlp\.)?fc1\.weight$/, "out"),
  feedForward(/\.layers\.\d+\.(?:mlp\.)?fc2\.weight$/, "in"),
  // T5.
  feedForward(/\.DenseReluDense\.wi(?:_[01])?\.weight$/, "out"),
  feedForward(/\.DenseReluDense\.wo\.weight$/, "in"),
  attention(/\.SelfAttention\.q\.weight$/, ({ attention, hidden }) => [attention, hidden]),
  // BERT and its kin, ViT.
  feedForward(/\.layer\.\d+\.intermediate\.dense\.weight$/, "out"),
  feedForward(/\.layer\.\d+\.output\.dense\.weight$/, "in"),
  attention(/\.layer\.\d+\.attention\.(?:self|attention)\.query\.weight$/, ({ attention, hidden }) => [
    attention,
    hidden,
  ]),
  // DistilBERT.
  feedForward(/\.layer\.\d+\.ffn\.lin1\.weight$/, "out"),
  feedForward(/\.layer\.\d+\.ffn\.lin2\.weight$/, "in"),
  attention(/\.layer\.\d+\.attention\.q_lin\.weight$/, ({ attention, hidden }) => [attention, hidden]),
];
