import { describe, expect, it } from "vitest";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { RunLogFollower } from "../../../../src/core/runs/merge/runLogFollower";
import { runStatusOf, withStatus } from "../../../../src/core/runs/status/runStatus";
import { MemoryFiles } from "../../../support/memoryFiles";
import { type Contents, codes, only, outline, search } from "./searchMemory";
import { adapterConfig, weights } from "./trainerFiles";

const nothing = { metadata: undefined, problems: [] };

async function read(contents: Contents, peek: (path: string) => object = () => ({})) {
  const memory = new MemoryFiles(contents);
  const found = await search(memory, { peek: async (path) => ({ ...nothing, ...peek(path) }) });
  const run = only(found.runs);
  const follower = new RunLogFollower(new LogStore(memory), run);
  await follower.poll();
  return withStatus(run, runStatusOf(follower, run.checkpoints, []));
}

describe("a YOLO training", () => {
  const table = [
    "   epoch,   train/box_loss,  metrics/mAP_0.5,  val/box_loss",
    "   0,   0.5,  0.1,  0.7",
    "   1,   0.4,  0.2,  0.6",
    "   2,   0.3,  0.3,  0.5",
  ].join("\n");

  it("ends with last.pt, though it was stripped of its epoch and best.pt was not", async () => {
    const contents = {
      "/ws/exp/results.csv": table,
      "/ws/exp/weights/best.pt": weights,
      "/ws/exp/weights/last.pt": weights,
    };
    const run = await read(contents, (path) => (path.endsWith("best.pt") ? { progress: { epoch: 1 } } : {}));
    expect(run.checkpoints.filter(({ last }) => last).map(({ name }) => name)).toEqual(["last.pt"]);
  });

  it("is one run around its weights and its results, whose values reach the epochs", async () => {
    const contents = {
      "/ws/exp/results.csv": table,
      "/ws/exp/weights/best.pt": weights,
      "/ws/exp/weights/epoch1.pt": weights,
    };
    const run = await read(contents, (path) => (path.endsWith("best.pt") ? { progress: { epoch: -1 } } : {}));
    expect(run).toMatchObject({ name: "exp", path: "/ws/exp", best: "/ws/exp/weights/best.pt" });
    expect(run.checkpoints[0]).toMatchObject({ name: "epoch1.pt", epoch: 1 });
    expect(run.checkpoints[0]?.metrics).toEqual([
      ["metrics/mAP_0.5", 0.2],
      ["val/box_loss", 0.6],
    ]);
    expect(run.checkpoints[1]).not.toHaveProperty("epoch");
    expect(run.progress?.lastMetrics).toContainEqual(["val/box_loss", 0.5]);
  });
});

it("finds what the callbacks of Stable-Baselines3 write, and no other archive", async () => {
  const run = await read({
    "/ws/logs/best_model.zip": weights,
    "/ws/logs/rl_model_2000_steps.zip": weights,
    "/ws/logs/rl_model_10000_steps.zip": weights,
    "/ws/logs/data.zip": weights,
  });
  expect(run.checkpoints.map(({ name, step }) => [name, step])).toEqual([
    ["rl_model_2000_steps.zip", 2000],
    ["rl_model_10000_steps.zip", 10_000],
    ["best_model.zip", undefined],
  ]);
});

describe("a YOLO training that still runs", () => {
  const rows = (first: number) =>
    [0, 1, 2].map((epoch) => `${epoch + first}, ${0.1 * (epoch + 1)}`).join("\n");

  it("has the values of the epoch of a checkpoint, and not those of the steps of its average", async () => {
    const files = (table: string) => ({ "/ws/exp/results.csv": table, "/ws/exp/weights/best.pt": weights });
    const unfinished = () => ({ progress: { epoch: 1, step: 30 } });
    const five = await read(files(`epoch, metrics/mAP_0.5\n${rows(0)}\n`), unfinished);
    expect(five.checkpoints[0]?.metrics).toEqual([["metrics/mAP_0.5", 0.2]]);
    expect(five.progress).toMatchObject({ epoch: 2 });
    expect(five.progress).not.toHaveProperty("step");
    // Ultralytics writes the epoch from 1 in its table, from 0 in its checkpoints.
    const eight = await read(files(`epoch,metrics/mAP50(B)\n${rows(1)}\n`), unfinished);
    expect(eight.checkpoints[0]?.metrics).toEqual([["metrics/mAP50(B)", 0.2]]);
  });
});

describe("other logs beside checkpoints", () => {
  it("of MMCV are read by their names, with steps that go on over the epochs", async () => {
    const lines = [1, 2].flatMap((epoch) =>
      [50, 100].map((iter) => JSON.stringify({ mode: "train", epoch, iter, loss: epoch + iter / 1000 })),
    );
    lines.push(JSON.stringify({ mode: "val", epoch: 2, iter: 7, bbox_mAP: 0.5 }));
    const log = `${lines.join("\n")}\n`;
    const run = await read({ "/ws/w/20230101_000000.log.json": log, "/ws/w/epoch_2.pth": weights }, () => ({
      progress: { epoch: 2, step: 200 },
    }));
    expect(run.checkpoints[0]).toMatchObject({ loss: 2.1, metrics: [["bbox_mAP", 0.5]] });
    expect(run.progress).toMatchObject({ step: 200, lastLoss: 2.1 });
  });

  it("of reinforcement learning say the reward, also without a checkpoint", async () => {
    const table = "time/total_timesteps,rollout/ep_rew_mean,train/loss\n2048,1.5,0.2\n4096,2.5,0.1\n";
    const run = await read({ "/ws/c/progress.csv": table });
    expect(run.progress).toMatchObject({ step: 4096, lastMetrics: [["rollout/ep_rew_mean", 2.5]] });
  });

  it("of MLflow 3 have the model that their run logged beside it", async () => {
    const run = "/ws/mlruns/1/00aa";
    const model = "/ws/mlruns/1/models/m-0011";
    const found = await search({
      [`${run}/meta.yaml`]: "run_id: 00aa\nrun_name: bold-cat\nstatus: 3\n",
      [`${run}/metrics/loss`]: "1700000000000 0.5 3\n",
      [`${model}/meta.yaml`]: "model_id: m-0011\nsource_run_id: 00aa\n",
      [`${model}/artifacts/data/model.pth`]: weights,
    });
    expect(outline(found.runs)).toEqual({ "bold-cat": ["model.pth"] });
  });
});

describe("single files", () => {
  it("of .pth.tar are checkpoints, and the one called best is the best", async () => {
    const run = await read({
      "/ws/out/checkpoint_0002.pth.tar": weights,
      "/ws/out/checkpoint_0010.pth.tar": weights,
      "/ws/out/model_best.pth.tar": { bulk: 900 },
    });
    expect(run.checkpoints.map(({ name, best }) => [name, best])).toEqual([
      ["checkpoint_0002.pth.tar", false],
      ["checkpoint_0010.pth.tar", false],
      ["model_best.pth.tar", true],
    ]);
  });

  it("tell losses in their names, and which are the same byte for byte", async () => {
    const run = await read({
      "/ws/out/epoch=0-train_loss=0.9.ckpt": "one",
      "/ws/out/epoch=1-train_loss=0.69.ckpt": "two",
      "/ws/out/epoch=1-train_loss=0.69-v1.ckpt": "two",
    });
    const rows = run.checkpoints.map(({ name, loss, best, problems }) => [name, loss, best, codes(problems)]);
    expect(rows).toEqual([
      ["epoch=0-train_loss=0.9.ckpt", 0.9, false, []],
      ["epoch=1-train_loss=0.69.ckpt", 0.69, true, ["IdenticalFiles"]],
      ["epoch=1-train_loss=0.69-v1.ckpt", 0.69, false, ["IdenticalFiles"]],
    ]);
  });

  it("of Lightning whose name was taken tell so, whatever their sizes", async () => {
    const run = await read({
      "/ws/out/epoch=1-step=5.ckpt": "one",
      "/ws/out/epoch=1-step=5-v1.ckpt": "another",
      "/ws/out/last.ckpt": "one",
      "/ws/out/last-v1.ckpt": "two",
    });
    const told = run.checkpoints.map(({ name, problems }) => [name, codes(problems)]);
    expect(told).toEqual([
      ["epoch=1-step=5.ckpt", ["IdenticalFiles"]],
      ["epoch=1-step=5-v1.ckpt", ["NameTaken"]],
      ["last.ckpt", ["IdenticalFiles"]],
      ["last-v1.ckpt", ["NameTaken"]],
    ]);
  });

  it("of models of different shapes are several trainings, and a pair of nets is one", async () => {
    const shaped = (path: string) => {
      const key = /h\d+|_D_|_G_|last(?=-v1)/.exec(path)?.[0] ?? "";
      return { shapes: { key, parameterCount: 10 } };
    };
    const sweep = ["mlp_h8_e1.pt", "mlp_h8_e2.pt", "mlp_h16_e1.pt", "mlp_h16_e2.pt"];
    const found = await search(Object.fromEntries(sweep.map((name) => [`/ws/${name}`, weights])), {
      peek: async (path) => ({ ...nothing, ...shaped(path) }),
    });
    expect(outline(found.runs)).toEqual({
      "ws (mlp_h8)": ["mlp_h8_e1.pt", "mlp_h8_e2.pt"],
      "ws (mlp_h16)": ["mlp_h16_e1.pt", "mlp_h16_e2.pt"],
    });
    expect(found.runs.map(({ problems }) => codes(problems))).toEqual([
      ["SeveralTrainings"],
      ["SeveralTrainings"],
    ]);
    const pair = await search(
      { "/ws/x_G_1.pt": weights, "/ws/x_D_1.pt": weights, "/ws/x_G_2.pt": weights, "/ws/x_D_2.pt": weights },
      { peek: async (path) => ({ ...nothing, ...shaped(path) }) },
    );
    expect(only(pair.runs).problems).toEqual([]);
  });

  it("without an ending are found by the roles of their nets, beside their optimizers", async () => {
    const run = await read({
      "/ws/out/TD3_Hopper-v2_0_actor": weights,
      "/ws/out/TD3_Hopper-v2_0_actor_optimizer": weights,
      "/ws/out/TD3_Hopper-v2_0_critic": weights,
      "/ws/out/README": "text",
    });
    expect(run.checkpoints.map(({ name }) => name)).toEqual([
      "TD3_Hopper-v2_0_actor",
      "TD3_Hopper-v2_0_critic",
    ]);
  });

  it("of a pair of nets have the step of their names", async () => {
    const run = await read({ "/ws/44k/G_1000.pth": weights, "/ws/44k/D_1000.pth": weights }, () => ({
      progress: { epoch: 7 },
    }));
    expect(run.checkpoints.map(({ name, step, epoch }) => [name, step, epoch])).toEqual([
      ["D_1000.pth", 1000, 7],
      ["G_1000.pth", 1000, 7],
    ]);
  });

  it("are no stage of a pipeline because one is called final", async () => {
    const run = await read({ "/ws/svd/out/model_final.pt": weights, "/ws/svd/out/model_1.pt": weights });
    expect(run.checkpoints.map(({ stage }) => stage)).toEqual([undefined, undefined]);
  });

  it("of ai-toolkit have the step of their name or their metadata, the final one last", async () => {
    const info = new Map([["training_info", '{"step": 750, "epoch": 3}']]);
    const run = await read(
      { "/ws/x/char.safetensors": weights, "/ws/x/char_000000250.safetensors": weights },
      (path) => (path.endsWith("char.safetensors") ? { metadata: info } : {}),
    );
    expect(run.checkpoints.map(({ name, step, final }) => [name, step, final])).toEqual([
      ["char_000000250.safetensors", 250, false],
      ["char.safetensors", 750, true],
    ]);
  });
});

describe("verl", () => {
  it("keeps a checkpoint in the slices of its ranks, and opens the adapter that is whole", async () => {
    const actor = "/ws/out/global_step_10/actor";
    const run = only(
      (
        await search({
          [`${actor}/model_world_size_2_rank_0.pt`]: weights,
          [`${actor}/model_world_size_2_rank_1.pt`]: weights,
          [`${actor}/optim_world_size_2_rank_0.pt`]: weights,
          [`${actor}/extra_state_world_size_2_rank_0.pt`]: weights,
          [`${actor}/lora_adapter/adapter_model.safetensors`]: weights,
          [`${actor}/lora_adapter/adapter_config.json`]: adapterConfig(),
          "/ws/out/global_step_10/data.pt": weights,
        })
      ).runs,
    );
    expect(run.checkpoints).toHaveLength(1);
    expect(run.checkpoints[0]).toMatchObject({
      name: "global_step_10",
      step: 10,
      mainFile: `${actor}/lora_adapter/adapter_model.safetensors`,
      problems: [],
    });
  });
});

describe("MLflow", () => {
  it("keeps the model of a run among its artifacts: they are one", async () => {
    const folder = "/ws/mlruns/0/abc";
    const contents = {
      [`${folder}/meta.yaml`]: "run_id: abc\nrun_name: lively-fox\nstatus: 3\n",
      [`${folder}/metrics/val_loss`]: "1700000000000 0.5 1\n",
      [`${folder}/artifacts/model/data/model.pth`]: weights,
    };
    const found = await search(contents);
    expect(outline(found.runs)).toEqual({ "lively-fox": ["model.pth"] });
    expect(found.runs[0]?.logs.map(({ format }) => format)).toEqual(["mlflow"]);
  });
});

describe("a log of a training that was started again", () => {
  const rows = (steps: readonly number[], time: number) =>
    `step,loss,wall_time\n${steps.map((step, at) => `${step},1,${time + at}`).join("\n")}\n`;
  const notes = async (files: Readonly<Record<string, string>>) => {
    const memory = new MemoryFiles(files);
    const logs = Object.keys(files).map((path) => ({ path, format: "csv" as const }));
    const follower = new RunLogFollower(new LogStore(memory), { checkpoints: [], logFiles: [], logs });
    await follower.poll();
    return follower.notes();
  };

  it("tells that an earlier start had gone further", async () => {
    const told = await notes({
      "/ws/a.csv": rows([1, 2, 3, 4], 1_700_000_000),
      "/ws/b.csv": rows([1, 2], 1_700_100_000),
    });
    expect(codes(told)).toEqual(["LongerEarlierStart"]);
    expect(told[0]?.message).toContain("step 4");
  });

  it("tells steps that are logged twice, in one log or in two of which one follows", async () => {
    const one = await notes({ "/ws/a.csv": rows([1, 2, 3, 4, 3, 4, 5], 1_700_000_000) });
    expect(one.map(({ message }) => message)).toEqual([expect.stringContaining("from step 4 to 3")]);
    const first = rows([1, 2, 3, 4], 1_700_000_000);
    const two = await notes({ "/ws/a.csv": first, "/ws/b.csv": rows([3, 4, 5], 1_700_100_000) });
    expect(codes(two)).toEqual(["StepsAgain"]);
    expect(await notes({ "/ws/a.csv": first, "/ws/b.csv": rows([5, 6], 1_700_100_000) })).toEqual([]);
    // Two processes that wrote at once.
    expect(await notes({ "/ws/a.csv": first, "/ws/b.csv": rows([1, 2, 3, 4], 1_700_000_002) })).toEqual([]);
  });
});

it("tells what is called the last and is not the newest", async () => {
  const contents = { "/ws/a/last.ckpt": weights, "/ws/a/epoch=3-step=16.ckpt": weights };
  const told = async (step: number) => {
    const run = await read(contents, (path) => ({
      progress: { step: path.endsWith("last.ckpt") ? step : 16 },
    }));
    return run.problems.map(({ message }) => message);
  };
  expect(await told(8)).toEqual([expect.stringMatching(/^last\.ckpt is of step 8, .*of step 16/)]);
  expect(await told(16)).toEqual([]);
});

it("tells a file of Lightning that was renamed", async () => {
  const contents = { "/ws/a/epoch=7-step=99.ckpt": weights, "/ws/a/epoch=0-step=4.ckpt": weights };
  const run = await read(contents, (path) => ({ progress: { step: path.endsWith("=99.ckpt") ? 8 : 5 } }));
  // Before 1.6 the name had one less.
  expect(run.checkpoints.map(({ problems }) => codes(problems))).toEqual([[], ["StepDisagrees"]]);
});
