import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recogniseLog } from "../../../../src/core/runs/logs/logFormats";
import { logOfName } from "../../../../src/core/runs/logs/logNames";
import { masked, u32 } from "./checksums";
import {
  event,
  eventFile,
  plugin,
  record,
  scalarEvent,
  sessionStart,
  simple,
  summary,
  tensor,
  version,
} from "./eventFile";
import { type Bytes, bytes, double, float, int, message, text, varint } from "./protobuf";
import { codesOf, expectEveryCutReads, expectGrowthReads, pointsIn, pointsOf, readLog } from "./readings";

const scalars = plugin("scalars");
const shape = message(2);
const f32 = (value: number) => [...new Uint8Array(Float32Array.of(value).buffer)];
const f64 = (value: number) => [...new Uint8Array(Float64Array.of(value).buffer)];

function training(steps: number): Bytes[] {
  return Array.from({ length: steps }, (_, index) =>
    scalarEvent("train/loss", (index + 1) * 10, 1 / (index + 1)),
  );
}

describe("TensorBoard events", () => {
  it("give v1 scalars with step and time, the Trainer's under trainer_state.json's names", async () => {
    const names = ["train/loss", "eval/loss", "test/x", "train/rewards/chosen", "val/loss", "lr", "plain"];
    const file = eventFile(event(5, 1_700_000_009.5, summary(...names.map((name, at) => simple(name, at)))));
    const read = await readLog("tensorboard", file);
    expect(pointsOf(read)).toEqual({
      loss: [[5, 0]],
      eval_loss: [[5, 1]],
      test_x: [[5, 2]],
      "rewards/chosen": [[5, 3]],
      "val/loss": [[5, 4]],
      learning_rate: [[5, 5]],
      plain: [[5, 6]],
    });
    expect(read.points.columns.get("loss")?.wallTimes).toEqual(Float64Array.of(1_700_000_009.5));
  });

  it("keep apart two tags that would have one name", async () => {
    const file = eventFile(event(1, 1, summary(simple("loss", 1), simple("train/loss", 2))));
    expect(await pointsIn("tensorboard", file)).toEqual({ loss: [[1, 1]], "train/loss": [[1, 2]] });
  });

  it("have step 0 where none is written, negative and large steps, NaN and infinities", async () => {
    const file = eventFile(
      scalarEvent("a", 0, Number.NaN),
      event(-3n, 1, summary(simple("a", Number.POSITIVE_INFINITY))),
      event(2n ** 40n, 1, summary(simple("a", 1))),
    );
    expect(await pointsIn("tensorboard", file)).toEqual({
      a: [
        [0, Number.NaN],
        [-3, Number.POSITIVE_INFINITY],
        [2 ** 40, 1],
      ],
    });
  });

  it.each<[string, Bytes, number]>([
    ["float content", [...int(1, 1), ...shape, ...bytes(4, f32(0.25))], 0.25],
    ["one float", [...int(1, 1), ...shape, ...float(5, 0.5)], 0.5],
    ["packed floats", [...int(1, 1), ...shape, ...bytes(5, f32(0.75))], 0.75],
    ["double content", [...int(1, 2), ...shape, ...bytes(4, f64(1e-7))], 1e-7],
    ["one double", [...int(1, 2), ...double(6, -1.5)], -1.5],
    ["packed doubles", [...int(1, 2), ...bytes(6, f64(2.5))], 2.5],
    ["int32", [...int(1, 3), ...int(7, -4)], -4],
    ["packed int64", [...int(1, 9), ...bytes(10, varint(1234567890123))], 1234567890123],
    ["int64 content", [...int(1, 9), ...bytes(4, [255, 255, 255, 255, 255, 255, 255, 255])], -1],
    ["uint8 content", [...int(1, 4), ...bytes(4, [200])], 200],
    ["bool", [...int(1, 10), ...int(11, 1)], 1],
    ["half", [...int(1, 19), ...int(13, 0x3c00)], 1],
    ["small half", [...int(1, 19), ...int(13, 0x0001)], 2 ** -24],
    ["infinite half", [...int(1, 19), ...int(13, 0xfc00)], Number.NEGATIVE_INFINITY],
    ["half content", [...int(1, 19), ...bytes(4, [0x00, 0xc0])], -2],
    ["bfloat16", [...int(1, 14), ...int(13, 0x3fc0)], 1.5],
    ["uint64", [...int(1, 23), ...int(17, 8)], 8],
    ["one element of rank 1", [...int(1, 1), ...message(2, message(2, int(1, 1))), ...float(5, 3)], 3],
    ["zero, which is left out", [...int(1, 1), ...shape], 0],
  ])("give v2 scalars: %s", async (_, content, expected) => {
    const file = eventFile(event(1, 1, summary(tensor("loss", content, scalars))));
    expect(await pointsIn("tensorboard", file)).toEqual({ loss: [[1, expected]] });
  });

  it("remember the metadata that only the first value of a tag has", async () => {
    const value = (content: number) => [...int(1, 1), ...shape, ...float(5, content)];
    const histogram = [
      ...int(1, 2),
      ...message(2, message(2, int(1, 2))),
      ...bytes(4, [...f64(1), ...f64(2)]),
    ];
    const read = await readLog(
      "tensorboard",
      eventFile(
        event(1, 1, summary(tensor("loss", value(1), scalars))),
        event(1, 1, summary(tensor("dist", histogram, plugin("histograms")))),
        event(1, 1, summary(tensor("odd", value(9), plugin("histograms")))),
        event(2, 2, summary(tensor("loss", value(2)))),
        event(2, 2, summary(tensor("dist", histogram))),
        event(2, 2, summary(tensor("odd", value(9)))),
        event(2, 2, summary(tensor("unknown", value(5)))),
      ),
    );
    expect(pointsOf(read)).toEqual({
      loss: [
        [1, 1],
        [2, 2],
      ],
      unknown: [[2, 5]],
    });
  });

  it("take a data class for a plugin that names none", async () => {
    const value = [...int(1, 1), ...float(5, 4)];
    const file = eventFile(event(1, 1, summary(tensor("x", value, [...int(4, 1)]))));
    expect(await pointsIn("tensorboard", file)).toEqual({ x: [[1, 4]] });
  });

  it("step over images, histograms and graphs, also beside a scalar", async () => {
    const image = [...text(1, "picture"), ...message(4, int(1, 64), bytes(4, new Array(3000).fill(7)))];
    const file = eventFile(
      event(1, 1, bytes(4, new Array(5000).fill(1))),
      event(1, 1, summary(image, simple("loss", 3))),
      event(2, 1, summary([...text(1, "histogram"), ...message(5, double(1, 2))])),
    );
    expect(await pointsIn("tensorboard", file)).toEqual({ loss: [[1, 3]] });
  });

  it("may hold records longer than what is read at once, and than what is looked into", async () => {
    const long = event(1, 1, bytes(4, new Array(4_300_000).fill(1)));
    const file = eventFile(long, scalarEvent("loss", 2, 3));
    expect(await pointsIn("tensorboard", file)).toEqual({ loss: [[2, 3]] });
    const length = 70_000_000;
    const size = [...u32(length), 0, 0, 0, 0];
    const before = Uint8Array.from([...version, ...size, ...u32(masked(size))]);
    const after = Uint8Array.from(scalarEvent("loss", 4, 5));
    const huge = new Uint8Array(before.length + length + 4 + after.length);
    huge.set(before);
    huge.set(after, huge.length - after.length);
    const read = await readLog("tensorboard", huge);
    expect(pointsOf(read)).toEqual({ loss: [[4, 5]] });
    expect(read.problems).toMatchObject([{ severity: "info", code: "LogRecordTooLarge" }]);
  });

  it("give the Trainer's arguments and hyperparameters as settings, credentials masked", async () => {
    const args = JSON.stringify({
      max_steps: 300,
      learning_rate: 1e-4,
      hub_token: "hf_x",
      lr_scheduler_kwargs: {},
    });
    const argument = (json: string) => [...int(1, 7), ...message(2, message(2, int(1, 1))), ...text(8, json)];
    const value = (content: Bytes) => message(2, content);
    const start = message(
      3,
      message(1, text(1, "layers"), value(double(2, 12))),
      message(1, text(1, "name"), value(text(3, "big"))),
      message(1, text(1, "tied"), value(int(4, 1))),
    );
    const read = await readLog(
      "tensorboard",
      eventFile(
        event(0, 1, summary(tensor("args/text_summary", argument(args), plugin("text")))),
        event(0, 1, summary(tensor("model_config/text_summary", argument('{"n_layer": 2}'), plugin("text")))),
        event(0, 1, summary(tensor("notes/text_summary", argument("# Notes"), plugin("text")))),
        event(
          0,
          1,
          summary([...text(1, "_hparams_/session_start_info"), ...message(9, plugin("hparams", start))]),
        ),
      ),
    );
    expect(read.config).toEqual([
      ["max_steps", "300"],
      ["learning_rate", "0.0001"],
      ["hub_token", "••••••••"],
      ["lr_scheduler_kwargs", "{}"],
      ["model.n_layer", "2"],
      ["layers", "12"],
      ["name", "big"],
      ["tied", "true"],
    ]);
    expect(read.facts).toEqual({ maxSteps: 300 });
    expect(pointsOf(read)).toEqual({});
  });

  it("tell where a training was started again", async () => {
    const read = await readLog(
      "tensorboard",
      eventFile(event(7, 50, sessionStart), event(9, 60, message(7, int(1, 2)))),
    );
    expect(read.purges).toEqual([{ wallTime: 50, step: 7 }]);
  });

  it("are nothing yet, with an empty file or one of 40 bytes", async () => {
    expect(version).toHaveLength(40);
    for (const file of [new Uint8Array(), eventFile()]) {
      expect(await readLog("tensorboard", file)).toMatchObject({ problems: [], waiting: 0 });
    }
  });

  it("are known by their first bytes, and by their name while empty", () => {
    expect(recogniseLog("whatever", eventFile())).toBe("tensorboard");
    expect(recogniseLog("events.out.tfevents.1700000000.host.1.0.v2", new Uint8Array())).toBe("tensorboard");
    expect(recogniseLog("events.out.tfevents.1.host.profile-empty", new Uint8Array())).toBeUndefined();
    // CatBoost names neither the moment nor the host.
    expect(recogniseLog("events.out.tfevents", new Uint8Array())).toBe("tensorboard");
    expect(logOfName("events.out.tfevents")).toMatchObject({ format: "tensorboard", certain: true });
  });
});

describe("a damaged event file", () => {
  const whole = eventFile(...training(5));

  it("stops at a wrong checksum, with a warning and what comes before", async () => {
    const bad = whole.slice();
    bad[bad.length - 10] = (bad[bad.length - 10] ?? 0) ^ 1;
    const read = await readLog("tensorboard", bad);
    expect(pointsOf(read).loss).toHaveLength(4);
    const offset = whole.length - record([...training(5)].at(-1)?.slice(12, -4) ?? []).length;
    expect(read.problems).toMatchObject([{ severity: "warning", code: "LogChecksum", offset }]);
  });

  it("stops where it ends in zeros, and reads on when they are written over", async () => {
    const zeros = new Uint8Array(whole.length + 500);
    zeros.set(whole);
    const read = await readLog("tensorboard", zeros);
    expect(read.problems).toMatchObject([{ severity: "warning", code: "LogZeroTail", offset: whole.length }]);
    const more = eventFile(...training(8));
    const next = await readLog("tensorboard", more, { from: read.cursor });
    expect(next).toMatchObject({ restarted: false, problems: [] });
    expect(pointsOf(next).loss?.map(([step]) => step)).toEqual([60, 70, 80]);
  });

  it("does not believe a length beyond the end of the file", async () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    const file = Uint8Array.from([...whole, ...huge, ...u32(masked(huge)), 1, 2, 3]);
    const read = await readLog("tensorboard", file);
    expect(pointsOf(read).loss).toHaveLength(5);
    expect(codesOf(read)).toEqual(["LogTruncated"]);
  });

  it("counts records whose checksum is right and whose content is not", async () => {
    const file = eventFile(record([0x2a, 0x7f]), ...training(2));
    const read = await readLog("tensorboard", file);
    expect(pointsOf(read).loss).toHaveLength(2);
    expect(codesOf(read)).toEqual(["LogRecordDamaged"]);
  });

  it("says nothing of a record that is still being written, until it is at rest", async () => {
    const cut = whole.slice(0, -9);
    expect(await readLog("tensorboard", cut, { atRest: false })).toMatchObject({ problems: [] });
    expect(codesOf(await readLog("tensorboard", cut))).toEqual(["LogTruncated"]);
  });

  it("gives what comes before, wherever it is cut", async () => {
    await expectEveryCutReads("tensorboard", whole);
  });

  it("never throws, whatever is changed in it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const bad = whole.slice();
        bad[at] = (bad[at] ?? 0) ^ bits;
        const read = await readLog("tensorboard", bad);
        expect(pointsOf(read).loss?.length ?? 0).toBeLessThan(6);
      }),
      { numRuns: 300 },
    );
  });

  it("never throws, whatever its records hold", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), async (contents) => {
        await readLog("tensorboard", eventFile(...contents.map((content) => record([...content]))));
      }),
      { numRuns: 300 },
    );
  });
});

describe("an event file that grows", () => {
  it("is read on from where it was left", async () => {
    const whole = eventFile(...training(12));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 6 }), (lengths) =>
        expectGrowthReads("tensorboard", whole, lengths),
      ),
      { numRuns: 60 },
    );
  });

  it("remembers metadata from before", async () => {
    const value = (content: number) => [...int(1, 1), ...shape, ...float(5, content)];
    const first = event(1, 1, summary(tensor("dist", value(1), plugin("histograms"))));
    const second = event(2, 2, summary(tensor("dist", value(2))));
    const { cursor } = await readLog("tensorboard", eventFile(first));
    expect(pointsOf(await readLog("tensorboard", eventFile(first, second), { from: cursor }))).toEqual({});
  });

  it("is read anew when it became shorter, or was replaced", async () => {
    const { cursor } = await readLog("tensorboard", eventFile(...training(6)));
    const shorter = await readLog("tensorboard", eventFile(...training(2)), { from: cursor });
    expect(shorter.restarted).toBe(true);
    expect(pointsOf(shorter).loss).toHaveLength(2);
    const other = eventFile(...Array.from({ length: 9 }, (_, index) => scalarEvent("other", index, 0)));
    const replaced = await readLog("tensorboard", other, { from: cursor });
    expect(replaced.restarted).toBe(true);
    expect(pointsOf(replaced).other).toHaveLength(9);
  });
});
