import { describe, expect, it } from "vitest";
import type { Run } from "../../../../src/core/runs/run";
import { type Contents, codes, only, outline, search } from "./searchMemory";
import { peftCheckpoint, trainerState, weights } from "./trainerFiles";

const events = (name = "1700000000.host.1.0") => `events.out.tfevents.${name}`;
/** A log that no search may open. */
const log = weights;

/** The logs of each run beside trainer_state.json: `format path`, the path from the workspace folder. */
function logsOf(runs: readonly Run[]): Record<string, string[]> {
  return Object.fromEntries(
    runs.map(({ name, logs }) => [
      name,
      logs
        .filter(({ format }) => format !== "trainer-state")
        .map(
          ({ path, format, scope }) =>
            `${format}${scope === undefined ? "" : ` (${scope})`} ${path.slice(4)}`,
        ),
    ]),
  );
}

describe("the logs of a run with checkpoints", () => {
  it.each([
    ["Detectron2's", ["model_0004999.pth", "metrics.json"], "jsonl metrics.json"],
    [
      "Detectron2's, with its settings",
      ["model_0004999.pth", "metrics.json", "config.yaml"],
      "jsonl metrics.json",
      "config config.yaml",
    ],
    ["timm's", ["checkpoint-7.pth.tar", "summary.csv"], "csv summary.csv"],
    [
      "MMEngine's, which it writes twice",
      [
        "epoch_1.pth",
        "20240101_100000/vis_data/20240101_100000.json",
        "20240101_100000/vis_data/scalars.json",
      ],
      "jsonl 20240101_100000/vis_data/scalars.json",
    ],
    ["StyleGAN's", ["network-snapshot-000200.pkl", "stats.jsonl"], "jsonl stats.jsonl"],
    ["PaddleDetection's", ["best_model.pdparams", "progress.csv"], "csv progress.csv"],
  ])("are %s", async (_, names, ...expected) => {
    const { runs } = await search(Object.fromEntries(names.map((name) => [`/ws/out/${name}`, weights])));
    expect(only(runs).checkpoints).toHaveLength(1);
    expect(logsOf(runs).out?.map((one) => one.replace("out/", ""))).toEqual(expected);
  });

  it("lie in its folder, and in folders of it that group logs", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/out/checkpoint-10", { step: 10 }),
      [`/ws/out/runs/Nov05_00-38-10_host/${events()}`]: log,
      [`/ws/out/runs/Nov06_00-00-00_host/${events()}`]: log,
      "/ws/out/trainer_log.jsonl": log,
      "/ws/out/all_results.json": log,
      "/ws/out/running_log.txt": log,
      "/ws/out/wandb/offline-run-20240101_120000-abc/run-abc.wandb": log,
      "/ws/out/other/data.csv": log,
    });
    const run = only(runs);
    expect(logsOf(runs).out).toEqual([
      "results out/all_results.json",
      "stdout out/running_log.txt",
      "llama-factory out/trainer_log.jsonl",
      `tensorboard out/runs/Nov05_00-38-10_host/${events()}`,
      `tensorboard out/runs/Nov06_00-00-00_host/${events()}`,
      "wandb out/wandb/offline-run-20240101_120000-abc/run-abc.wandb",
    ]);
    expect(run.logs[0]).toEqual({
      path: "/ws/out/checkpoint-10/trainer_state.json",
      format: "trainer-state",
    });
    expect(run.logFiles).toEqual(["/ws/out/checkpoint-10/trainer_state.json"]);
  });

  it("may lie beside its folder, where no other run does", async () => {
    const one = {
      ...peftCheckpoint("/ws/p/results/checkpoint-10", { step: 10 }),
      [`/ws/p/logs/${events()}`]: log,
    };
    expect(logsOf((await search(one)).runs)).toEqual({ results: [`tensorboard p/logs/${events()}`] });
    const two = { ...one, ...peftCheckpoint("/ws/p/more/checkpoint-10", { step: 10, seed: 2 }) };
    expect(logsOf((await search(two)).runs)).toEqual({
      more: [],
      results: [],
      "p/logs": [`tensorboard p/logs/${events()}`],
    });
  });

  it("of several trainings in one folder go to each, what only the newest writes to that", async () => {
    const files: Contents = {
      ...peftCheckpoint("/ws/out/checkpoint-10", { step: 10, maxSteps: 100 }),
      ...peftCheckpoint("/ws/out/checkpoint-20", { step: 20, maxSteps: 200, seed: 2 }),
      [`/ws/out/runs/Nov05_00-38-10_host/${events()}`]: log,
      "/ws/out/all_results.json": log,
    };
    const found = Object.values(logsOf((await search(files)).runs)).map((logs) =>
      logs.map((one) => one.split(" ")[0]),
    );
    expect(found.sort()).toEqual([["results", "tensorboard"], ["tensorboard"]]);
  });

  it("of a stage belong to its pipeline", async () => {
    const { runs } = await search({
      "/ws/lora/01-svd/adapter_model.safetensors": weights,
      "/ws/lora/01-svd/adapter_config.json": "{}",
      ...peftCheckpoint("/ws/lora/02-fine-tuning/checkpoint-10", { step: 10 }),
      [`/ws/lora/02-fine-tuning/runs/Nov05_00-38-10_host/${events()}`]: log,
    });
    expect(logsOf(runs)).toEqual({
      lora: [`tensorboard lora/02-fine-tuning/runs/Nov05_00-38-10_host/${events()}`],
    });
  });

  it("of nanoGPT, with its one file", async () => {
    const { runs } = await search({ "/ws/out/ckpt.pt": weights, "/ws/out/train.log": log });
    expect(outline(runs)).toEqual({ out: ["ckpt.pt"] });
    expect(logsOf(runs)).toEqual({ out: ["stdout out/train.log"] });
  });
});

describe("Lightning's folder of a training", () => {
  const version = "/ws/lightning_logs/version_3";

  it("is the run of its checkpoints, its log and its settings", async () => {
    const { runs } = await search({
      [`${version}/checkpoints/epoch=0-step=100.ckpt`]: weights,
      [`${version}/metrics.csv`]: log,
      [`${version}/hparams.yaml`]: log,
      [`${version}/${events()}`]: log,
    });
    expect(only(runs)).toMatchObject({ name: "version_3", path: version });
    expect(only(runs).checkpoints).toMatchObject([{ name: "epoch=0-step=100.ckpt", step: 100, epoch: 0 }]);
    expect(logsOf(runs).version_3?.map((one) => one.split(" ")[0])).toEqual([
      "tensorboard",
      "config",
      "lightning-csv",
    ]);
  });

  it("is a run without checkpoints too", async () => {
    const { runs } = await search({ [`${version}/metrics.csv`]: log, [`${version}/hparams.yaml`]: log });
    expect(only(runs)).toMatchObject({ name: "version_3", checkpoints: [], logFiles: [], problems: [] });
    expect(only(runs)).not.toHaveProperty("best");
  });
});

describe("a training that left only a log", () => {
  it("is a run, for each folder of event files one", async () => {
    const { runs, memory } = await search({
      [`/ws/runs/Nov05_00-38-10_host/${events()}`]: log,
      [`/ws/runs/Nov06_00-00-00_host/${events()}`]: log,
      [`/ws/exp/logs/${events()}`]: log,
      [`/ws/exp/logs/${events("1700000900.host.2.0")}`]: log,
    });
    expect(logsOf(runs)).toEqual({
      "exp/logs": [
        `tensorboard exp/logs/${events()}`,
        `tensorboard exp/logs/${events("1700000900.host.2.0")}`,
      ],
      "Nov05_00-38-10_host": [`tensorboard runs/Nov05_00-38-10_host/${events()}`],
      "Nov06_00-00-00_host": [`tensorboard runs/Nov06_00-00-00_host/${events()}`],
    });
    expect(memory.opened).toEqual([]);
    expect(new Set(runs.map(({ id }) => id)).size).toBe(3);
  });

  it("is one run where Keras splits its log, and where torch writes a folder for each line", async () => {
    const { runs } = await search({
      [`/ws/keras/train/${events()}`]: log,
      [`/ws/keras/validation/${events()}`]: log,
      [`/ws/torch/${events()}`]: log,
      [`/ws/torch/loss_train/${events()}`]: log,
      [`/ws/torch/loss_val/${events()}`]: log,
      [`/ws/alone/train/${events()}`]: log,
    });
    expect(logsOf(runs)).toEqual({
      train: [`tensorboard alone/train/${events()}`],
      keras: [
        `tensorboard (train) keras/train/${events()}`,
        `tensorboard (validation) keras/validation/${events()}`,
      ],
      torch: [
        `tensorboard torch/${events()}`,
        `tensorboard (loss_train) torch/loss_train/${events()}`,
        `tensorboard (loss_val) torch/loss_val/${events()}`,
      ],
    });
  });

  it("may be one of several that wandb keeps, without what it copied", async () => {
    const run = "/ws/wandb/run-20240101_120000-abc";
    const { runs, memory } = await search({
      [`${run}/run-abc.wandb`]: log,
      [`${run}/files/config.yaml`]: log,
      [`${run}/files/wandb-summary.json`]: log,
      [`${run}/files/output.log`]: log,
      [`${run}/files/media/images/1.png`]: log,
      [`${run}/logs/debug.log`]: log,
      "/ws/wandb/offline-run-20240102_120000-def/run-def.wandb": log,
      "/ws/wandb/latest-run": { link: "run-20240101_120000-abc" },
    });
    expect(logsOf(runs)).toEqual({
      "run-20240101_120000-abc": [
        `wandb ${run.slice(4)}/run-abc.wandb`,
        `config ${run.slice(4)}/files/config.yaml`,
      ],
      "offline-run-20240102_120000-def": ["wandb wandb/offline-run-20240102_120000-def/run-def.wandb"],
    });
    expect(memory.counts.list).toBe(5);
  });

  it("may be one of MLflow's store, under the name that its small file says", async () => {
    const files: Contents = { "/ws/mlruns/0/meta.yaml": "name: Default\n", "/ws/mlruns/0/tags/x": "1" };
    for (const [id, name] of [
      ["aaa", "run_name: gentle-sun-7\n"],
      ["bbb", ""],
    ]) {
      files[`/ws/mlruns/0/${id}/meta.yaml`] = `run_id: ${id}\n${name}status: 3\n`;
      files[`/ws/mlruns/0/${id}/metrics/loss`] = log;
      files[`/ws/mlruns/0/${id}/params/lr`] = log;
      files[`/ws/mlruns/0/${id}/tags/t`] = log;
    }
    files["/ws/mlruns/0/aaa/artifacts/model/model.safetensors"] = weights;
    const { runs, memory } = await search(files);
    expect(logsOf(runs)).toMatchObject({
      "gentle-sun-7": ["mlflow mlruns/0/aaa"],
      bbb: ["mlflow mlruns/0/bbb"],
    });
    const named = runs.find(({ name }) => name === "gentle-sun-7");
    expect(named?.checkpoints.map(({ name }) => name)).toEqual(["model.safetensors"]);
    expect(memory.opened.sort()).toEqual(["/ws/mlruns/0/aaa/meta.yaml", "/ws/mlruns/0/bbb/meta.yaml"]);
    // Of a run only the artifacts are looked into.
    expect(memory.counts.list).toBe(8);
  });

  it("is no run where only a name looks like a log", async () => {
    const { runs } = await search({
      "/ws/data/data.csv": log,
      "/ws/data/results.csv": log,
      "/ws/data/train.jsonl": log,
      "/ws/data/output.log": log,
      "/ws/data/hparams.yaml": log,
      "/ws/expected/events.out.tfevents.1.host.json": log,
    });
    expect(runs).toEqual([]);
  });

  it("keeps several tables apart", async () => {
    const { runs } = await search({
      "/ws/out/model.safetensors": weights,
      "/ws/out/train_log.csv": log,
      "/ws/out/val_log.csv": log,
    });
    expect(logsOf(runs).out).toEqual(["csv (train_log) out/train_log.csv", "csv (val_log) out/val_log.csv"]);
  });

  it("has a bound on its logs, which is told", async () => {
    const files: Contents = {};
    for (let at = 0; at < 700; at++) files[`/ws/logs/${events(`${1_700_000_000 + at}.host.${at}.0`)}`] = log;
    const run = only((await search(files)).runs);
    expect(run.logs).toHaveLength(500);
    expect(run.logs.at(-1)?.path).toContain("1700000699");
    expect(codes(run.problems)).toEqual(["MoreLogs"]);
  });

  it("beside a log without a model, which is shown as before", async () => {
    const { runs } = await search({
      "/ws/out/trainer_state.json": trainerState({ step: 20 }),
      [`/ws/out/runs/Nov05_00-38-10_host/${events()}`]: log,
    });
    expect(outline(runs)).toEqual({ out: ["out"] });
    expect(logsOf(runs).out).toHaveLength(1);
  });
});
