import { describe, expect, it } from "vitest";
import { discoverRuns } from "../../../../src/core/runs/discover/discover";
import { MemoryFiles } from "../../../support/memoryFiles";
import { type Contents, codes, only, outline, search } from "./searchMemory";
import { peftCheckpoint, trainerState, weights } from "./trainerFiles";

describe("single files", () => {
  it("of kohya are a run of their own, by epoch, the unnumbered one last", async () => {
    const files: Contents = {};
    for (const name of ["my-lora", "my-lora-000002", "my-lora-000001", "my-lora-step00000500", "other"]) {
      files[`/ws/out/${name}.safetensors`] = weights;
    }
    const { runs } = await search(files);
    expect(outline(runs)).toEqual({
      "my-lora": [
        "my-lora-step00000500.safetensors",
        "my-lora-000001.safetensors",
        "my-lora-000002.safetensors",
        "my-lora.safetensors",
      ],
      out: ["other.safetensors"],
    });
    expect(runs[0]?.checkpoints.map(({ epoch, step, final }) => [epoch, step, final])).toEqual([
      [undefined, 500, false],
      [1, undefined, false],
      [2, undefined, false],
      [undefined, undefined, true],
    ]);
  });

  it("of MLX are a run with a final one", async () => {
    const run = only(
      (
        await search({
          "/ws/adapters/0000200_adapters.safetensors": weights,
          "/ws/adapters/0000100_adapters.safetensors": weights,
          "/ws/adapters/adapters.safetensors": weights,
          "/ws/adapters/adapter_config.json": '{"fine_tune_type": "lora"}',
        })
      ).runs,
    );
    expect(run.checkpoints.map(({ name, step, final, last }) => [name, step, final, last])).toEqual([
      ["0000100_adapters.safetensors", 100, false, false],
      ["0000200_adapters.safetensors", 200, false, true],
      ["adapters.safetensors", undefined, true, false],
    ]);
  });

  it("anywhere else are not hidden", async () => {
    const { runs } = await search({
      "/ws/a/model.gguf": weights,
      "/ws/a/b.pth": weights,
      "/ws/a/optimizer.pt": weights,
      "/ws/a/train.bin": weights,
      "/ws/notes.txt": "x",
      "/ws/deep/er/x.ckpt": weights,
    });
    expect(outline(runs)).toEqual({ a: ["b.pth", "model.gguf"], er: ["x.ckpt"] });
    expect(runs[0]?.checkpoints[0]).toMatchObject({
      kind: "file",
      path: "/ws/a/b.pth",
      mainFile: "/ws/a/b.pth",
    });
  });

  it("in shards are one, by the index if there is one", async () => {
    const shards: Contents = {
      "/ws/a/m-00001-of-00002.safetensors": weights,
      "/ws/a/m-00002-of-00002.safetensors": weights,
    };
    expect(outline((await search(shards)).runs)).toEqual({ a: ["m-00001-of-00002.safetensors"] });
    const indexed = { ...shards, "/ws/a/m.safetensors.index.json": "{}" };
    const [checkpoint] = only((await search(indexed)).runs).checkpoints;
    expect(checkpoint).toMatchObject({ name: "m.safetensors.index.json", byteSize: 2002, incomplete: false });
  });

  it("of a data set are counted, not listed", async () => {
    const files: Contents = {};
    for (let index = 0; index < 5000; index++) files[`/ws/processed/data_${index}.pt`] = weights;
    const run = only((await search(files)).runs);
    expect(run.checkpoints).toHaveLength(500);
    expect(run.problems).toMatchObject([{ severity: "info", code: "MoreFiles" }]);
    expect(run.problems[0]?.message).toContain("4,500 more files");
  });

  it("beside a training's checkpoints have a run of their own", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/out/checkpoint-10", { step: 10 }),
      "/ws/out/ema.pt": weights,
    });
    expect(outline(runs)).toEqual({ out: ["checkpoint-10"], "out (files)": ["ema.pt"] });
  });
});

describe("other layouts", () => {
  it("of DeepSpeed, Megatron, torchtune, accelerate and Lightning are found", async () => {
    const { runs } = await search({
      "/ws/ds/latest": "global_step10",
      "/ws/ds/global_step10/mp_rank_00_model_states.pt": weights,
      "/ws/ds/global_step10/zero_pp_rank_0_mp_rank_00_optim_states.pt": weights,
      "/ws/mg/iter_0000100/mp_rank_00/model_optim_rng.pt": weights,
      "/ws/tt/epoch_0/adapter_model.safetensors": weights,
      "/ws/tt/epoch_1/adapter_model.safetensors": weights,
      "/ws/ac/checkpoints/checkpoint_0/model.safetensors": weights,
      "/ws/ac/checkpoints/checkpoint_0/random_states_0.pkl": weights,
      "/ws/ac/checkpoints/checkpoint_10/random_states_0.pkl": weights,
      "/ws/ac/checkpoints/checkpoint_2/random_states_0.pkl": weights,
      "/ws/li/version_0/checkpoints/epoch=1-step=20.ckpt": weights,
      "/ws/li/version_1/checkpoints/epoch=1-step=20.ckpt": weights,
    });
    expect(outline(runs)).toEqual({
      checkpoints: ["checkpoint_0", "checkpoint_2", "checkpoint_10"],
      ds: ["global_step10"],
      version_0: ["epoch=1-step=20.ckpt"],
      version_1: ["epoch=1-step=20.ckpt"],
      mg: ["iter_0000100"],
      tt: ["epoch_0", "epoch_1"],
    });
    const [megatron] = runs[4]?.checkpoints ?? [];
    expect(megatron?.mainFile).toBe("/ws/mg/iter_0000100/mp_rank_00/model_optim_rng.pt");
    expect(megatron?.step).toBe(100);
    expect(runs[0]?.checkpoints.map(({ step, last }) => [step, last])).toEqual([
      [undefined, false],
      [undefined, false],
      [undefined, true],
    ]);
  });

  it("are opened as a whole where each process saved a safetensors file of its own", async () => {
    const pieces = [1, 2].map((rank) => [
      `/ws/h/shard-0000${rank}-model-00001-of-00001.safetensors`,
      weights,
    ]);
    const [checkpoint] = only((await search(Object.fromEntries(pieces))).runs).checkpoints;
    expect(checkpoint).toMatchObject({ path: "/ws/h", kind: "folder" });
    expect(checkpoint).not.toHaveProperty("mainFile");
  });

  it("keep a DeepSpeed folder as a part of the Trainer's checkpoint", async () => {
    const run = only(
      (
        await search({
          "/ws/o/checkpoint-500/adapter_model.safetensors": weights,
          "/ws/o/checkpoint-500/trainer_state.json": trainerState({ step: 500 }),
          "/ws/o/checkpoint-500/global_step500/mp_rank_00_model_states.pt": { bulk: 7000 },
        })
      ).runs,
    );
    expect(run.checkpoints).toHaveLength(1);
    const part = run.checkpoints[0]?.parts.find(({ name }) => name === "global_step500");
    expect(part).toMatchObject({ part: "optimizer", kind: "directory", size: 7000 });
  });

  it("are no checkpoint when a step folder holds step folders: it is part of a procedure", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/p/step_1/checkpoint-10", { step: 10 }),
      ...peftCheckpoint("/ws/p/step_2/checkpoint-10", { step: 10, seed: 2 }),
    });
    expect(outline(runs)).toEqual({ step_1: ["checkpoint-10"], step_2: ["checkpoint-10"] });
  });

  it("are searched when the root itself is a checkpoint", async () => {
    const memory = new MemoryFiles(peftCheckpoint("/ws/checkpoint-5", { step: 5 }));
    const roots = [{ path: "/ws/checkpoint-5", name: "checkpoint-5" }];
    const { runs } = await discoverRuns(memory, roots, { exclude: () => false, maxDepth: 3, maxFolders: 9 });
    expect(outline(runs)).toEqual({ "checkpoint-5": ["checkpoint-5"] });
  });

  it("show a log without a model", async () => {
    const [checkpoint] = only(
      (await search({ "/ws/logs/a/trainer_state.json": trainerState({ step: 20 }) })).runs,
    ).checkpoints;
    expect(checkpoint).toMatchObject({ step: 20 });
    expect(checkpoint).not.toHaveProperty("mainFile");
    expect(codes(checkpoint?.problems ?? [])).toEqual(["NoParameters"]);
  });
});

describe("steps that Orbax' CheckpointManager saved", () => {
  const step = (path: string): Contents => ({
    [`${path}/_CHECKPOINT_METADATA`]: "{}",
    [`${path}/state/_METADATA`]: "{}",
    [`${path}/state/manifest.ocdbt`]: weights,
    [`${path}/metrics/metrics`]: '{"loss": 0.5}',
  });

  it.each([
    ["by their numbers alone", ["100", "200"]],
    ["with a prefix", ["ckpt_00000100", "ckpt_00000200"]],
    ["with a prefix of one's own", ["my_run_100", "my_run_200"]],
  ])("are one run, %s, and nothing in them is missing", async (_, names) => {
    const run = only((await search(Object.assign({}, ...names.map((name) => step(`/ws/run/${name}`))))).runs);
    expect(run.checkpoints.map(({ name, step: at, last }) => [name, at, last])).toEqual([
      [names[0], 100, false],
      [names[1], 200, true],
    ]);
    expect(run.checkpoints.flatMap(({ problems }) => codes(problems))).toEqual([]);
  });

  it("of older versions are told by their items", async () => {
    const files = { "/ws/run/7/default/_METADATA": "{}", "/ws/run/8/default/manifest.ocdbt": weights };
    const run = only((await search(files)).runs);
    expect(run.checkpoints.map(({ step: at }) => at)).toEqual([7, 8]);
  });

  it("are incomplete under the name by which they are written", async () => {
    const files = { ...step("/ws/run/100"), ...step("/ws/run/200.orbax-checkpoint-tmp") };
    const run = only((await search(files)).runs);
    expect(run.checkpoints.map(({ step: at, incomplete }) => [at, incomplete])).toEqual([
      [100, false],
      [200, true],
    ]);
  });
});
