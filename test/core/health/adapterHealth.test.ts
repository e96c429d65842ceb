import { describe, expect, it } from "vitest";
import { adapterConfig, adapterOf, factors, healthOf, module, weights } from "../../support/healthOf";
import { call, dict, global, ints, torchArchive } from "../formats/torch/torchPickle";

describe("an adapter", () => {
  it("that is whole has nothing wrong with it", async () => {
    expect((await healthOf(adapterOf(factors))).problems).toEqual([]);
  });

  it("of kohya with its prefix twice is one that no program finds", async () => {
    const codes = async (name: string) =>
      (
        await healthOf({
          "a.safetensors": weights({
            [`${name}.lora_down.weight`]: [4, 16],
            [`${name}.lora_up.weight`]: [16, 4],
            [`${name}.alpha`]: [],
          }),
        })
      ).problems.map(({ code }) => code);
    expect(await codes("lora_unet_unet_mid_block_attentions_0_proj_in")).toContain("DoubledPrefix");
    expect(await codes("lora_unet_mid_block_attentions_0_proj_in")).not.toContain("DoubledPrefix");
  });

  it("without any tensor is an error, with its cause", async () => {
    const { problems } = await healthOf({ ...adapterOf({}), "global_step10/latest": "x" });
    expect(problems).toContainEqual(
      expect.objectContaining({
        severity: "error",
        code: "NoTensors",
        message: expect.stringContaining("global_step10/"),
      }),
    );
  });

  it("of tensors without values is one error, and its parameters are no start for a training", async () => {
    const { session, problems } = await healthOf(
      adapterOf({ [`${module}.lora_A.weight`]: [0], [`${module}.lora_B.weight`]: [0] }),
    );
    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([["error", "NoValues"]]);
    expect((await session.resume()).checks[0]).toMatchObject({ what: "Parameters", verdict: "error" });
  });

  it("of tensors on the meta device is an error, although each has its shape", async () => {
    const meta = call(
      "torch._utils._rebuild_meta_tensor_no_storage",
      global("torch.float32"),
      ints(8, 16),
      ints(16, 1),
      "\x89",
    );
    const pickle = dict({ [`${module}.lora_A.weight`]: meta });
    const { session, problems } = await healthOf({ "adapter_model.bin": torchArchive(pickle) });
    expect(problems).toContainEqual(expect.objectContaining({ severity: "error", code: "NoValues" }));
    expect((await session.resume()).answer).toBe("no");
  });

  it("of which only the scales of its modules were saved is an error", async () => {
    const { session, problems } = await healthOf({
      "adapter_model.safetensors": weights({
        "model.q_proj.alpha": [],
        "model.q_proj.dropout_p": [],
        "model.v_proj.alpha": [1],
      }),
    });
    expect(problems).toContainEqual(
      expect.objectContaining({
        severity: "error",
        code: "NoFactors",
        message: expect.stringMatching(/^All of the 3 tensors of .* are alpha and dropout_p of modules/),
      }),
    );
    expect((await session.resume()).answer).toBe("no");
    const learnt = await healthOf({ "model.safetensors": weights({ "act.alpha": [4], "act.scale": [4] }) });
    expect(learnt.problems.map(({ code }) => code)).not.toContain("NoFactors");
  });

  it("is not what a model is that was made with a layer of width 0", async () => {
    const shapes = { "out.weight": [0, 8], "out.bias": [0], "mu.weight": [4, 0], "mu.bias": [4] };
    const { session, problems } = await healthOf(
      { "model.safetensors": weights(shapes) },
      "/run/model.safetensors",
    );
    expect(problems.map(({ severity, code, tensor }) => [severity, code, tensor])).toContainEqual([
      "warning",
      "NoWidth",
      "mu.weight",
    ]);
    expect((await session.resume()).answer).toBe("weights-only");
    const rows = { "a.weight": [0, 8], "a.bias": [4], "b.weight": [4, 8] };
    const sharded = await healthOf({ "model.safetensors": weights(rows) }, "/run/model.safetensors");
    expect(sharded.problems).toContainEqual(expect.objectContaining({ severity: "error", code: "NoValues" }));
  });

  it("of settings alone has no weights, of which no factor need be missed", async () => {
    const { problems } = await healthOf({ "adapter_config.json": JSON.stringify(adapterConfig) });
    expect(problems.map(({ code }) => code)).toEqual(["NoWeights"]);
  });

  it("stored transposed is so too where the inputs of a module are several times its outputs", async () => {
    const shapes = {
      "h.0.attn.c_attn.lora_A": [12, 2],
      "h.0.attn.c_attn.lora_B": [2, 36],
      "h.0.mlp.c_proj.lora_A": [48, 2],
      "h.0.mlp.c_proj.lora_B": [2, 12],
    };
    const { session, problems } = await healthOf(
      { "lora.safetensors": weights(shapes) },
      "/run/lora.safetensors",
    );
    expect(session.adapter?.modules.map(({ outFeatures, inFeatures }) => [outFeatures, inFeatures])).toEqual([
      [36, 12],
      [12, 48],
    ]);
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("whose saved embedding alone was not gathered is an error", async () => {
    const { problems } = await healthOf(adapterOf({ ...factors, "base_model.model.lm_head.weight": [0] }));
    expect(problems[0]).toMatchObject({ code: "NoValues", tensor: "base_model.model.lm_head.weight" });
  });

  it("with a factor without its partner is an error", async () => {
    const { problems } = await healthOf(
      adapterOf({ ...factors, "base_model.model.v.lora_A.weight": [8, 16] }),
    );
    expect(problems[0]).toMatchObject({ severity: "error", code: "LoraUnpaired" });
  });

  it("of one process's rows is told by the fraction", async () => {
    const { problems } = await healthOf(
      adapterOf({ [`${module}.lora_A.weight`]: [2, 16], [`${module}.lora_B.weight`]: [4, 8] }),
    );
    expect(problems.map(({ code, message }) => [code, /exactly 1\/4/.test(message)])).toEqual([
      ["OneRankOnly", true],
    ]);
  });

  it("is told which of its settings match no module", async () => {
    const config = {
      ...adapterConfig,
      target_modules: ["q_proj", "w_proj"],
      rank_pattern: { "mlp.up": 4, q_proj: 8 },
    };
    const { problems } = await healthOf(adapterOf(factors, config));
    const warnings = problems.filter(({ severity }) => severity !== "info");
    expect(warnings.map(({ severity, message }) => [severity, message])).toEqual([
      ["warning", '1 entry of rank_pattern ("mlp.up") matches no module of the adapter and changes nothing.'],
      ["warning", '1 entry of target_modules ("w_proj") matches no module of the adapter.'],
    ]);
  });
});
