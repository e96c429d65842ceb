import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, inject, test, vi } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { alignSnapshots } from "../../../src/core/compare/tensors/alignSnapshots";
import { diffStatus } from "../../../src/core/compare/tensors/diffTable";
import { quantisationCost, typedRows } from "../../../src/core/compare/tensors/quantisationCost";
import { GgufNames } from "../../../src/core/names/ggufNames";
import { TensorDiffing } from "../../../src/worker/diff/tensorDiffing";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { PlainReading } from "../../../src/worker/numbers/plainReading";
import { projectRoot } from "../../support/projectRoot";

const folder = join(projectRoot, "test/fixtures/ggufTwins");
const pool = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });
afterAll(() => pool.dispose());

async function compare(...names: readonly string[]) {
  const paths = names.map((name) => join(folder, name));
  const comparison = await Comparison.compute(nodeFiles, paths, () => undefined, { pairing: "all" });
  const alignment = alignSnapshots(comparison.snapshots);
  const sessions = comparison.snapshots.map(({ session }) => session);
  const diffing = new TensorDiffing(sessions, alignment);
  await diffing.run(pool, { report: () => {} });
  return { comparison, alignment, table: diffing.table };
}

describe("a GGUF file beside the model that it was made of", () => {
  test.each(["gemma2", "gpt2", "falcon", "gptneox"])(
    "is equal where the converter only moved values: %s",
    async (name) => {
      const oneThread = vi.spyOn(PlainReading.prototype, "compare");
      const { alignment, table } = await compare(`${name}.safetensors`, `${name}.gguf`);
      // What was turned is held whole.
      expect(oneThread.mock.calls.length > 0).toBe(name === "gpt2");
      oneThread.mockRestore();
      expect(alignment.rows.map((row, index) => [row.name, diffStatus(row, index, table)])).toEqual(
        alignment.rows.map(({ name: own }) => [own, "equal"]),
      );
      expect(alignment.aligned.map(({ kind }) => kind)).toEqual(["format"]);
    },
  );

  test("differs by what numpy computes that quantisation cost, experts one by one", async () => {
    const costs: Readonly<Record<string, { relativeL2: number; maxAbs: number; cosine: number }>> =
      JSON.parse(readFileSync(join(folder, "costs.json"), "utf8"));
    const { alignment, table } = await compare("llama.safetensors", "llama.gguf");
    expect(alignment.rows.every(({ tensors }) => tensors.every((tensor) => tensor !== undefined))).toBe(true);
    for (const [name, cost] of Object.entries(costs)) {
      const row = alignment.rows.findIndex((each) => each.name === name);
      const numbers = table.numbers(row, 0);
      expect(numbers?.relativeL2, name).toBeCloseTo(cost.relativeL2, 6);
      expect(numbers?.maxAbs, name).toBeCloseTo(cost.maxAbs, 6);
      expect(numbers?.cosine, name).toBeCloseTo(cost.cosine, 8);
    }
    const [found, ...others] = quantisationCost(typedRows(alignment.rows), 0, 1, table);
    const worst = Object.entries(costs).sort(([, a], [, b]) => b.relativeL2 - a.relativeL2)[0];
    expect(others).toEqual([]);
    expect(found).toMatchObject({ type: "Q8_0", tensors: Object.keys(costs).length, largest: worst?.[0] });
  });

  test("has the updates of the adapter that it was made of, rows of query and key in order", async () => {
    const { comparison } = await compare("peft", "adapter.gguf");
    expect(comparison.modules).toHaveLength(4);
    for (const { module, pairs } of comparison.modules) {
      expect(pairs[0]?.cosine, module).toBeCloseTo(1, 6);
      expect(pairs[0]?.relativeChange, module).toBeCloseTo(0, 6);
    }
  });
});

test("names of an architecture that nobody knows, and rows of unknown heads, keep theirs", () => {
  expect(GgufNames.of(new Map([["general.architecture", "constructor"]]))).toBeUndefined();
  const names = GgufNames.of(new Map([["general.architecture", "llama"]]));
  expect(names?.twin("blk.0.attn_q.weight")).toBeUndefined();
  expect(names?.twin("blk.0.constructor.weight")).toBeUndefined();
  expect(names?.twin("blk.3.ffn_up.2.weight")?.name).toBe(
    "model.layers.3.block_sparse_moe.experts.2.w3.weight",
  );
});

/** By gguf-py's map of names over the models of transformers 5.18. */
test.each([
  ["falcon", "blk.0.attn_norm_2.weight", "transformer.h.0.ln_attn.weight"],
  // Of grouped keys it is the layer's norm (11B) or the feed-forward's (40B).
  ["falcon", "blk.0.attn_norm.weight", undefined],
  ["granitemoe", "blk.1.ffn_gate_inp.weight", "model.layers.1.block_sparse_moe.router.layer.weight"],
  ["granitemoe", "blk.1.ffn_down_exps.weight", "model.layers.1.block_sparse_moe.output_linear.weight"],
  ["granitemoe", "blk.1.ffn_gate_exps.weight", undefined],
  ["deepseek2", "blk.1.exp_probs_b.bias", "model.layers.1.mlp.gate.e_score_correction_bias"],
  ["minimax-m2", "blk.1.exp_probs_b.bias", "model.layers.1.block_sparse_moe.e_score_correction_bias"],
  ["gpt-oss", "blk.0.attn_sinks.weight", "model.layers.0.self_attn.sinks"],
  ["gpt-oss", "blk.0.ffn_up_exps.weight", undefined],
  ["seed_oss", "blk.0.post_attention_norm.weight", "model.layers.0.post_attention_layernorm.weight"],
  ["hunyuan-dense", "blk.0.attn_q_norm.weight", "model.layers.0.self_attn.query_layernorm.weight"],
  ["lfm2", "blk.0.ffn_up.weight", "model.layers.0.feed_forward.w3.weight"],
  ["modern-bert", "blk.0.ffn_down.weight", "layers.0.mlp.Wo.weight"],
])("%s: %s", (architecture, name, twin) => {
  const names = GgufNames.of(
    new Map([
      ["general.architecture", architecture],
      [`${architecture}.attention.head_count`, "8"],
      [`${architecture}.attention.head_count_kv`, "4"],
    ]),
  );
  expect(names?.twin(name)?.name).toBe(twin);
});
