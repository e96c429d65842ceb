import { describe, expect, it } from "vitest";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { RunLogFollower } from "../../../../src/core/runs/merge/runLogFollower";
import { runActivity } from "../../../../src/core/runs/status/runActivity";
import { MemoryFiles } from "../../../support/memoryFiles";
import { event, eventFile, plugin, simple, summary } from "../logs/eventFile";
import { double, message, text } from "../logs/protobuf";
import { trainerEvents } from "./followedRun";

const log = "/ws/out/runs/events.out.tfevents.1700000000.host.1.0";

describe("the time at which a log was last written to", () => {
  const lastPoint = (1_700_000_000 + 10) * 1000;

  async function activity(modifiedMs: number) {
    const files = new MemoryFiles({});
    files.write(log, eventFile(...trainerEvents(10, 100)), modifiedMs);
    const run = { checkpoints: [], logFiles: [], logs: [{ path: log, format: "tensorboard" as const }] };
    const follower = new RunLogFollower(new LogStore(files), run, { nowMs: () => modifiedMs + 1000 });
    const { progress } = await follower.poll();
    return { activity: runActivity(progress, modifiedMs + 1000), written: progress.lastWrittenMs };
  }

  it("is the file's where it fits the times inside", async () => {
    const modifiedMs = lastPoint + 60_000;
    expect(await activity(modifiedMs)).toEqual({ activity: "running", written: modifiedMs });
  });

  it("is the log's own where the file was copied days later: the training is not running", async () => {
    const copied = await activity(lastPoint + 5 * 24 * 3_600_000);
    expect(copied).toEqual({ activity: "stopped", written: lastPoint });
  });
});

describe("TensorBoard's folder of hyperparameters", () => {
  it("holds settings and an outcome, and is no metric", async () => {
    const start = message(3, message(1, text(1, "layers"), message(2, double(2, 12))));
    const path = "/ws/out/runs/1700000100.5/events.out.tfevents.1700000100.host.1.1";
    const files = new MemoryFiles({
      [log]: eventFile(...trainerEvents(10, 20)),
      [path]: eventFile(
        event(
          0,
          1_700_000_100,
          summary([...text(1, "_hparams_/session_start_info"), ...message(9, plugin("hparams", start))]),
        ),
        event(0, 1_700_000_100, summary(simple("hparam/accuracy", 0.75))),
      ),
    });
    const logs = [
      { path: log, format: "tensorboard" as const },
      { path, format: "tensorboard" as const, scope: "1700000100.5" },
    ];
    const follower = new RunLogFollower(new LogStore(files), { checkpoints: [], logFiles: [], logs });
    await follower.poll();
    expect(follower.keys()).toEqual(["loss"]);
    expect(follower.overview().config).toContainEqual(["layers", "12"]);
    expect(follower.overview().summary).toContainEqual(["hparam/accuracy", 0.75]);
  });
});
