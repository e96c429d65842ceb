import { describe, expect, it } from "vitest";
import { lineTableText } from "../../../../src/core/runs/merge/lineTable";
import { SeriesTable } from "../../../../src/core/runs/series/seriesTable";

const loss = { x: Float64Array.of(1, 2, 4), values: Float64Array.of(3, Number.NaN, 1) };
const evalLoss = { x: Float64Array.of(2, 3), values: Float64Array.of(5, 6) };

describe("SeriesTable", () => {
  it("has a row for each position, and tells NaN from no value", () => {
    const page = new SeriesTable([loss, evalLoss]).page(0, 10);
    expect([page.first, page.count, [...page.x]]).toEqual([0, 4, [1, 2, 3, 4]]);
    expect(page.columns.map(({ values, present }) => [[...values], [...present]])).toEqual([
      [
        [3, Number.NaN, Number.NaN, 1],
        [1, 1, 0, 1],
      ],
      [
        [Number.NaN, 5, 6, Number.NaN],
        [0, 1, 1, 0],
      ],
    ]);
  });

  it("gives the rows that are asked for, as far as there are", () => {
    const table = new SeriesTable([loss]);
    expect([...table.page(1, 1).x]).toEqual([2]);
    expect(table.page(2, 100)).toMatchObject({ first: 2, count: 3 });
    expect(table.page(-5, 1).first).toBe(0);
    expect(table.page(99, 5)).toMatchObject({ first: 3, count: 3 });
    expect(table.find(2.9)).toBe(1);
    expect(new SeriesTable([]).find(1)).toBeUndefined();
  });

  it("owns its buffers, so that a message carries no more than the rows", () => {
    const { x, columns } = new SeriesTable([loss]).page(0, 1);
    expect([x.buffer.byteLength, columns[0]?.values.buffer.byteLength]).toEqual([8, 8]);
  });

  it("has a first column that follows from the positions", () => {
    const table = new SeriesTable([loss], (x) => x.map((step) => (step > 3 ? Number.NaN : step / 10)));
    expect(table.cells(0)).toEqual(["1", "0.1", "3"]);
    expect(table.cells(2)).toEqual(["4", "", "1"]);
  });

  it("is text with every digit that was logged, up to a bound", () => {
    const table = new SeriesTable([{ x: Float64Array.of(1, 2), values: Float64Array.of(1 / 3, 2) }]);
    expect(lineTableText(table, ["Step", "=loss"], "csv")).toEqual({
      text: "Step,'=loss\r\n1,0.3333333333333333\r\n2,2\r\n",
      rows: 2,
      count: 2,
    });
    expect(lineTableText(table, ["Step", "loss"], "markdown", 2)).toMatchObject({
      text: "| Step | loss |\n| ---: | ---: |\n| 1 | 0.3333333333333333 |\n",
      rows: 1,
    });
  });
});
