import { expect, it } from "vitest";
import { baseProblems } from "../../../src/core/base/baseProblems";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { type Shapes, weights } from "../../support/healthOf";
import { MemoryFiles } from "../../support/memoryFiles";

const module = "text_model.encoder.layers.0.self_attn.q_proj";
const base: Shapes = { [`${module}.weight`]: [8, 8] };
const kohya = (name: string): Shapes => ({
  [`${name}.lora_down.weight`]: [2, 8],
  [`${name}.lora_up.weight`]: [8, 2],
  [`${name}.alpha`]: [],
});
const mlx = (path: string, width: number): Shapes => ({
  [`${path}.lora_a`]: [width, 2],
  [`${path}.lora_b`]: [2, 8],
});

it.each([
  ["kohya's names", kohya("lora_te_text_model_encoder_layers_0_self_attn_q_proj"), "info BaseFits"],
  [
    "kohya's names of another layer",
    kohya("lora_te_text_model_encoder_layers_7_self_attn_q_proj"),
    "warning BaseModulesMissing",
  ],
  ["mlx-lm's names", mlx(module, 8), "info BaseFits"],
  [
    "llama.cpp's names, which are those of the weights",
    { [`${module}.weight.lora_a`]: [2, 8], [`${module}.weight.lora_b`]: [8, 2] },
    "info BaseFits",
  ],
  ["mlx-lm's names of another width", mlx(module, 6), "warning BaseShapes"],
])("%s are held against a base, with what was not looked at", async (_, shapes, expected) => {
  const files = new MemoryFiles({
    "/base/model.safetensors": weights(base),
    "/run/adapters.safetensors": weights(shapes),
  });
  const session = await CheckpointSession.open(files, "/run/adapters.safetensors", () => undefined);
  const told = await baseProblems(files, session, {
    given: "/base",
    roots: [],
    hubFolders: [],
    isTold: true,
  });
  expect(told.map(({ severity, code }) => `${severity} ${code}`)).toEqual([expected]);
  expect(told[0]?.message).toContain("was not looked at");
});
