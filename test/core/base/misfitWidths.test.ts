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
