import { describe, expect, it } from "vitest";
import type { LogFile } from "../../../../src/core/runs/logs/logFormat";
import { MemoryFiles } from "../../../support/memoryFiles";
import { peftCheckpoint, trainerState } from "../discover/trainerFiles";
import { eventFile } from "../logs/eventFile";
import {
  appended,
  events,
  follow,
  nextTime,
  steps,
  stepsOf,
  tensorboard,
  trainerEvents,
  write,
} from "./followedRun";

describe("a run that is watched", () => {
  it("tells of checkpoints that come and go, with one list call a look", async () => {
    const files = new MemoryFiles(peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }));
    const follower = follow(files, { checkpoints: [{ path: "/ws/out/checkpoint-40" }] }, true);
    await follower.poll();
    files.counts.list = 0;
    await follower.poll();
    expect(files.counts.list).toBe(1);
    files.write("/ws/out/tmp-checkpoint-80/model.safetensors", "", nextTime());
    expect((await follower.poll()).checkpointsAdded).toEqual([
      { path: "/ws/out/tmp-checkpoint-80", name: "tmp-checkpoint-80", step: 80, temporary: true },
    ]);
    files.remove("/ws/out/checkpoint-40");
    files.remove("/ws/out/tmp-checkpoint-80");
    files.write("/ws/out/checkpoint-80/model.safetensors", "", nextTime());
    const changes = await follower.poll();
    expect(changes.checkpointsRemoved).toEqual(["/ws/out/checkpoint-40", "/ws/out/tmp-checkpoint-80"]);
    expect(changes.checkpointsAdded.map(({ name }) => name)).toEqual(["checkpoint-80"]);
    // Its log is written last, and not in one go.
    files.write(
      "/ws/out/checkpoint-80/trainer_state.json",
      trainerState({ step: 80 }).slice(0, 400),
      nextTime(),
    );
    expect(await follower.poll()).toMatchObject({ appended: [], replaced: [] });
    expect(follower.runLog().problems).toEqual([]);
    files.write("/ws/out/checkpoint-80/trainer_state.json", trainerState({ step: 80 }), nextTime());
    expect(appended(await follower.poll()).loss).toEqual(steps(50, 80));
    expect(stepsOf(follower)).toEqual(steps(10, 80));
  });

  it("leaves alone what lies in its folder of other trainings", async () => {
    const files = new MemoryFiles({
      ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
      ...peftCheckpoint("/ws/out/checkpoint-50", { step: 50, seed: 5 }),
      "/ws/out/trainer_state.json": trainerState({ step: 500, seed: 6 }),
    });
    const logFiles = ["/ws/out/checkpoint-40/trainer_state.json"];
    const follower = follow(files, { checkpoints: [{ path: "/ws/out/checkpoint-40" }], logFiles }, true);
    await follower.poll();
    expect(await follower.poll()).toMatchObject({ unchanged: true, checkpointsAdded: [] });
    expect(stepsOf(follower)).toEqual(steps(10, 40));
    // Two starts in a folder that is not the run's are two runs.
    const start = (day: string) => `/ws/runs/${day}_00-00-00_host/events.out.tfevents.1.host.1.0`;
    for (const day of ["Nov05", "Nov06"]) write(files, start(day), eventFile(...trainerEvents(10, 20)));
    const alone = follow(
      files,
      { path: "/ws/runs/Nov05_00-00-00_host", logs: [tensorboard(start("Nov05"))] },
      true,
    );
    for (let look = 0; look < 3; look++) await alone.poll();
    expect(alone.runLog().sources).toHaveLength(1);
  });

  it("notices single files where its checkpoints are single files, and logs that appear", async () => {
    const files = new MemoryFiles({ "/ws/out/epoch=0-step=100.ckpt": "" });
    const follower = follow(files, { checkpoints: [{ path: "/ws/out/epoch=0-step=100.ckpt" }] }, true);
    await follower.poll();
    write(files, "/ws/out/epoch=1-step=200.ckpt", "");
    write(files, "/ws/out/metrics.csv", "step,loss\n1,2\n");
    const changes = await follower.poll();
    expect(changes.checkpointsAdded).toMatchObject([{ step: 200, epoch: 1 }]);
    expect(appended(changes)).toEqual({ loss: [1] });
  });

  it("tells where the training stands, how fast it goes and how long it will take", async () => {
    const files = new MemoryFiles({
      "/ws/out/trainer_state.json": trainerState({ step: 40, maxSteps: 100 }),
    });
    write(files, events(), eventFile(...trainerEvents(10, 60)));
    const run = { logFiles: ["/ws/out/trainer_state.json"], logs: [tensorboard()] };
    const { progress } = await follow(files, run).poll();
    expect(progress).toMatchObject({
      step: 60,
      maxSteps: 100,
      stepsPerSecond: 10,
      secondsLeft: 4,
      ended: false,
    });
    expect(progress.epoch).toBeCloseTo(0.6, 6);
    expect(progress.lastLoss).toBeCloseTo(5 / Math.sqrt(60) + 0.001, 6);
    expect(progress.lastEvalLoss).toBeCloseTo(5 / Math.sqrt(40) + 0.501, 6);
  });

  it("measures the speed by its own clock where no log tells times", async () => {
    const files = new MemoryFiles();
    const path = "/ws/out/metrics.csv";
    const logs: LogFile[] = [{ path, format: "lightning-csv" }];
    let nowMs = 1_000_000;
    const follower = follow(files, { logs }, false, () => nowMs);
    write(files, path, "step,loss\n100,1\n");
    expect((await follower.poll()).progress.stepsPerSecond).toBeUndefined();
    nowMs += 20_000;
    write(files, path, "step,loss\n100,1\n150,1\n");
    expect((await follower.poll()).progress.stepsPerSecond).toBe(2.5);
  });

  it("takes a last line without an end once nobody writes it any more", async () => {
    const files = new MemoryFiles();
    const path = "/ws/out/metrics.csv";
    const follower = follow(files, { logs: [{ path, format: "lightning-csv" }] });
    write(files, path, "step,loss\n1,2\n2,1.5");
    expect(appended(await follower.poll())).toEqual({ loss: [1] });
    expect(appended(await follower.poll())).toEqual({ loss: [2] });
    expect((await follower.poll()).unchanged).toBe(true);
  });

  it("tells of a log that cannot be read, and reads it when it can", async () => {
    const files = new MemoryFiles();
    const follower = follow(files, { logs: [tensorboard()] });
    await follower.poll();
    expect(follower.runLog().problems).toMatchObject([
      { severity: "error", code: "FileUnreadable", file: events() },
    ]);
    write(files, events(), eventFile(...trainerEvents(10, 20)));
    expect(appended(await follower.poll())).toEqual({ loss: [10, 20] });
    expect(follower.runLog().problems).toEqual([]);
    files.remove(events());
    expect((await follower.poll()).unchanged).toBe(true);
    expect(stepsOf(follower)).toEqual([10, 20]);
  });
});
