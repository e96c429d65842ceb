import { expect, it } from "vitest";
import { baseProblems } from "../../../src/core/base/baseProblems";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { weights } from "../../support/healthOf";
import { MemoryFiles } from "../../support/memoryFiles";

const module = "model.layers.0.self_attn.q_proj";

// PEFT's HiRA keeps factors as LoRA does (tuners/hira/layer.py), whose product is taken times the weight.
it.each([
  ["that fits", 8, 6, []],
  ["of other outputs", 7, 6, ["error BaseShapes"]],
  ["of other inputs", 8, 5, ["error BaseShapes"]],
])("HiRA %s is held against the weight's sides", async (_, out, inputs, expected) => {
  const name = `base_model.model.${module}`;
  const files = new MemoryFiles({
    "/base/model.safetensors": weights({ [`${module}.weight`]: [8, 6] }),
    "/run/adapter_model.safetensors": weights({
      [`${name}.hira_A`]: [2, inputs],
      [`${name}.hira_B`]: [out, 2],
    }),
    "/run/adapter_config.json": JSON.stringify({ peft_type: "HIRA", r: 2, target_modules: ["q_proj"] }),
  });
  const session = await CheckpointSession.open(files, "/run/adapter_model.safetensors", () => undefined);
  const told = await baseProblems(files, session, {
    given: "/base",
    roots: [],
    hubFolders: [],
    isTold: true,
  });
  const wrong = told.filter(({ severity }) => severity !== "info");
  expect(wrong.map(({ severity, code }) => `${severity} ${code}`)).toEqual(expected);
});

// PEFT 0.21 over a weight of 8 × 16: blocks of 4 inputs have 6 values each; r · (8 + 16) entries.
it.each<[string, Readonly<Record<string, readonly number[]>>, object, boolean]>([
  ["OFT", { "oft_R.weight": [4, 6] }, { peft_type: "OFT", oft_block_size: 4 }, true],
  ["OFT, a block gone", { "oft_R.weight": [3, 6] }, { peft_type: "OFT", oft_block_size: 4 }, false],
  ["OFT, one block for all", { "oft_R.weight": [1, 6] }, { peft_type: "OFT", block_share: true }, true],
  ["BOFT", { boft_R: [1, 4, 4, 4], boft_s: [8, 1] }, { peft_type: "BOFT", boft_block_size: 4 }, true],
  [
    "BOFT, a scale gone",
    { boft_R: [1, 4, 4, 4], boft_s: [7, 1] },
    { peft_type: "BOFT", boft_block_size: 4 },
    false,
  ],
  ["RoAd", { road_theta: [4], road_alpha: [4] }, { peft_type: "ROAD", variant: "road_1" }, true],
  [
    "RoAd, other outputs",
    { road_theta: [4], road_alpha: [4] },
    { peft_type: "ROAD", variant: "road_2" },
    false,
  ],
  ["SHiRA", { shira_weight: [24] }, { peft_type: "SHIRA", r: 1 }, true],
  ["SHiRA, another r", { shira_weight: [24] }, { peft_type: "SHIRA", r: 2 }, false],
])("%s over the weight", async (_, ends, config, fits) => {
  const own = Object.entries(ends).map(([end, shape]) => [`base_model.model.${module}.${end}`, shape]);
  const files = new MemoryFiles({
    "/base/model.safetensors": weights({ [`${module}.weight`]: [8, 16] }),
    "/run/adapter_model.safetensors": weights(Object.fromEntries(own)),
    "/run/adapter_config.json": JSON.stringify({ target_modules: ["q_proj"], ...config }),
  });
  const session = await CheckpointSession.open(files, "/run/adapter_model.safetensors", () => undefined);
  const place = { given: "/base", roots: [], hubFolders: [], isTold: true };
  const codes = (await baseProblems(files, session, place)).map(({ code }) => code);
  expect(codes).toEqual([fits ? "BaseFits" : "BaseShapes"]);
});
