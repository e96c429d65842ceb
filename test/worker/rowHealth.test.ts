import { describe, expect, test } from "vitest";
import { discoverRuns } from "../../src/core/runs/discover/discover";
import { ProbeCache } from "../../src/worker/probeCache";
import { text } from "../core/formats/pickle/latin1";
import { dict, floatBytes, floats, int, torchArchive } from "../core/formats/torch/torchPickle";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { MemoryFiles } from "../support/memoryFiles";

const module = "base_model.model.model.layers.0.self_attn.q_proj";
const config = JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"] });
const folder = "/ws/out/checkpoint-10";

/** A [2, 4] and B [4, 2] of one module, by their values. */
function factors(a: readonly number[], b: readonly number[]): Uint8Array {
  return safetensorsFile({
    tensors: [
      { name: `${module}.lora_A.weight`, dtype: "F32", shape: [2, 4] },
      { name: `${module}.lora_B.weight`, dtype: "F32", shape: [4, 2] },
    ],
    data: new Uint8Array(Float32Array.from([...a, ...b]).buffer),
  });
}

const ones = new Array<number>(8).fill(1);
const zeros = new Array<number>(8).fill(0);
const withNan = [...ones.slice(1), Number.NaN];

async function row(files: MemoryFiles, cache = new ProbeCache(files)) {
  const { runs } = await discoverRuns(files, [{ path: "/ws", name: "ws" }], {
    exclude: () => false,
    maxDepth: 8,
    maxFolders: 1000,
    peek: (path, signal) => cache.peek(path, signal),
    judge: (path, signal) => cache.judge(path, ["/ws"], signal),
  });
  cache.forgetUnused();
  return runs[0]?.checkpoints[0]?.problems.map(({ severity, code }) => [severity, code]);
}

const filesOf = (adapter: Uint8Array, adapterConfig = config) =>
  new MemoryFiles({
    [`${folder}/adapter_model.safetensors`]: adapter,
    [`${folder}/adapter_config.json`]: adapterConfig,
  });

describe("a row of the run tree says of a checkpoint what its Health says", () => {
  test("nothing of one that is whole", async () => {
    expect(await row(filesOf(factors(ones, ones)))).toEqual([]);
  });

  test("an adapter without a tensor", async () => {
    expect(await row(filesOf(safetensorsFile({ tensors: [] })))).toEqual([["error", "NoTensors"]]);
  });

  test("an adapter of another rank than its configuration says, which PEFT fails to load", async () => {
    const other = JSON.stringify({ ...JSON.parse(config), r: 16 });
    expect(await row(filesOf(factors(ones, ones), other))).toEqual([["error", "LoraRankMismatch"]]);
  });

  test("a GGUF file that is none", async () => {
    const files = new MemoryFiles({ "/ws/out/model-q4_0.gguf": "GGUF\u0003\u0000\u0000\u0000cut" });
    expect((await row(files))?.map(([severity]) => severity)).toEqual(["error"]);
  });

  test("values that are NaN", async () => {
    expect(await row(filesOf(factors(ones, withNan)))).toEqual([["error", "NotFiniteValues"]]);
  });

  test("an adapter that changes nothing", async () => {
    expect(await row(filesOf(factors(ones, zeros)))).toEqual([["warning", "Untrained"]]);
  });

  test("the slice of one process, by its configuration", async () => {
    const sliced = safetensorsFile({
      tensors: [
        { name: `${module}.lora_A.weight`, dtype: "F32", shape: [2, 4] },
        { name: `${module}.lora_B.weight`, dtype: "F32", shape: [4, 4] },
      ],
    });
    expect(await row(filesOf(sliced, config.replace('"r":2', '"r":4')))).toContainEqual([
      "error",
      "OneRankOnly",
    ]);
  });

  test("an adapter whose base on this disk has other names", async () => {
    const files = filesOf(factors(ones, ones), config.replace("{", '{"base_model_name_or_path":"../base",'));
    files.write(
      "/ws/out/base/model.safetensors",
      safetensorsFile({
        tensors: [
          { name: "model.language_model.layers.0.self_attn.q_proj.weight", dtype: "F32", shape: [4, 4] },
        ],
      }),
    );
    expect(await row(files)).toEqual([["error", "BaseModulesMissing"]]);
  });

  test("of a large file what some of its values tell, in few bytes", async () => {
    const tensors = Array.from({ length: 200 }, (_, index) => ({
      name: `model.layers.${index}.weight`,
      dtype: "F32",
      shape: [256, 64],
    }));
    const data = new Float32Array(200 * 256 * 64).fill(Number.NaN);
    const bytes = safetensorsFile({ tensors, data: new Uint8Array(data.buffer) });
    const files = new MemoryFiles({ [`${folder}/model.safetensors`]: bytes });
    expect(await row(files)).toEqual([["error", "NotFiniteValues"]]);
    expect(files.counts.bytesRead).toBeLessThan(bytes.length / 20);
  });
});

test("is asked again when the weights or what they are held against changed", async () => {
  const files = filesOf(factors(ones, ones));
  const cache = new ProbeCache(files);
  expect(await row(files, cache)).toEqual([]);
  const opened = files.counts.open;
  await row(files, cache);
  // Only the configuration, which the search reads for itself.
  expect(files.opened.slice(opened)).toEqual([`${folder}/adapter_config.json`]);
  const settings = config
    .replace("{", '{"modules_to_save":["lm_head"],')
    .replace('"q_proj"', '"q_proj","v_proj"');
  files.write(`${folder}/adapter_config.json`, settings, 5);
  // That v_proj is not adapted is told by Health alone.
  expect(await row(files, cache)).toEqual([["warning", "SavedModulesMissing"]]);
});

test("infinity is a number of its own for the best score so far and in masks, not for weights", async () => {
  const values = (numbers: readonly number[]) => new Uint8Array(Float32Array.from(numbers).buffer);
  const hidden = Number.NEGATIVE_INFINITY;
  const lightning = torchArchive(
    dict({
      global_step: int(10),
      "pytorch-lightning_version": text("2.2.0"),
      state_dict: dict({ "layer.weight": floats("0", 2), "layer.mask": floats("1", 2) }),
      callbacks: dict({ ModelCheckpoint: dict({ kth_value: floats("2", 1) }) }),
    }),
    { 0: floatBytes(1, 2), 1: floatBytes(0, hidden), 2: floatBytes(Number.POSITIVE_INFINITY) },
  );
  const found = await row(new MemoryFiles({ "/ws/out/step=10.ckpt": lightning }));
  expect(found?.filter(([severity]) => severity === "error")).toEqual([]);
  const mask = safetensorsFile({
    tensors: [{ name: "layer.mask", dtype: "F32", shape: [2] }],
    data: values([hidden, hidden]),
  });
  expect(await row(new MemoryFiles({ [`${folder}/model.safetensors`]: mask }))).toEqual([
    ["error", "NotFiniteValues"],
  ]);
});
