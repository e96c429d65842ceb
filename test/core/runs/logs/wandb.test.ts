import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recogniseLog } from "../../../../src/core/runs/logs/logFormats";
import { type Bytes, int, message, text } from "./protobuf";
import { codesOf, expectEveryCutReads, expectGrowthReads, pointsIn, pointsOf, readLog } from "./readings";
import { config, exit, history, item, nestedItem, summaryRecord, wandbFile } from "./wandbFile";

function training(steps: number): Bytes[] {
  return Array.from({ length: steps }, (_, index) =>
    history({
      "train/loss": 1 / (index + 1),
      "train/global_step": (index + 1) * 25,
      "train/epoch": index / 10,
      _step: index,
      _timestamp: 1_700_000_000 + index,
    }),
  );
}

describe("a wandb run", () => {
  it("gives its history over the Trainer's steps, with epochs and times", async () => {
    const read = await readLog("wandb", wandbFile(...training(2)));
    expect(pointsOf(read)).toEqual({
      loss: [
        [25, 1],
        [50, 0.5],
      ],
    });
    const loss = read.points.columns.get("loss");
    expect([...(loss?.epochs ?? [])]).toEqual([0, 0.1]);
    expect([...(loss?.wallTimes ?? [])]).toEqual([1_700_000_000, 1_700_000_001]);
  });

  it("counts its own steps where nobody else does, in the record or in the row", async () => {
    const file = wandbFile(history({ a: 1 }, 4), history({ a: 2, _step: 6 }), history({ a: 3 }, 0));
    expect(await pointsIn("wandb", file)).toEqual({
      a: [
        [4, 1],
        [6, 2],
        [0, 3],
      ],
    });
  });

  it("follows define_metric, where a row has no step of its own too", async () => {
    const define = (name: string, glob: string, step: string) =>
      message(12, text(1, name), text(2, glob), text(4, step));
    const file = wandbFile(
      define("val/acc", "", "val/round"),
      define("", "gen/*", "gen/count"),
      history({ "val/acc": 0.5, "val/round": 3, "gen/x": 1, "gen/count": 70, other: 9, _step: 1 }),
      history({ "val/acc": 0.6, "gen/x": 2, "gen/count": 80, _step: 2 }),
    );
    expect(await pointsIn("wandb", file)).toEqual({
      "val/acc": [
        [3, 0.5],
        [3, 0.6],
      ],
      "gen/x": [
        [70, 1],
        [80, 2],
      ],
      other: [[1, 9]],
    });
  });

  it("reads nested names, nested values, NaN as Python and as Go write it, and no pictures", async () => {
    const row = (...items: readonly Bytes[]) =>
      message(2, ...items.map((one) => message(1, one)), message(2, int(1, 1)));
    const file = wandbFile(
      row(
        nestedItem(["train/loss"], "1.5"),
        nestedItem(["a", "b"], "2"),
        item("dict", '{"x": 3, "y": {"z": 4}}'),
        item("nan", "NaN"),
        item("text", '"NaN"'),
        item("inf", "-Infinity"),
        item("word", '"hello"'),
        item("picture", '{"_type": "image-file", "width": 3}'),
        item("broken", "{"),
      ),
    );
    expect(await pointsIn("wandb", file)).toEqual({
      loss: [[1, 1.5]],
      "a.b": [[1, 2]],
      "dict.x": [[1, 3]],
      "dict.y.z": [[1, 4]],
      nan: [[1, Number.NaN]],
      text: [[1, Number.NaN]],
      inf: [[1, Number.NEGATIVE_INFINITY]],
    });
  });

  it("gives config, summary, name and exit code", async () => {
    const run = message(
      17,
      text(1, "abc"),
      text(3, "project"),
      message(4, message(1, item("lr", "0.1"))),
      text(8, "gentle-sun-7"),
    );
    const read = await readLog(
      "wandb",
      wandbFile(
        run,
        config({
          max_steps: 500,
          _wandb: { t: 1 },
          model: { layers: 2 },
          wandb_api_key: "x",
          api_key: "secret",
        }),
        message(5, message(2, item("lr", ""))),
        summaryRecord({ "train/loss": 2, _runtime: 3, best: "yes" }),
        summaryRecord({ "train/loss": 1 }),
        exit(0),
      ),
    );
    expect(read.config).toEqual([
      ["run.project", "project"],
      ["run.display_name", "gentle-sun-7"],
      ["max_steps", "500"],
      ["model.layers", "2"],
      ["wandb_api_key", "••••••••"],
      ["api_key", "••••••••"],
    ]);
    expect(read.summary).toEqual([
      ["loss", 1],
      ["best", "yes"],
      ["exit_code", 0],
    ]);
    expect(read.facts).toEqual({ ended: true, name: "gentle-sun-7", maxSteps: 500 });
  });

  it("reads records that cross blocks, and blocks that end in zeros", async () => {
    const filler = (length: number) => message(13, text(3, "x".repeat(length)));
    const rows = training(40);
    for (const length of [32_700, 32_740, 32_752, 32_754, 70_000]) {
      const file = wandbFile(filler(length), ...rows, filler(length), ...rows.slice(0, 3));
      const read = await readLog("wandb", file);
      expect(read.problems).toEqual([]);
      expect(pointsOf(read).loss).toHaveLength(43);
    }
  });

  it("is known by its first bytes, and refused without them", async () => {
    expect(recogniseLog("run-1.wandb", wandbFile())).toBe("wandb");
    const read = await readLog("wandb", Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(read.problems).toMatchObject([{ severity: "error", code: "LogHeader" }]);
  });
});

describe("a wandb run that was cut", () => {
  const whole = wandbFile(...training(4));

  it("gives what comes before, wherever it is cut", async () => {
    await expectEveryCutReads("wandb", whole);
  });

  it("says so when it is at rest", async () => {
    const cut = whole.slice(0, -5);
    expect(codesOf(await readLog("wandb", cut))).toEqual(["LogTruncated"]);
    expect(codesOf(await readLog("wandb", cut, { atRest: false }))).toEqual([]);
  });

  it("stops at a wrong checksum and at zeros, with a warning", async () => {
    const bad = whole.slice();
    bad[bad.length - 1] = 0x7b;
    expect(codesOf(await readLog("wandb", bad))).toEqual(["LogChecksum"]);
    const zeros = new Uint8Array(whole.length + 100);
    zeros.set(whole);
    const read = await readLog("wandb", zeros);
    expect(codesOf(read)).toEqual(["LogZeroTail"]);
    expect(pointsOf(read).loss).toHaveLength(4);
  });

  it("never throws, whatever is changed in it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const bad = whole.slice();
        bad[at] = (bad[at] ?? 0) ^ bits;
        await readLog("wandb", bad);
      }),
      { numRuns: 200 },
    );
  });

  it("never throws, whatever its records hold", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 30 })), async (records) => {
        await readLog("wandb", wandbFile(...records.map((one) => [...one])));
      }),
    );
  });

  it("is read on from where it was left", async () => {
    const long = wandbFile(...training(15), message(13, text(3, "x".repeat(40_000))), ...training(3));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(long.length), { maxLength: 6 }), (lengths) =>
        expectGrowthReads("wandb", long, lengths),
      ),
      { numRuns: 30 },
    );
  });
});
