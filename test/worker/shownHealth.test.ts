import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { quietCall } from "../support/quietCall";

const worker = workerHandlers();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkpoint-explorer-health-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const weights = (shapes: Readonly<Record<string, readonly number[]>>) =>
  safetensorsFile({
    tensors: Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape })),
  });

it("tells of a file beside the adapter that is open, and of the base that it does not fit", async () => {
  const [adapter, base] = [join(folder, "adapter"), join(folder, "base")];
  await Promise.all([mkdir(adapter), mkdir(base)]);
  const path = "model.layers.0.self_attn.q_proj";
  const factors = {
    [`base_model.model.${path}.lora_A.weight`]: [2, 16],
    [`base_model.model.${path}.lora_B.weight`]: [8, 2],
  };
  const config = {
    peft_type: "LORA",
    r: 2,
    lora_alpha: 2,
    target_modules: ["q_proj"],
    base_model_name_or_path: base,
  };
  const file = join(adapter, "adapter_model.safetensors");
  await writeFile(file, weights(factors));
  await writeFile(join(adapter, "adapter_config.json"), JSON.stringify(config));
  await writeFile(join(adapter, "scheduler.pt"), "cos\nsystem\n(S'true'\ntR.");
  await writeFile(join(base, "model.safetensors"), weights({ [`${path}.weight`]: [8, 32] }));
  const location = { kind: "path", path: file } as const;
  const { handle, summary } = await worker.open({ location, userStages: [] }, ...quietCall);
  expect(summary.problems).toEqual([]);
  const found = await worker.health({ handle, baseFacts: { chosen: undefined, roots: [] } }, ...quietCall);
  expect(found.map(({ severity, code }) => [severity, code]).sort()).toEqual([
    ["error", "BaseShapes"],
    ["error", "DangerousImport"],
  ]);
});
