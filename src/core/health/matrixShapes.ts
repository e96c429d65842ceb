import type { Tensor } from "../tensors/tensor";
import type { ModelConfig } from "./modelConfig";
import type { Expectation } from "./slicedWeights";

type Side = number | undefined;

/** A matrix of a layer, by the end of its name, and what the configuration says of its shape. */
export interface MatrixRule {
  readonly name: RegExp;
  readonly part: Expectation["part"];
  readonly shape: (config: ModelConfig, tensor: Tensor) => readonly Side[];
}

const twice = (side: Side) => side && 2 * side;

/** Experts of a layer in one tensor lie either way round; the axis that is no slice tells. */
function fused(config: ModelConfig, { shape }: Tensor, inner: Side): readonly Side[] {
  const { experts, hidden } = config;
  return shape[2] === hidden ? [experts, inner, hidden] : [experts, hidden, inner];
}

/** Of transformers' decoders and of BERT's kin. GPT-2 keeps its matrices turned, [in, out]. */
export const matrixRules: readonly MatrixRule[] = [
  {
    name: /\.mlp\.(?:up|gate)_proj\.weight$/,
    part: "feedForward",
    shape: ({ intermediate, hidden }) => [intermediate, hidden],
  },
  {
    name: /\.mlp\.gate_up_proj\.weight$/,
    part: "feedForward",
    shape: ({ intermediate, hidden }) => [twice(intermediate), hidden],
  },
  {
    name: /\.mlp\.down_proj\.weight$/,
    part: "feedForward",
    shape: ({ intermediate, hidden }) => [hidden, intermediate],
  },
  {
    name: /\.experts\.\d+\.(?:up_proj|gate_proj|w1|w3)\.weight$/,
    part: "feedForward",
    shape: ({ expertIntermediate, hidden }) => [expertIntermediate, hidden],
  },
  {
    name: /\.experts\.gate_up_proj$/,
    part: "feedForward",
    shape: (config, tensor) => fused(config, tensor, twice(config.expertIntermediate)),
  },
  {
    name: /\.experts\.down_proj$/,
    part: "feedForward",
    shape: (config, tensor) => fused(config, tensor, config.expertIntermediate),
  },
  {
    name: /\.self_attn\.q_proj\.weight$/,
    part: "attention",
    shape: ({ attention, hidden }) => [attention, hidden],
  },
  {
    name: /\.self_attn\.qkv_proj\.weight$/,
    part: "attention",
    shape: ({ attention, keyValue, hidden }) => [attention && keyValue && attention + 2 * keyValue, hidden],
  },
  {
    name: /\.self_attn\.o_proj\.weight$/,
    part: "attention",
    shape: ({ attention, hidden }) => [hidden, attention],
  },
  {
    name: /(?:^|\.)h\.\d+\.mlp\.c_fc\.weight$/,
    part: "feedForward",
    shape: ({ conv1dInner, hidden }) => [hidden, conv1dInner],
  },
  {
    name: /(?:^|\.)h\.\d+\.mlp\.c_proj\.weight$/,
    part: "feedForward",
    shape: ({ conv1dInner, hidden }) => [conv1dInner, hidden],
  },
  {
    name: /(?:^|\.)h\.\d+\.attn\.c_attn\.weight$/,
    part: "attention",
    shape: ({ conv1dInner, hidden }) => [hidden, conv1dInner && hidden && 3 * hidden],
  },
  {
    name: /\.layer\.\d+\.intermediate\.dense\.weight$/,
    part: "feedForward",
    shape: ({ intermediate, hidden }) => [intermediate, hidden],
  },
  {
    name: /\.layer\.\d+\.output\.dense\.weight$/,
    part: "feedForward",
    shape: ({ intermediate, hidden }) => [hidden, intermediate],
  },
  {
    name: /\.layer\.\d+\.attention\.self\.query\.weight$/,
    part: "attention",
    shape: ({ attention, hidden }) => [attention, hidden],
  },
];
