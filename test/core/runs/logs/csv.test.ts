import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recogniseLog } from "../../../../src/core/runs/logs/logFormats";
import {
  codesOf,
  expectEveryCutReads,
  expectGrowthReads,
  type Points,
  pointsIn,
  pointsOf,
  readLog,
} from "./readings";

const read = (content: string) => pointsIn("csv", content);

describe("a table of metrics", () => {
  it("may be sparse, with training and validation of a step in rows of their own", async () => {
    const table = "epoch,step,train_loss,val_loss\r\n0,49,0.9,\r\n0,99,0.8,\r\n0,99,,0.85\r\n1,149,0.7,\r\n";
    const result = await readLog("lightning-csv", table);
    expect(pointsOf(result)).toEqual({
      train_loss: [
        [49, 0.9],
        [99, 0.8],
        [149, 0.7],
      ],
      val_loss: [[99, 0.85]],
    });
    expect([...(result.points.columns.get("train_loss")?.epochs ?? [])]).toEqual([0, 0, 1]);
    expect(result.problems).toEqual([]);
  });

  it.each([
    ["semicolons and decimal commas", "step;loss\n1;0,5\n2;1.234,25\n"],
    ["tabs", "step\tloss\n1\t0.5\n2\t1234.25\n"],
    ["bars", "step|loss\n1|0.5\n2|1234.25\n"],
    ["commas and spaces", "step, loss\n1, 0.5\n2, 1234.25\n"],
    ["a byte order mark", "\uFEFFstep,loss\n1,0.5\n2,1234.25\n"],
    ["comments and blank lines before it", "# run 7\n\nstep,loss\n\n1,0.5\n\n2,1234.25\n"],
    ["Excel's first line", "sep=;\nstep;loss\n1;0,5\n2;1234,25\n"],
    ["quotes", '"step","loss"\n"1","0.5"\n"2","1234.25"\n'],
    ["no line end at its end", "step,loss\n1,0.5\n2,1234.25"],
  ])("may have %s", async (_, table) => {
    expect(await read(table)).toEqual({
      loss: [
        [1, 0.5],
        [2, 1234.25],
      ],
    });
  });

  it("reads quoted cells with separators, quotes and line ends in them", async () => {
    const table = 'step,"loss, total",note\n1,0.5,"a ""q"", b"\n2,,\n3,nan,"two\nlines"\n4,-inf,x\n';
    expect(await read(table)).toEqual({
      "loss, total": [
        [1, 0.5],
        [3, Number.NaN],
        [4, Number.NEGATIVE_INFINITY],
      ],
    });
  });

  it("takes a quote that is never closed for a character", async () => {
    expect(await read('step,loss,size\n1,0.5,5"\n2,0.25,"6\n3,0.125,7\n')).toEqual({
      loss: [
        [1, 0.5],
        [2, 0.25],
        [3, 0.125],
      ],
      size: [[3, 7]],
    });
  });

  it.each([
    ["epoch,global_step,loss", "global_step"],
    ["_step,epoch,loss", "_step"],
    ["loss,Iteration,epoch", "Iteration"],
    ["loss,epoch,accuracy", "epoch"],
  ])("%s has %s as its axis", async (header, axis) => {
    const names = header.split(",");
    const cells = names.map((name) => (name === axis ? "70" : "1"));
    const points = await read(`${header}\n${cells.join(",")}\n`);
    expect(points.loss).toEqual([[70, 1]]);
    expect(Object.keys(points)).not.toContain(axis);
  });

  it("numbers its rows where nothing counts them", async () => {
    const result = await readLog("csv", "loss,acc\n0.5,1\n0.25,2\n");
    expect(pointsOf(result).loss).toEqual([
      [1, 0.5],
      [2, 0.25],
    ]);
    expect(codesOf(result)).toEqual(["LogStepsMissing"]);
  });

  it("may have no header", async () => {
    expect(await read("1,0.5\n2,0.25\n")).toEqual({
      "column 2": [
        [1, 0.5],
        [2, 0.25],
      ],
    });
  });

  it("places a row without a step where the one before was", async () => {
    expect(await read("step,loss,val\n5,1,\n,,2\n6,3,\n")).toEqual({
      loss: [
        [5, 1],
        [6, 3],
      ],
      val: [[5, 2]],
    });
  });

  it("goes on after a second header", async () => {
    expect(await read("step,loss\n1,0.5\nstep,loss,lr\n2,0.25,0.1\n")).toEqual({
      loss: [
        [1, 0.5],
        [2, 0.25],
      ],
      learning_rate: [[2, 0.1]],
    });
  });

  it("tells times from durations, and epochs from metrics", async () => {
    const table = "step,timestamp,time,epoch,loss\n1,1700000000,0.3,0.5,2\n";
    const result = await readLog("csv", table);
    expect(pointsOf(result)).toEqual({ time: [[1, 0.3]], loss: [[1, 2]] });
    const loss = result.points.columns.get("loss");
    expect([loss?.wallTimeAt(0), loss?.epochAt(0)]).toEqual([1_700_000_000, 0.5]);
    const dated = await readLog("csv", "step,date,loss\n1,2024-05-01 10:00:00+00:00,2\n");
    expect(dated.points.columns.get("loss")?.wallTimeAt(0)).toBe(Date.UTC(2024, 4, 1, 10) / 1000);
  });

  it("is known by its name and its header", () => {
    const head = new TextEncoder().encode("train_loss,step,epoch\r\n1,49,0\r\n");
    expect(recogniseLog("metrics.csv", head)).toBe("lightning-csv");
    expect(recogniseLog("metrics.csv", new TextEncoder().encode("a,b\n"))).toBe("csv");
    expect(recogniseLog("data.tsv", head)).toBe("csv");
  });
});

describe("a table that is cut or grows", () => {
  const table =
    'step,loss,"a,b",note\r\n1,0.5,,"x ""y"""\r\n2,0.25,7,"two\r\nlines"\r\n3,nan,8,z\r\n10,1e-3,9,\r\n';

  it("gives what comes before, wherever it is cut", async () => {
    await expectEveryCutReads("csv", table);
  });

  it("is read on from where it was left", async () => {
    const length = new TextEncoder().encode(table).length;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(length), { maxLength: 5 }), (lengths) =>
        expectGrowthReads("csv", table, lengths),
      ),
    );
  });

  it("does not show the beginning of a number as the number", async () => {
    const first = await readLog("csv", "step,loss\n1,0.5\n2,0.2", { atRest: false });
    expect(pointsOf(first).loss).toEqual([[1, 0.5]]);
    const second = await readLog("csv", "step,loss\n1,0.5\n2,0.25\n", { from: first.cursor });
    expect(pointsOf(second).loss).toEqual([[2, 0.25]]);
  });

  it("is read anew when its last row goes on after it seemed whole", async () => {
    const rested = await readLog("csv", "step,loss\n1,0.5\n2,0.2");
    expect(pointsOf(rested).loss).toHaveLength(2);
    const grown = await readLog("csv", "step,loss\n1,0.5\n2,0.25\n", { from: rested.cursor });
    expect(grown.restarted).toBe(true);
    expect(pointsOf(grown).loss).toEqual([
      [1, 0.5],
      [2, 0.25],
    ]);
    const ended = await readLog("csv", "step,loss\n1,0.5\n2,0.2\r\n3,0.1\n", { from: rested.cursor });
    expect(ended.restarted).toBe(false);
    expect(pointsOf(ended).loss).toEqual([[3, 0.1]]);
  });

  it("is read anew when it is written again with another column", async () => {
    const { cursor } = await readLog("lightning-csv", "step,train_loss\n1,0.5\n2,0.25\n");
    const again = "step,train_loss,val_loss\n1,0.5,\n2,0.25,\n2,,0.3\n";
    const next = await readLog("lightning-csv", again, { from: cursor });
    expect(next.restarted).toBe(true);
    expect(pointsOf(next).val_loss).toEqual([[2, 0.3]]);
  });

  it("agrees with what was written, whatever that was", async () => {
    const cell = fc.oneof(
      fc.double({ noDefaultInfinity: true }).map((value) => (Number.isNaN(value) ? "nan" : String(value))),
      fc.constant(""),
      fc.stringMatching(/^[a-z ,;"\n]{0,8}$/).filter((word) => !/^(?:nan|inf)/.test(word)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 12 }), async (rows) => {
        const quote = (text: string) => (/[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
        const lines = rows.map((cells, index) => [String(index), ...cells].map(quote).join(","));
        const expected: Points = {};
        rows.forEach((cells, index) => {
          cells.forEach((text, column) => {
            const value = text.trim() === "nan" ? Number.NaN : Number(text.trim());
            if (text.trim() === "" || (Number.isNaN(value) && text !== "nan")) return;
            const key = column === 0 ? "a" : "b";
            expected[key] = [...(expected[key] ?? []), [index, value]];
          });
        });
        expect(await read(`${["step,a,b", ...lines].join("\n")}\n`)).toEqual(expected);
      }),
    );
  });
});
