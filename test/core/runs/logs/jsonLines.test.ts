import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recogniseLog } from "../../../../src/core/runs/logs/logFormats";
import { codesOf, expectEveryCutReads, expectGrowthReads, pointsIn, pointsOf, readLog } from "./readings";

const lines = (...rows: readonly unknown[]) => `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;

describe("JSON lines", () => {
  it("may have a mark, NaN, garbage, nested objects, CRLF, text numbers and a cut end", async () => {
    const messy =
      '\uFEFF{"step":1,"loss":1.0}\n\n{"step":2,"loss":NaN}\nnot json\n' +
      '{"step":3,"train":{"loss":0.5,"acc":0.9}}\r\n{"iteration":4,"loss":"0.4"}\n{"step":5,"lo';
    const read = await readLog("jsonl", messy);
    expect(pointsOf(read)).toEqual({
      loss: [
        [1, 1],
        [2, Number.NaN],
        [4, 0.4],
      ],
      "train/loss": [[3, 0.5]],
      "train/acc": [[3, 0.9]],
    });
    expect(read.problems).toMatchObject([
      { severity: "info", code: "LogLinesSkipped", message: expect.stringContaining("2 lines") },
    ]);
  });

  it("may say steps done and planned in one field, as ms-swift does, and end with the Trainer's state", async () => {
    const plan = "global_step/max_steps";
    const content = lines(
      { loss: 1.875, epoch: 0.1, [plan]: "5/40", percentage: "12.50%", elapsed_time: "5s" },
      { eval_loss: 1, epoch: 1, [plan]: "40/40" },
      { train_runtime: 40, train_loss: 1.5, total_flos: 1e15, epoch: 1, [plan]: "40/40" },
      { global_step: 40, best_metric: 1, log_history: [] },
    );
    const read = await readLog("jsonl", content);
    expect(pointsOf(read)).toEqual({ loss: [[5, 1.875]], eval_loss: [[40, 1]] });
    expect(read.facts).toEqual({ maxSteps: 40, ended: true });
    expect(read.problems).toEqual([]);
  });

  it("take the surest count of steps, and keep the rest", async () => {
    const content = lines({ epoch: 1, iter: 5, step: 50, loss: 1, lr: 0.1 }, { epoch: 2, loss: 2 });
    const read = await readLog("jsonl", content);
    expect(pointsOf(read)).toEqual({
      iter: [[50, 5]],
      loss: [
        [50, 1],
        [2, 2],
      ],
      learning_rate: [[50, 0.1]],
    });
    expect([...(read.points.columns.get("loss")?.epochs ?? [])]).toEqual([1, 2]);
  });

  it("have the validation of MMEngine, which calls the epoch a step, where the training stood", async () => {
    const train = { lr: 0.1, loss: 1, epoch: 2, iter: 100, step: 100 };
    const read = await readLog("jsonl", lines(train, { "coco/bbox_mAP": 0.5, time: 0.1, step: 2 }));
    expect(pointsOf(read)["coco/bbox_mAP"]).toEqual([[100, 0.5]]);
  });

  it("are numbered where nothing counts them", async () => {
    const read = await readLog("jsonl", lines({ loss: 3 }, { loss: 2 }));
    expect(pointsOf(read).loss).toEqual([
      [1, 3],
      [2, 2],
    ]);
    expect(codesOf(read)).toEqual(["LogStepsMissing"]);
  });

  it("know times as seconds, milliseconds and dates", async () => {
    const content = lines(
      { step: 1, timestamp: 1_700_000_000, loss: 1 },
      { step: 2, timestamp: 1_700_000_001_500, loss: 1 },
      { step: 3, timestamp: "2023-11-14T22:13:23Z", loss: 1 },
      { step: 4, time: 0.25, loss: 1 },
    );
    const read = await readLog("jsonl", content);
    const times = [1_700_000_000, 1_700_000_001.5, 1_700_000_003, Number.NaN];
    expect([...(read.points.columns.get("loss")?.wallTimes ?? [])]).toEqual(times);
    expect(pointsOf(read).time).toEqual([[4, 0.25]]);
  });

  it("keep the closing entry apart", async () => {
    const read = await readLog(
      "jsonl",
      lines({ step: 1, loss: 1 }, { step: 1, train_runtime: 9, train_loss: 1 }),
    );
    expect(Object.keys(pointsOf(read))).toEqual(["loss"]);
    expect(read.summary).toEqual([
      ["train_runtime", 9],
      ["train_loss", 1],
    ]);
  });

  it("treat names such as __proto__ as names", async () => {
    const points = await pointsIn("jsonl", '{"step":1,"__proto__":2,"constructor":3}\n');
    expect(Object.entries(points)).toEqual([
      ["__proto__", [[1, 2]]],
      ["constructor", [[1, 3]]],
    ]);
  });

  it("are known by name, and by two objects on two lines", () => {
    const head = (text: string) => new TextEncoder().encode(text);
    expect(recogniseLog("x.jsonl", head(""))).toBe("jsonl");
    expect(recogniseLog("x", head('{"a": 1}\n{"a": 2}\n'))).toBe("jsonl");
    expect(recogniseLog("config", head('{"a": 1}'))).toBeUndefined();
    expect(recogniseLog("trainer_log.jsonl", head(""))).toBe("llama-factory");
  });

  it("give what comes before, wherever they are cut, and are read on as they grow", async () => {
    const content = lines(
      ...Array.from({ length: 8 }, (_, index) => ({ step: index, loss: index / 7, näme: "ü" })),
    );
    await expectEveryCutReads("jsonl", content);
    const length = new TextEncoder().encode(content).length;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(length), { maxLength: 5 }), (lengths) =>
        expectGrowthReads("jsonl", content, lengths),
      ),
      { numRuns: 50 },
    );
  });

  it("never throw, whatever the lines", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), fc.json(), async (text, json) => {
        await readLog("jsonl", `${text}\n${json}\n{${text}}`);
      }),
    );
  });
});

const llama = (step: number, more: Readonly<Record<string, unknown>> = {}) => ({
  current_steps: step,
  total_steps: 100,
  loss: 1 / step,
  lr: 1e-4,
  epoch: step / 50,
  percentage: step,
  elapsed_time: "0:00:10",
  remaining_time: "0:08:23",
  ...more,
});

describe("LLaMA-Factory's log", () => {
  it("gives loss, learning rate under either name, throughput, and what is planned", async () => {
    const read = await readLog(
      "llama-factory",
      lines(
        llama(5, { throughput: "512.5", total_tokens: 1000 }),
        { ...llama(10, { lr: undefined, learning_rate: 2e-4, elapsed_time: "1 day, 0:00:20" }) },
        { current_steps: 10, total_steps: 100, eval_loss: 2, epoch: 0.2 },
      ),
    );
    expect(pointsOf(read)).toEqual({
      loss: [
        [5, 0.2],
        [10, 0.1],
      ],
      learning_rate: [
        [5, 1e-4],
        [10, 2e-4],
      ],
      throughput: [[5, 512.5]],
      total_tokens: [[5, 1000]],
      eval_loss: [[10, 2]],
    });
    expect([...(read.points.columns.get("loss")?.wallTimes ?? [])]).toEqual([10, 86_420]);
    expect(read.facts).toEqual({ maxSteps: 100, ended: false });
  });

  it("is one training when two processes write it, with steps that go back and forth", async () => {
    const rows = [5, 10].flatMap((step) => [llama(step), llama(step)]);
    const read = await readLog("llama-factory", lines(...rows, llama(20), llama(15), llama(20)));
    expect(read.problems).toEqual([]);
    expect(pointsOf(read).loss?.map(([step]) => step)).toEqual([5, 5, 10, 10, 20, 15, 20]);
  });

  it("forgets an earlier training that had another plan", async () => {
    const earlier = lines(...[5, 10, 15].map((step) => llama(step, { total_steps: 40 })));
    const later = lines(llama(5), llama(10));
    const read = await readLog("llama-factory", earlier + later);
    expect(pointsOf(read).loss).toEqual([
      [5, 0.2],
      [10, 0.1],
    ]);
    expect(codesOf(read)).toEqual(["EarlierTraining"]);
    const before = await readLog("llama-factory", earlier);
    const after = await readLog("llama-factory", earlier + later, { from: before.cursor });
    expect(after.restarted).toBe(true);
    expect(pointsOf(after).loss).toHaveLength(2);
  });
});
