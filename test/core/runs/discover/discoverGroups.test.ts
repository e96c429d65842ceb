import { describe, expect, it } from "vitest";
import { type Contents, codes, only, outline, search } from "./searchMemory";
import { adapterConfig, peftCheckpoint, trainerState, trainingLog, weights } from "./trainerFiles";

describe("several trainings in one output folder", () => {
  it("are told apart by their plan, as in the wild", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/results/checkpoint-500", { step: 500, maxSteps: 872, seed: 1 }),
      ...peftCheckpoint("/ws/results/checkpoint-872", { step: 872, maxSteps: 872, seed: 1 }),
      ...peftCheckpoint("/ws/results/checkpoint-1000", { step: 1000, maxSteps: 1743, seed: 2 }),
      ...peftCheckpoint("/ws/results/checkpoint-1500", { step: 1500, maxSteps: 1743, seed: 2 }),
      ...peftCheckpoint("/ws/results/checkpoint-2000", { step: 2000, maxSteps: 7843, seed: 3 }),
    });
    expect(outline(runs)).toEqual({
      "results (max_steps 872)": ["checkpoint-500", "checkpoint-872"],
      "results (max_steps 1743)": ["checkpoint-1000", "checkpoint-1500"],
      "results (max_steps 7843)": ["checkpoint-2000"],
    });
    expect(new Set(runs.map(({ id }) => id)).size).toBe(3);
    for (const { problems } of runs) expect(codes(problems)).toEqual(["SeveralTrainings"]);
    expect(runs.map(({ checkpoints }) => checkpoints.filter(({ last }) => last).length)).toEqual([1, 1, 1]);
  });

  it("are told apart by their logs", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/o/checkpoint-100", { step: 100, seed: 1 }),
      ...peftCheckpoint("/ws/o/checkpoint-200", { step: 200, seed: 2 }),
    });
    expect(outline(runs)).toEqual({ "o (step 100)": ["checkpoint-100"], "o (step 200)": ["checkpoint-200"] });
  });

  it("are told apart by their adapters", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/o/checkpoint-100", { step: 100, log: [] }, { r: 8 }),
      ...peftCheckpoint("/ws/o/checkpoint-200", { step: 200, log: [] }, { r: 16 }),
      ...peftCheckpoint(
        "/ws/o/checkpoint-300",
        { step: 300, log: [] },
        { target_modules: ["b", "a"], r: 16 },
      ),
      ...peftCheckpoint(
        "/ws/o/checkpoint-400",
        { step: 400, log: [] },
        { target_modules: ["a", "b"], r: 16 },
      ),
    });
    expect(outline(runs)).toEqual({
      "o (r 8, c_attn)": ["checkpoint-100"],
      "o (r 16, c_attn)": ["checkpoint-200"],
      "o (r 16, a, b)": ["checkpoint-300", "checkpoint-400"],
    });
  });

  it("are one when a training was resumed: the logs part after a checkpoint", async () => {
    const resumed = [
      ...trainingLog(100),
      ...trainingLog(300, { seed: 5 }).filter(({ step = 0 }) => step > 100),
    ];
    const run = only(
      (
        await search({
          ...peftCheckpoint("/ws/o/checkpoint-200", { step: 200 }),
          ...peftCheckpoint("/ws/o/checkpoint-300", { step: 300, log: resumed }),
        })
      ).runs,
    );
    expect(codes(run.problems)).toEqual(["ResumedTraining"]);
    expect(run.problems[0]?.message).toContain("after step 100");
    expect(run.logFiles).toHaveLength(2);
  });

  it("are two when one goes on with another plan, and it is said", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/o/checkpoint-100", { step: 100, maxSteps: 100 }),
      ...peftCheckpoint("/ws/o/checkpoint-200", { step: 200, maxSteps: 200 }),
    });
    expect(runs.map(({ problems }) => codes(problems))).toEqual([
      ["SeveralTrainings"],
      ["SeveralTrainings", "ContinuedTraining"],
    ]);
  });

  it("give the final model to the training whose log it has, and keep one that belongs nowhere", async () => {
    const trainings: Contents = {
      ...peftCheckpoint("/ws/o/checkpoint-100", { step: 100, maxSteps: 100, seed: 1 }),
      ...peftCheckpoint("/ws/o/checkpoint-200", { step: 200, maxSteps: 200, seed: 2 }),
      "/ws/o/adapter_model.safetensors": weights,
    };
    const own = {
      ...trainings,
      "/ws/o/trainer_state.json": trainerState({ step: 200, maxSteps: 200, seed: 2 }),
    };
    expect(outline((await search(own)).runs)).toEqual({
      "o (max_steps 100)": ["checkpoint-100"],
      "o (max_steps 200)": ["checkpoint-200", "o"],
    });
    expect(outline((await search(trainings)).runs)).toEqual({
      "o (max_steps 100)": ["checkpoint-100"],
      "o (max_steps 200)": ["checkpoint-200"],
      "o (other model)": ["o"],
    });
  });

  it("place a checkpoint without a log by adapter and nearest step", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/o/checkpoint-100", { step: 100, maxSteps: 120, seed: 1 }),
      ...peftCheckpoint("/ws/o/checkpoint-900", { step: 900, maxSteps: 1000, seed: 2 }),
      "/ws/o/checkpoint-110/model.safetensors": weights,
      "/ws/o/checkpoint-130/model.safetensors": weights,
    });
    expect(outline(runs)).toEqual({
      "o (max_steps 120)": ["checkpoint-100", "checkpoint-110"],
      "o (max_steps 1000)": ["checkpoint-130", "checkpoint-900"],
    });
  });
});

describe("copies", () => {
  it("are told where a checkpoint lies in another folder too", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/models/final-model", { step: 500 }),
      ...peftCheckpoint("/ws/results/checkpoint-500", { step: 500 }),
      ...peftCheckpoint("/ws/results/checkpoint-600", { step: 600 }),
      ...peftCheckpoint("/ws/zz/other", { step: 500 }, { r: 4 }),
    });
    expect(outline(runs)).toEqual({
      "final-model": ["final-model"],
      results: ["checkpoint-500", "checkpoint-600"],
      other: ["other"],
    });
    const [copy] = runs[0]?.checkpoints ?? [];
    expect(copy?.step).toBe(500);
    expect(copy?.problems).toMatchObject([{ severity: "info", code: "CopiedCheckpoint" }]);
    expect(copy?.problems[0]?.message).toContain("ws/results/checkpoint-500");
    expect(
      runs.slice(1).flatMap(({ checkpoints }) => checkpoints.flatMap(({ problems }) => problems)),
    ).toEqual([]);
  });
});

describe("stages", () => {
  const model = (folder: string, config = {}): Contents => ({
    [`${folder}/adapter_model.safetensors`]: weights,
    [`${folder}/adapter_config.json`]: adapterConfig(config),
  });

  it("that lie side by side are one run, called after the folder around them", async () => {
    const run = only(
      (
        await search({
          ...model("/ws/demo/02-rank-reduction", { r: 8 }),
          ...model("/ws/demo/01-svd", { r: 64 }),
        })
      ).runs,
    );
    expect(run).toMatchObject({ name: "demo", path: "/ws/demo" });
    expect(run.checkpoints.map(({ name, stage }) => [name, stage?.stage, stage?.source])).toEqual([
      ["01-svd", "svd", "name"],
      ["02-rank-reduction", "rank-reduction", "name"],
    ]);
    expect(run.checkpoints.some(({ last }) => last)).toBe(false);
  });

  it("take the one training among them in, with its steps and its log", async () => {
    const { runs } = await search({
      ...model("/ws/demo/01-svd"),
      ...model("/ws/demo/02-rank-reduction"),
      ...model("/ws/demo/03-fine-tuning"),
      ...peftCheckpoint("/ws/demo/03-fine-tuning/checkpoint-100", { step: 100, maxSteps: 200 }),
      ...peftCheckpoint("/ws/demo/03-fine-tuning/checkpoint-40", { step: 40, maxSteps: 200 }),
    });
    const run = only(runs);
    expect(run.checkpoints.map(({ name, stage, final }) => [name, stage?.stage, final])).toEqual([
      ["01-svd", "svd", false],
      ["02-rank-reduction", "rank-reduction", false],
      ["03-fine-tuning/checkpoint-40", "fine-tuning", false],
      ["03-fine-tuning/checkpoint-100", "fine-tuning", false],
      ["03-fine-tuning", "fine-tuning", true],
    ]);
    expect(run.maxSteps).toBe(200);
    expect(run.checkpoints.find(({ last }) => last)?.name).toBe("03-fine-tuning/checkpoint-100");
    expect(run.logFiles).toEqual(["/ws/demo/03-fine-tuning/checkpoint-100/trainer_state.json"]);
  });

  it("leave two trainings apart: their steps have no common order", async () => {
    const { runs } = await search({
      ...model("/ws/demo/01-svd"),
      ...peftCheckpoint("/ws/demo/02-sft/checkpoint-40", { step: 40 }),
      ...peftCheckpoint("/ws/demo/03-ft/checkpoint-40", { step: 40, seed: 2 }),
    });
    expect(outline(runs)).toEqual({
      "01-svd": ["01-svd"],
      "02-sft": ["checkpoint-40"],
      "03-ft": ["checkpoint-40"],
    });
  });

  it("are said by the user, a label file or a name", async () => {
    const files: Contents = {
      ...model("/ws/pool/x"),
      ...model("/ws/pool/y"),
      ...model("/ws/pool/z"),
      "/ws/pool/x/checkpoint-stage.json": '{"stage": "Fine Tuning", "createdBy": "me"}',
    };
    const userStage = (path: string) => (path === "/ws/pool/y" ? "svd" : undefined);
    const { runs } = await search(files, { userStage });
    expect(outline(runs)).toEqual({ pool: ["x", "y"], z: ["z"] });
    expect(runs[0]?.checkpoints.map(({ stage }) => stage?.reason)).toEqual([
      "checkpoint-stage.json says so (by me).",
      "You set it.",
    ]);
  });

  it("do not make a run of unrelated models", async () => {
    const { runs } = await search({ ...model("/ws/models/llama"), ...model("/ws/models/qwen") });
    expect(outline(runs)).toEqual({ llama: ["llama"], qwen: ["qwen"] });
  });
});
