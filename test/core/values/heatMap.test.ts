import fc from "fast-check";
import { expect, it } from "vitest";
import { heatMap, valuesOfCell } from "../../../src/core/values/heatMap";
import { firstSlice, transposed } from "../../../src/core/values/tensorSlice";
import { tensor } from "../tensors/tensors";

function reader(values: Float32Array) {
  const bytes = new Uint8Array(values.buffer);
  return async (_: unknown, offset: number, length: number) => bytes.slice(offset, offset + length);
}

it("has the mean and the largest magnitude of each block, whichever way it is laid out", async () => {
  const [rows, columns] = [600, 700];
  const values = Float32Array.from({ length: rows * columns }, (_, at) => Math.sin(at) * (1 + (at % 7)));
  values[5 * columns + 9] = Number.NaN;
  const of = tensor("t", { shape: [rows, columns], byteSize: values.byteLength });
  const slice = firstSlice(of.shape);
  const whole = { row: 0, column: 0, rows, columns };
  const map = await heatMap(of, slice, whole, reader(values), () => {});
  expect([map.cellRows, map.cellColumns]).toEqual([256, 256]);
  for (const [cellRow, cellColumn] of [
    [0, 0],
    [2, 3],
    [255, 255],
    [100, 17],
  ] as const) {
    const block = valuesOfCell(map, cellRow, cellColumn);
    const own: number[] = [];
    for (let row = block.row; row < block.row + block.rows; row++)
      for (let column = block.column; column < block.column + block.columns; column++)
        own.push(values[row * columns + column] as number);
    const finite = own.filter(Number.isFinite);
    const cell = cellRow * 256 + cellColumn;
    expect(map.mean[cell]).toBeCloseTo(finite.reduce((sum, value) => sum + value, 0) / finite.length, 5);
    expect(map.absMax[cell]).toBeCloseTo(Math.max(...finite.map(Math.abs)), 5);
    expect(map.notFinite[cell]).toBe(own.length - finite.length);
  }
  const turned = await heatMap(
    of,
    transposed(slice),
    { row: 0, column: 0, rows: columns, columns: rows },
    reader(values),
    () => {},
  );
  for (let row = 0; row < 256; row += 5)
    for (let column = 0; column < 256; column += 5)
      expect(turned.absMax[column * 256 + row]).toBe(map.absMax[row * 256 + column]);
});

it("of few values has a cell for each, and cells cover every value once", async () => {
  const values = Float32Array.of(1, -2, Number.NEGATIVE_INFINITY, 4, 5, 6);
  const of = tensor("t", { shape: [2, 3], byteSize: 24 });
  const part = { row: 0, column: 1, rows: 2, columns: 2 };
  const map = await heatMap(of, firstSlice([2, 3]), part, reader(values), () => {});
  expect([...map.mean]).toEqual([-2, Number.NaN, 5, 6]);
  expect([...map.notFinite]).toEqual([0, 1, 0, 0]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), (rows) => {
      const cells = { ...map, row: 0, rows, cellRows: Math.min(256, rows) };
      let next = 0;
      for (let cell = 0; cell < cells.cellRows; cell++) {
        const block = valuesOfCell(cells, cell, 0);
        expect(block.row).toBe(next);
        expect(Math.floor((block.row * cells.cellRows) / rows)).toBe(cell);
        next += block.rows;
      }
      expect(next).toBe(rows);
    }),
  );
});
