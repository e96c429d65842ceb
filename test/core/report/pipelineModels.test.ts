import { expect, it } from "vitest";
import { pipelineModels } from "../../../src/core/report/pipelineModels";
import { pipelineReport } from "../../../src/core/report/verifyReport";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

const weights = safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [2] }] });
const list = {
  _class_name: "StableDiffusionPipeline",
  unet: ["diffusers", "UNet2DConditionModel"],
  vae: ["diffusers", "AutoencoderKL"],
  text_encoder: ["transformers", "CLIPTextModel"],
  scheduler: ["diffusers", "DDIMScheduler"],
  safety_checker: [null, null],
  requires_safety_checker: false,
  "../outside": ["diffusers", "AutoencoderKL"],
};

const pipeline = {
  "/p/model_index.json": JSON.stringify(list),
  "/p/unet/config.json": "{}",
  "/p/unet/diffusion_pytorch_model.safetensors": weights,
  "/p/vae/config.json": "{}",
  "/p/vae/diffusion_pytorch_model.safetensors": weights,
  "/p/text_encoder/config.json": "{}",
  "/p/text_encoder/model.safetensors": weights,
  "/p/scheduler/scheduler_config.json": "{}",
};

const found = (files: Readonly<Record<string, string | Uint8Array>>) =>
  pipelineModels(new MemoryFiles(files), "/p");

it("the models of a pipeline are told by its list, and what goes without weights is none of them", async () => {
  expect(await found(pipeline)).toEqual({ models: ["unet", "vae", "text_encoder"], problems: [] });
  const { "/p/model_index.json": _, ...other } = pipeline;
  expect(await found(other)).toBeUndefined();
});

it("a model whose folder or weights are not here is an error", async () => {
  const entries = Object.entries(pipeline);
  const without = (path: string) =>
    found(Object.fromEntries(entries.filter(([key]) => !key.startsWith(path))));
  expect((await without("/p/vae/"))?.problems).toMatchObject([
    { severity: "error", code: "ModelMissing", file: "/p/vae" },
  ]);
  const bare = await without("/p/vae/diffusion");
  expect(bare?.models).toEqual(["unet", "text_encoder"]);
  expect(bare?.problems.map(({ message }) => message)).toEqual([
    "vae (AutoencoderKL) has a configuration and no weights: diffusers cannot load the pipeline.",
  ]);
});

it("a pipeline is as healthy as its models", () => {
  const model = { path: "/p/unet", healthy: true, tensors: 3, tensorsRead: 3, problems: [] };
  const warning = { severity: "warning", code: "ZeroWeights", message: "All is zero." } as const;
  const error = { severity: "error", code: "ModelMissing", message: "vae is missing." } as const;
  const reports = new Map([
    ["unet", model],
    ["vae", { ...model, problems: [warning] }],
  ]);
  expect(pipelineReport("/p", reports, [])).toEqual({
    path: "/p",
    healthy: true,
    tensors: 6,
    tensorsRead: 6,
    problems: [{ ...warning, message: "vae: All is zero." }],
  });
  expect(pipelineReport("/p", reports, [error]).healthy).toBe(false);
});
