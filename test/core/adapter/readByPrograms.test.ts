import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import type { AdapterConfig } from "../../../src/core/adapter/adapterConfig";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { configOf, pair, tensor } from "./adapterFile";

function adapterOf(
  tensors: readonly Tensor[],
  config?: AdapterConfig,
  metadata: Record<string, string> = {},
) {
  const adapter = findAdapter(tensors, config, new Map(Object.entries(metadata)));
  if (adapter === undefined) throw new Error("No adapter was found.");
  return adapter;
}

const lora = configOf('{"peft_type": "LORA", "r": 4, "lora_alpha": 16}');

describe("what programs make of an adapter", () => {
  it("takes QALoRA's A for groups of inputs unless the widths tell that it is whole, as PEFT makes it but for GPTQ", () => {
    const config = configOf('{"peft_type": "LORA", "r": 4, "use_qalora": true, "qalora_group_size": 4}');
    const layouts = (pairs: readonly (readonly [string, number, number])[]) =>
      adapterOf(
        pairs.flatMap(([name, inputs, outputs]) => pair(`model.layers.0.${name}`, 4, inputs, outputs)),
        config,
      ).modules.map(({ layout, inFeatures }) => [layout, inFeatures]);
    // Hidden width 16: q_proj and down_proj write it, q_proj and v_proj read it.
    expect(
      layouts([
        ["q", 4, 16],
        ["v", 4, 8],
        ["down", 6, 16],
      ]),
    ).toEqual([
      ["pooled", 16],
      ["pooled", 16],
      ["pooled", 24],
    ]);
    expect(
      layouts([
        ["q", 16, 16],
        ["v", 16, 8],
        ["down", 24, 16],
      ]),
    ).toEqual([
      ["linear", 16],
      ["linear", 16],
      ["linear", 24],
    ]);
    expect(layouts([["v", 4, 8]])).toEqual([["pooled", 16]]);
    // GPT-2 of 16: c_attn writes three times what it reads, c_fc four times, which is the groups' size as well.
    const ofGpt2 = (inputs: number) =>
      layouts([
        ["attn.c_attn", inputs, 48],
        ["mlp.c_fc", inputs, 64],
      ]);
    expect(ofGpt2(16)).toEqual([
      ["linear", 16],
      ["linear", 16],
    ]);
    expect(ofGpt2(4)).toEqual([
      ["pooled", 16],
      ["pooled", 16],
    ]);
  });

  it("passes over what only training uses, and names nothing by a number alone", () => {
    const adapter = adapterOf(
      [
        ...pair("q", 4, 24, 32),
        tensor("base_model.model.q.lora_monteclora_sampler.std_prior", [4]),
        tensor("base_model.model.q.lora_velora_embed", [1]),
      ],
      lora,
    );
    expect([adapter.modules.length, adapter.savedTensors, adapter.otherTensors]).toEqual([1, [], []]);
    const { problems } = adapterOf(
      [...pair("q", 4, 24, 32), tensor("projector.model.0.weight", [24, 24])],
      undefined,
    );
    expect(problems.find(({ code }) => code === "AdapterShares")?.message).toContain(
      "are model.0, saved whole",
    );
  });

  it("measures no LoKr of PEFT over one axis that keeps a whole matrix, which PEFT multiplies along other axes", () => {
    // make_kron of PEFT 0.21: w1 [2, 2] ⊗ w2 [3, 4, 3] is [3, 8, 6] in torch, shown as [6, 8, 3].
    const lokr = (prefix: string) =>
      adapterOf([tensor(`${prefix}d1.lokr_w1`, [2, 2]), tensor(`${prefix}d1.lokr_w2`, [3, 4, 3])]);
    expect(lokr("base_model.model.").modules).toEqual([]);
    expect(lokr("lora_unet_").modules).toHaveLength(1);
  });

  it("says that the sizes of litgpt's query, key and value are assumed", () => {
    const name = "transformer.h.0.attn.qkv.lora_";
    const { problems } = adapterOf([tensor(`${name}A`, [12, 16]), tensor(`${name}B`, [24, 4])]);
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: "warning", code: "LoraSplitAssumed" }),
    );
  });

  it("takes an alpha of 0 in a GGUF adapter for none, as llama.cpp does", () => {
    // llama.cpp: `alpha ? strength * alpha / rank : strength`.
    const withoutAlpha = adapterOf(
      [tensor("blk.0.attn_q.weight.lora_a", [4, 9]), tensor("blk.0.attn_q.weight.lora_b", [7, 4])],
      undefined,
      { "general.type": "adapter", "adapter.lora.alpha": "0" },
    );
    expect(withoutAlpha).toMatchObject({ modules: [{ scale: 1 }], problems: [] });
  });
});
