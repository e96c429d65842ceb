import { describe, expect, it } from "vitest";
import { LogDigests } from "../../../../src/core/runs/discover/logDigests";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { MemoryFiles } from "../../../support/memoryFiles";
import { type Contents, codes, only, search } from "./searchMemory";
import { adapterConfig, peftCheckpoint, trainerState, trainingLog, weights } from "./trainerFiles";

describe("a training of the Hugging Face Trainer", () => {
  const training: Contents = {
    ...peftCheckpoint("/ws/results/checkpoint-1000", { step: 1000 }),
    ...peftCheckpoint("/ws/results/checkpoint-500", { step: 500 }),
    ...peftCheckpoint("/ws/results/checkpoint-80", { step: 80 }),
  };

  it("is one run, its checkpoints by step with what the log says of each", async () => {
    const run = only((await search(training)).runs);
    expect(run).toMatchObject({
      name: "results",
      path: "/ws/results",
      rootName: "ws",
      maxSteps: 1000,
      problems: [],
    });
    expect(run.checkpoints.map(({ step }) => step)).toEqual([80, 500, 1000]);
    expect(run.checkpoints[1]).toMatchObject({
      path: "/ws/results/checkpoint-500",
      name: "checkpoint-500",
      mainFile: "/ws/results/checkpoint-500/adapter_model.safetensors",
      kind: "folder",
      step: 500,
      epoch: 5,
      loss: 5 / Math.sqrt(500) + 0.001,
      evalLoss: 5 / Math.sqrt(480) + 0.501,
      learningRate: 1e-4,
      best: false,
      last: false,
      final: false,
      incomplete: false,
      problems: [],
    });
    expect(run.checkpoints.map(({ last }) => last)).toEqual([false, false, true]);
    expect(run.logFiles).toEqual(["/ws/results/checkpoint-1000/trainer_state.json"]);
  });

  it("knows its parts and their sizes", async () => {
    const checkpoint = only((await search(training)).runs).checkpoints[0];
    expect(checkpoint?.parts.map(({ name, part }) => [name, part])).toEqual([
      ["adapter_config.json", "adapter-config"],
      ["adapter_model.safetensors", "adapter"],
      ["optimizer.pt", "optimizer"],
      ["rng_state.pth", "rng-state"],
      ["scheduler.pt", "scheduler"],
      ["trainer_state.json", "trainer-state"],
    ]);
    const total = checkpoint?.parts.reduce((sum, { size }) => sum + size, 0);
    expect(checkpoint?.byteSize).toBe(total);
    expect(total).toBeGreaterThan(3000);
    expect(checkpoint?.parts[2]?.path).toBe("/ws/results/checkpoint-80/optimizer.pt");
  });

  it("takes the best from the newest trainer_state.json, whatever machine its path is of", async () => {
    const files = { ...training };
    files["/ws/results/checkpoint-1000/trainer_state.json"] = trainerState({
      step: 1000,
      best: "D:\\gpu\\results\\checkpoint-500",
      bestMetric: 0.5,
    });
    const run = only((await search(files)).runs);
    expect(run.best).toBe("/ws/results/checkpoint-500");
    expect(run.bestReason).toContain("trainer_state.json names it as the best (best_metric 0.5");
    expect(run.checkpoints.map(({ best }) => best)).toEqual([false, true, false]);
  });

  it("takes the lowest eval loss where none is named, and says when the named one is gone", async () => {
    const named = { ...training };
    named["/ws/results/checkpoint-1000/trainer_state.json"] = trainerState({
      step: 1000,
      best: "out/checkpoint-40",
    });
    for (const [files, problems] of [
      [training, []],
      [named, ["BestCheckpointGone"]],
    ] as const) {
      const run = only((await search(files)).runs);
      expect(run.best).toBe("/ws/results/checkpoint-1000");
      expect(run.bestReason).toContain("lowest eval loss");
      expect(codes(run.problems)).toEqual(problems);
    }
  });

  it("names the output folder's own model as the final one, after all others", async () => {
    const files: Contents = {
      ...training,
      "/ws/results/adapter_model.safetensors": weights,
      "/ws/results/adapter_config.json": adapterConfig(),
      "/ws/results/trainer_state.json": trainerState({
        step: 1000,
        log: [...trainingLog(1000), { step: 1000, epoch: 10, train_runtime: 60, train_loss: 1 }],
      }),
      "/ws/results/README.md": "x",
      "/ws/results/data.csv": { bulk: 5e9 },
    };
    const run = only((await search(files)).runs);
    const final = run.checkpoints.at(-1);
    expect(final).toMatchObject({
      name: "results",
      path: "/ws/results",
      final: true,
      last: false,
      step: 1000,
    });
    expect(final?.byteSize).toBeLessThan(1e6);
    expect(codes(final?.problems ?? [])).toEqual([]);
    expect(run.checkpoints[2]?.last).toBe(true);
    expect(run.logFiles).toEqual(["/ws/results/trainer_state.json"]);
  });

  it("takes the log of an output folder without a model", async () => {
    const files = { ...training, "/ws/results/trainer_state.json": trainerState({ step: 1000 }) };
    const run = only((await search(files)).runs);
    expect(run.checkpoints).toHaveLength(3);
    expect(run.logFiles).toEqual(["/ws/results/trainer_state.json"]);
  });

  it("takes a model in a folder called final for the final one", async () => {
    const files: Contents = {
      ...training,
      "/ws/results/final/adapter_model.safetensors": weights,
      "/ws/results/final/adapter_config.json": adapterConfig(),
    };
    const run = only((await search(files)).runs);
    expect(run.checkpoints.at(-1)).toMatchObject({ name: "final", final: true });
  });

  it("says that tmp-checkpoint and half-written ones are incomplete", async () => {
    const files: Contents = {
      ...training,
      ...peftCheckpoint("/ws/results/tmp-checkpoint-1500", { step: 1500 }),
      "/ws/results/checkpoint-2000/model-00001-of-00002.safetensors": weights,
    };
    const run = only((await search(files)).runs);
    expect(run.checkpoints.map(({ name, incomplete, last }) => [name, incomplete, last])).toEqual([
      ["checkpoint-80", false, false],
      ["checkpoint-500", false, false],
      ["checkpoint-1000", false, true],
      ["tmp-checkpoint-1500", true, false],
      ["checkpoint-2000", true, false],
    ]);
    expect(codes(run.checkpoints[3]?.problems ?? [])).toEqual(["IncompleteCheckpoint"]);
    expect(codes(run.checkpoints[4]?.problems ?? [])).toEqual(["MissingShards"]);
    expect(run.best).toBe("/ws/results/checkpoint-1000");
  });

  it("takes metrics from the run's log for a checkpoint that lost its own", async () => {
    const files = { ...training };
    delete files["/ws/results/checkpoint-500/trainer_state.json"];
    files["/ws/results/checkpoint-3000/model.safetensors"] = weights;
    const run = only((await search(files)).runs);
    expect(run.checkpoints[1]).toMatchObject({ step: 500, epoch: 5, loss: 5 / Math.sqrt(500) + 0.001 });
    // Beyond its end the log says nothing.
    expect(run.checkpoints[3]).toMatchObject({ step: 3000 });
    expect(run.checkpoints[3]).not.toHaveProperty("loss");
  });

  it("keeps NaN as the loss", async () => {
    const log = trainerState({ step: 10 }).replace(/"loss": [\d.]+/, '"loss": NaN');
    const run = only(
      (
        await search({
          ...peftCheckpoint("/ws/o/checkpoint-10", { step: 10 }),
          "/ws/o/checkpoint-10/trainer_state.json": log,
        })
      ).runs,
    );
    expect(run.checkpoints[0]?.loss).toBeNaN();
  });

  it("says when the folder's number and the log disagree", async () => {
    const files = peftCheckpoint("/ws/results/checkpoint-600", { step: 500 });
    const [checkpoint] = only((await search(files)).runs).checkpoints;
    expect(checkpoint?.step).toBe(500);
    expect(codes(checkpoint?.problems ?? [])).toEqual(["StepDisagrees"]);
  });

  it("survives a damaged trainer_state.json and adapter_config.json", async () => {
    const files = { ...training };
    files["/ws/results/checkpoint-500/trainer_state.json"] = "<html>";
    files["/ws/results/checkpoint-500/adapter_config.json"] = "{";
    files["/ws/results/checkpoint-80/adapter_config.json"] = "no";
    const run = only((await search(files)).runs);
    expect(run.checkpoints[1]).toMatchObject({ name: "checkpoint-500", step: 500 });
    expect(codes(run.checkpoints[1]?.problems ?? []).sort()).toEqual([
      "ConfigUnreadable",
      "TrainerStateNotJson",
    ]);
    expect(codes(run.checkpoints[0]?.problems ?? [])).toEqual(["ConfigUnreadable"]);
  });

  it("opens the adapter in the folder of its name", async () => {
    const files: Contents = {
      "/ws/o/checkpoint-10/trainer_state.json": trainerState({ step: 10 }),
      "/ws/o/checkpoint-10/policy/adapter_model.safetensors": { bulk: 500 },
      "/ws/o/checkpoint-10/policy/adapter_config.json": adapterConfig(),
    };
    const [checkpoint] = only((await search(files)).runs).checkpoints;
    expect(checkpoint?.mainFile).toBe("/ws/o/checkpoint-10/policy/adapter_model.safetensors");
    expect(checkpoint?.byteSize).toBeGreaterThan(500);
  });

  it("reads no weights, and small files once", async () => {
    const { memory } = await search(training);
    expect(memory.opened.filter((path) => !path.endsWith(".json"))).toEqual([]);
    expect(memory.opened).toHaveLength(new Set(memory.opened).size);
    expect(memory.opened).toHaveLength(6);
  });

  it("reads an unchanged log only once when it has a cache", async () => {
    const memory = new MemoryFiles(training);
    const digests = new LogDigests(new LogStore(memory));
    const first = await search(memory, { digests });
    memory.opened.length = 0;
    memory.write(
      "/ws/results/checkpoint-80/trainer_state.json",
      trainerState({ step: 90 }),
      1_800_000_000_000,
    );
    const second = await search(memory, { digests });
    expect(memory.opened.filter((path) => path.endsWith("trainer_state.json"))).toEqual([
      "/ws/results/checkpoint-80/trainer_state.json",
    ]);
    expect(second.runs[0]?.checkpoints.slice(1)).toEqual(first.runs[0]?.checkpoints.slice(1));
    expect(second.runs[0]?.checkpoints[0]?.step).toBe(90);
    expect(second.runs[0]?.id).toBe(first.runs[0]?.id);
    memory.remove("/ws/results/checkpoint-80");
    await search(memory, { digests });
    expect(digests.size).toBe(2);
  });
});
