import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogFile } from "../../../../src/core/runs/logs/logFormat";
import { MemoryFiles } from "../../../support/memoryFiles";
import { peftCheckpoint, trainerState, trainingLog } from "../discover/trainerFiles";
import { event, eventFile, scalarEvent, sessionStart, simple, summary } from "../logs/eventFile";
import {
  appended,
  events,
  follow,
  nextTime,
  steps,
  stepsOf,
  tensorboard,
  trainerEvents,
  valuesOf,
  write,
} from "./followedRun";

describe("following event files", () => {
  it("gives all at first, then what was appended, and reads no more than that", async () => {
    const files = new MemoryFiles();
    write(files, events(), eventFile(...trainerEvents(10, 2000)));
    const follower = follow(files, { logs: [tensorboard()] });
    expect(appended(await follower.poll())).toEqual({ loss: steps(10, 2000) });
    expect(await follower.poll()).toMatchObject({ unchanged: true, appended: [] });
    files.counts.bytesRead = 0;
    write(files, events(), eventFile(...trainerEvents(10, 2020)));
    const changes = await follower.poll();
    expect(appended(changes)).toEqual({ loss: [2010, 2020] });
    expect(changes.appended[0]).toMatchObject({
      epochs: Float64Array.of(20.1, Math.fround(20.2)).map(Math.fround),
      wallTimes: Float64Array.of(1_700_000_201, 1_700_000_202),
    });
    expect(files.counts.bytesRead).toBeLessThan(2048);
    expect(stepsOf(follower)).toEqual(steps(10, 2020));
  });

  it("leaves epochs to their axis, and knows them for other metrics", async () => {
    const files = new MemoryFiles();
    const other = scalarEvent("val", 15, 1, 1_700_000_001.5);
    write(files, events(), eventFile(...trainerEvents(10, 30), other));
    const follower = follow(files, { logs: [tensorboard()] });
    await follower.poll();
    expect(follower.keys()).toEqual(["loss", "val"]);
    expect(follower.series("val")?.epochs[0]).toBeCloseTo(0.15, 6);
  });

  it("takes the newer file's values from where a training was started again", async () => {
    const files = new MemoryFiles();
    write(files, events(), eventFile(...trainerEvents(10, 90)));
    const run = { logs: [tensorboard()] };
    const follower = follow(files, run, true);
    await follower.poll();
    expect((await follower.poll()).unchanged).toBe(true);
    write(
      files,
      events("1700009000.host.2.0"),
      eventFile(...trainerEvents(60, 70, { seed: 7, startedAt: 1_700_009_000 })),
    );
    const changes = await follower.poll();
    expect(changes.replaced).toEqual(["loss"]);
    expect(stepsOf(follower)).toEqual(steps(10, 70));
    expect(valuesOf(follower)[5]).toBeCloseTo(5 / Math.sqrt(60) + 0.007, 6);
    write(
      files,
      events("1700009000.host.2.0"),
      eventFile(...trainerEvents(60, 80, { seed: 7, startedAt: 1_700_009_000 })),
    );
    expect(appended(await follower.poll())).toEqual({ loss: [80] });
  });

  it("finds the folder of a training that was started again", async () => {
    const files = new MemoryFiles();
    const first = "/ws/out/runs/Nov05_00-38-10_host/events.out.tfevents.1.host.1.0";
    write(files, first, eventFile(...trainerEvents(10, 30)));
    const follower = follow(files, { logs: [tensorboard(first)] }, true);
    await follower.poll();
    await follower.poll();
    const second = "/ws/out/runs/Nov06_10-00-00_host/events.out.tfevents.2.host.1.0";
    write(files, second, eventFile(...trainerEvents(40, 50, { startedAt: 1_700_100_000 })));
    expect(appended(await follower.poll())).toEqual({ loss: [40, 50] });
  });

  it("believes a log that says that it goes back", async () => {
    const files = new MemoryFiles();
    const again = event(30, 1_700_001_000, sessionStart);
    const whole = [
      ...trainerEvents(10, 60),
      again,
      ...trainerEvents(30, 40, { seed: 5, startedAt: 1_700_001_000 }),
    ];
    write(files, events(), eventFile(...whole));
    const follower = follow(files, { logs: [tensorboard()] });
    await follower.poll();
    expect(stepsOf(follower)).toEqual([10, 20, 30, 40]);
  });

  it("keeps the metrics of sub-runs apart", async () => {
    const files = new MemoryFiles();
    const logs = ["train", "validation"].map((scope): LogFile => {
      const path = `/ws/out/logs/${scope}/events.out.tfevents.1.host.1.0`;
      write(
        files,
        path,
        eventFile(scalarEvent("epoch_loss", 0, scope.length), scalarEvent("epoch_loss", 1, 1)),
      );
      return { path, format: "tensorboard", scope };
    });
    const follower = follow(files, { logs });
    await follower.poll();
    expect(follower.runLog().series.map(({ key, kind }) => [key, kind])).toEqual([
      ["train/epoch_loss", "train"],
      ["validation/epoch_loss", "eval"],
    ]);
  });

  it("loses no point when a look is aborted, and begins anew when a file is replaced", async () => {
    const files = new MemoryFiles();
    write(files, events(), eventFile(...trainerEvents(10, 30)));
    write(files, "/ws/out/slow.jsonl", '{"step": 1, "x": 1}\n');
    const follower = follow(files, {
      logs: [tensorboard(), { path: "/ws/out/slow.jsonl", format: "jsonl" }],
    });
    const aborter = new AbortController();
    const read = files.open.bind(files);
    files.open = async (path) => {
      if (path.endsWith("slow.jsonl")) {
        await new Promise((done) => setTimeout(done, 5));
        aborter.abort(new Error("closed"));
      }
      return await read(path);
    };
    await expect(follower.poll(aborter.signal)).rejects.toThrow("closed");
    files.open = read;
    expect(appended(await follower.poll())).toEqual({ loss: [10, 20, 30], x: [1] });
    write(files, events(), eventFile(...trainerEvents(10, 20, { seed: 9 })));
    expect((await follower.poll()).replaced).toEqual(["loss"]);
    expect(stepsOf(follower)).toEqual([10, 20]);
  });
});

describe("several logs of one training", () => {
  it("are not doubled: trainer_state.json counts, an event file goes on behind it", async () => {
    const files = new MemoryFiles(peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }));
    write(files, events(), eventFile(...trainerEvents(10, 60)));
    const run = { checkpoints: [{ path: "/ws/out/checkpoint-40" }], logs: [tensorboard()] };
    const follower = follow(files, run, true);
    await follower.poll();
    const loss = follower.series("loss");
    expect([...(loss?.steps ?? [])]).toEqual([10, 20, 30, 40, 50, 60]);
    // Four decimals as logged, not the 32 bits of the event file.
    expect(loss?.values[0]).toBe(5 / Math.sqrt(10) + 0.001);
    expect(loss?.epochs[5]).toBeCloseTo(0.6, 6);
    expect([...(loss?.wallTimes ?? [])]).toEqual([1, 2, 3, 4, 5, 6].map((second) => 1_700_000_000 + second));
    expect(follower.runLog().sources.map(({ format, points }) => [format, points])).toEqual([
      ["trainer-state", 14],
      ["tensorboard", 12],
    ]);
    write(files, events(), eventFile(...trainerEvents(10, 70)));
    expect(appended(await follower.poll())).toEqual({ loss: [70] });
  });

  it("do not change again when a checkpoint confirms what was seen", async () => {
    const files = new MemoryFiles(peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }));
    const run = { checkpoints: [{ path: "/ws/out/checkpoint-40" }] };
    const follower = follow(files, run, true);
    await follower.poll();
    for (const [path, content] of Object.entries(peftCheckpoint("/ws/out/checkpoint-80", { step: 80 }))) {
      files.write(path, content, nextTime());
    }
    const changes = await follower.poll();
    expect(changes.checkpointsAdded).toMatchObject([
      { path: "/ws/out/checkpoint-80", step: 80, temporary: false },
    ]);
    expect(changes.replaced).toEqual([]);
    expect(appended(changes).loss).toEqual([50, 60, 70, 80]);
    expect(follower.stateOf("/ws/out/checkpoint-40")).toMatchObject({ step: 40, epoch: 0.4 });
    expect(follower.runLog().sources).toHaveLength(1);
  });

  it("leave out files of other trainings that lie in the same folder", async () => {
    const files = new MemoryFiles({ "/ws/out/trainer_state.json": trainerState({ step: 60 }) });
    const mine = events("1700000000.host.7.0");
    const other = events("1699000000.host.3.0");
    const closing = events("1699000900.host.3.1");
    write(files, mine, eventFile(...trainerEvents(10, 80)));
    write(files, other, eventFile(...trainerEvents(10, 200, { seed: 900, startedAt: 1_699_000_000 })));
    write(files, closing, eventFile(scalarEvent("eval/loss", 55, 3, 1_699_000_900)));
    const logs = [mine, other, closing].map(tensorboard);
    const follower = follow(files, { logFiles: ["/ws/out/trainer_state.json"], logs });
    await follower.poll();
    expect(stepsOf(follower)).toEqual(steps(10, 80));
    const { sources, problems } = follower.runLog();
    expect(sources.map(({ otherTraining }) => otherTraining)).toEqual([false, false, true, true]);
    expect(problems).toMatchObject([{ code: "OtherTraining", message: expect.stringContaining("2 logs") }]);
    expect(stepsOf(follower, "eval_loss")).toEqual([40]);
  });

  it("give each metric from the log that has most of it, and settings and results from all", async () => {
    const files = new MemoryFiles();
    const rows = [1, 2, 3, 4].map((step) => JSON.stringify({ step, loss: step, only: step }));
    write(files, "/ws/out/metrics.jsonl", `${rows.join("\n")}\n`);
    write(files, "/ws/out/metrics.csv", "step,loss,acc\n1,9,0.5\n2,9,0.6\n");
    write(files, "/ws/out/hparams.yaml", "lr: 0.1\n");
    write(files, "/ws/out/all_results.json", '{"train_loss": 2}');
    const logs: LogFile[] = [
      { path: "/ws/out/metrics.csv", format: "lightning-csv" },
      { path: "/ws/out/metrics.jsonl", format: "jsonl" },
      { path: "/ws/out/hparams.yaml", format: "config" },
      { path: "/ws/out/all_results.json", format: "results" },
    ];
    const follower = follow(files, { logs });
    await follower.poll();
    expect(valuesOf(follower)).toEqual([1, 2, 3, 4]);
    expect(valuesOf(follower, "acc")).toEqual([0.5, 0.6]);
    expect(follower.runLog()).toMatchObject({ config: [["lr", "0.1"]], summary: [["train_loss", 2]] });
  });

  it("take the Trainer's closing entry for facts wherever it was passed on to", async () => {
    const files = new MemoryFiles();
    const closing = event(
      30,
      1_700_000_009,
      summary(
        simple("train/train_runtime", 60),
        simple("train/train_loss", 0.5),
        simple("train/total_flos", 8),
      ),
    );
    write(files, events(), eventFile(...trainerEvents(10, 30), closing));
    const follower = follow(files, { logs: [tensorboard()] });
    const { progress } = await follower.poll();
    expect(follower.keys()).toEqual(["loss"]);
    expect(follower.runLog().summary).toEqual([
      ["train_runtime", 60],
      ["train_loss", 0.5],
      ["total_flos", 8],
    ]);
    expect(progress.ended).toBe(true);
  });

  it("survive a trainer_state.json that is read half-written", async () => {
    const files = new MemoryFiles();
    const path = "/ws/out/trainer_state.json";
    const whole = trainerState({ step: 80 });
    write(files, path, trainerState({ step: 40 }));
    const follower = follow(files, { logFiles: [path] });
    await follower.poll();
    write(files, path, whole.slice(0, 300));
    expect(await follower.poll()).toMatchObject({ unchanged: true });
    expect(stepsOf(follower)).toEqual(steps(10, 40));
    expect(follower.runLog().problems).toEqual([]);
    write(files, path, whole);
    expect(appended(await follower.poll()).loss).toEqual(steps(50, 80));
  });
});

describe("whatever grows in whatever order", () => {
  it("ends as one read of the end does, and what was told adds up to it", async () => {
    const log = trainingLog(120);
    const alone = steps(10, 150).map((step) => scalarEvent("alone", step, -step));
    const eventBytes = eventFile(...trainerEvents(10, 150), ...alone);
    const jsonl = Array.from({ length: 40 }, (_, index) =>
      JSON.stringify({ step: (index * 7) % 23, loss: index, x: index }),
    );
    const stage = fc.record({ state: fc.nat(12), bytes: fc.nat(eventBytes.length), lines: fc.nat(40) });
    await fc.assert(
      fc.asyncProperty(fc.array(stage, { maxLength: 5 }), fc.boolean(), async (unordered, hasState) => {
        const files = new MemoryFiles();
        const logs: LogFile[] = [tensorboard(), { path: "/ws/out/l.jsonl", format: "jsonl" }];
        const run = { logFiles: hasState ? ["/ws/out/trainer_state.json"] : [], logs };
        const follower = follow(files, run);
        const told = new Map<string, [number, number][]>();
        const column = (pick: (one: (typeof unordered)[number]) => number) =>
          unordered.map(pick).sort((a, b) => a - b);
        const [states, bytes, lines] = [
          column((one) => one.state),
          column((one) => one.bytes),
          column((one) => one.lines),
        ];
        for (let at = 0; at <= unordered.length; at++) {
          const upTo = (states[at] ?? 12) * 10;
          write(
            files,
            "/ws/out/trainer_state.json",
            trainerState({ step: upTo, log: log.filter((row) => (row.step ?? 0) <= upTo) }),
          );
          write(files, events(), eventBytes.slice(0, bytes[at] ?? eventBytes.length));
          write(files, "/ws/out/l.jsonl", `${jsonl.slice(0, lines[at] ?? 40).join("\n")}\n`);
          const changes = await follower.poll();
          for (const key of changes.replaced) told.delete(key);
          for (const key of changes.replaced) {
            const series = follower.series(key);
            if (series !== undefined)
              told.set(
                key,
                [...series.steps].map((step, index) => [step, series.values[index] ?? 0]),
              );
          }
          for (const one of changes.appended) {
            const points = [...one.steps].map((step, index): [number, number] => [
              step,
              one.values[index] ?? 0,
            ]);
            told.set(one.key, [...(told.get(one.key) ?? []), ...points]);
          }
        }
        const fresh = follow(files, run);
        await fresh.poll();
        expect(follower.keys().sort()).toEqual(fresh.keys().sort());
        for (const key of fresh.keys()) {
          expect(stepsOf(follower, key)).toEqual(stepsOf(fresh, key));
          expect(valuesOf(follower, key)).toEqual(valuesOf(fresh, key));
          // What an event file told is not told again when trainer_state.json has it with more digits.
          const rounded = (points: readonly (readonly [number, number])[] = []) =>
            points.map(([step, value]) => [step, Math.fround(value)]);
          const values = valuesOf(fresh, key);
          expect(rounded(told.get(key))).toEqual(
            rounded(stepsOf(fresh, key).map((step, index) => [step, values[index] ?? 0])),
          );
        }
      }),
      { numRuns: 100 },
    );
  });
});
