import { describe, expect, it } from "vitest";
import { stagingBeside } from "../../../src/core/health/beside/stagingBeside";
import { equalAverage } from "../../../src/core/health/values/equalAverage";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { healthOf, modelOf, weights } from "../../support/healthOf";
import { MemoryFiles } from "../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";

describe("the token that ends a text", () => {
  const shapes = { "model.embed_tokens.weight": [99, 4] };
  const told = async (eos: unknown, generation?: object) => {
    const { problems } = await healthOf({
      ...modelOf(shapes, { architectures: ["LlamaForCausalLM"], eos_token_id: eos }),
      "tokenizer_config.json": JSON.stringify({
        eos_token: "<e2>",
        added_tokens_decoder: { "2": { content: "</s>" }, "90": { content: "<e2>" } },
      }),
      ...(generation === undefined ? {} : { "generation_config.json": JSON.stringify(generation) }),
    });
    return problems.flatMap(({ code, message }) => (code === "EndTokensDiffer" ? [message] : []));
  };

  it("is one at which generation stops, or told", async () => {
    expect(await told(90)).toEqual([]);
    expect(await told([2, 90])).toEqual([]);
    expect(await told(2)).toEqual([
      expect.stringMatching(/"<e2>" \(id 90\), and generation stops at 2 alone/),
    ]);
    expect(await told(2, { eos_token_id: [2, 90] })).toEqual([]);
    expect(await told(90, { eos_token_id: 2 })).toEqual([
      expect.stringContaining("in generation_config.json"),
    ]);
    expect(await told(null)).toEqual([]);
  });
});

it("the folder that the Trainer was writing lies beside the checkpoint", async () => {
  const files = new MemoryFiles({ "/out/tmp-checkpoint-30/a": "", "/out/checkpoint-30/a": "" });
  expect(await stagingBeside(files, { folder: "/out/checkpoint-30" })).toMatchObject([
    { code: "StagingBeside" },
  ]);
  expect(await stagingBeside(files, { folder: "/out/checkpoint-20" })).toEqual([]);
});

it("factors of an adapter under the name of a model, without what PEFT reads first", async () => {
  const module = "base_model.model.model.layers.0.self_attn.q_proj";
  const factors = weights({ [`${module}.lora_A.weight`]: [2, 8], [`${module}.lora_B.weight`]: [8, 2] });
  const codes = async (entries: Readonly<Record<string, string | Uint8Array>>) =>
    (await healthOf(entries)).problems.map(({ code }) => code);
  expect(await codes({ "model.safetensors": factors })).toContain("AdapterConfigMissing");
  const config = JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2, target_modules: ["q_proj"] });
  expect(await codes({ "model.safetensors": factors, "adapter_config.json": config })).not.toContain(
    "AdapterConfigMissing",
  );
});

it("an average that is its model bit by bit", async () => {
  const told = async (average: number, step = 20) => {
    const root = dict({
      global_step: `K${String.fromCharCode(step)}`,
      state_dict: dict({ "a.weight": floats("0", 2) }),
      ema: dict({ "a.weight": floats("1", 2) }),
    });
    const archive = torchArchive(root, { "0": floatBytes(1, 2), "1": floatBytes(1, average) });
    const files = new MemoryFiles({ "/run/last.pt": archive });
    const session = await CheckpointSession.open(files, "/run/last.pt", () => undefined);
    return session.withReader((reader) => equalAverage(session, reader));
  };
  expect(await told(2)).toMatchObject([{ severity: "info", code: "AverageEqual" }]);
  expect(await told(3)).toEqual([]);
  expect(await told(2, 0)).toEqual([]);
});
