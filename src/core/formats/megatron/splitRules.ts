import type { Cut } from "../joinSlices";

/** How a parameter lies on tensor-parallel ranks: cut, or whole on every rank. */
export type SplitRule = Cut | "whole";

/** The ranks' slices one below the other. */
const rows: Cut = { axis: 0 };
/** The ranks' slices side by side. */
const columns: Cut = { axis: 1 };
/** The gate and the projection of a gated MLP: each rank has a slice of both. */
const twoPartRows: Cut = { axis: 0, parts: 2 };

/** Column-parallel layers: their output is cut, so weights and biases are cut by rows. */
const byRows =
  /(?:^|\.)(?:linear_qkv|query_key_value|query|key_value|linear_q|linear_kv|linear_q_up_proj|linear_kv_up_proj|word_embeddings|word_embeddings_for_head|output_layer|lm_head)\.(?:weight|bias)$/;
const gated = /(?:^|\.)(?:linear_fc1|dense_h_to_4h)\.(?:weight|bias)$/;
/** Row-parallel layers: their input is cut. The bias is added after the sum, so every rank has it whole. */
const byColumns = /(?:^|\.)(?:linear_proj|linear_fc2|dense|dense_4h_to_h)\.weight$/;
const wholeOnes =
  /(?:norm\w*\.(?:weight|bias)|layer_norm_(?:weight|bias)|(?:linear_proj|linear_fc2|dense|dense_4h_to_h)\.bias|position_embeddings\.weight|tokentype_embeddings\.weight|router\.(?:weight|expert_bias)|(?:linear_q_down_proj|linear_kv_down_proj|pooler\.\w+)\.(?:weight|bias))$/;
const attention = /(?:linear_qkv|query_key_value)\.(?:weight|bias)$/;

export interface SplitSettings {
  /** A gate stands beside the projection in one weight (SwiGLU and its like). Undefined where the file does not say. */
  readonly gated: boolean | undefined;
  /** Below 1 query, key and value of each rank stand in an order of their own. */
  readonly version: number;
}

/**
 * How Megatron-LM cuts a parameter over tensor-parallel ranks (megatron/core/tensor_parallel/layers.py, and
 * tools/checkpoint for how its own converters join it). Undefined for those of which it is not known.
 */
export function splitRule(name: string, settings: SplitSettings): SplitRule | undefined {
  if (attention.test(name) && settings.version < 1) return undefined;
  if (byRows.test(name)) return rows;
  if (gated.test(name)) {
    if (settings.gated === undefined) return undefined;
    return settings.gated ? twoPartRows : rows;
  }
  if (byColumns.test(name)) return columns;
  return wholeOnes.test(name) ? "whole" : undefined;
}
