import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contiguousStrides } from "../../../src/core/tensors/tensorLayout";
import { planBlock } from "../../../src/core/values/blockPlan";
import { maxBlockValues, readBlock, type ValueBlock } from "../../../src/core/values/readBlock";
import { firstSlice, type SliceBlock, type TensorSlice } from "../../../src/core/values/tensorSlice";
import { byName, fixture, read, readerOf } from "../formats/torch/torchFixtures";
import { tensor } from "../tensors/tensors";

/** A number, the digits of a large integer, a word such as "NaN", or the two parts of a complex number. */
type ExpectedValue = number | string | boolean | readonly [ExpectedValue, ExpectedValue];

interface ExpectedSlice {
  readonly rowAxis: number | null;
  readonly columnAxis: number | null;
  readonly indexes: readonly number[];
  readonly values: readonly (readonly ExpectedValue[])[];
}

/** What torch says; see test/fixtures/makeSliceValues.py. */
const expected: Record<string, Record<string, readonly ExpectedSlice[]>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/sliceValues.json"), "utf8"),
);

function numberOf(value: ExpectedValue): number {
  return Number(value);
}

function cells(block: ValueBlock): unknown[][] {
  const digits = new Map(block.exact);
  return Array.from({ length: block.rows }, (_, row) =>
    Array.from({ length: block.columns }, (_, column) => {
      const at = row * block.columns + column;
      const real = block.values[at];
      if (block.imaginary !== undefined) return [real, block.imaginary[at]];
      return digits.get(at) ?? real;
    }),
  );
}

function plain(value: ExpectedValue): unknown {
  if (Array.isArray(value)) return value.map(numberOf);
  return typeof value === "string" && /^-?\d{16,}$/.test(value) ? value : numberOf(value as number);
}

describe.each(Object.keys(expected))("slices of %s", (name) => {
  it("hold what torch says, whole and in parts", async () => {
    const bytes = fixture(name);
    const tensors = byName(await read(bytes, name));
    const reader = readerOf(bytes);
    let compared = 0;
    for (const [path, slices] of Object.entries(expected[name] ?? {})) {
      const found = tensors.get(path);
      if (found === undefined) throw new Error(`${name} has no tensor ${path}`);
      for (const { rowAxis, columnAxis, indexes, values } of slices) {
        const slice: TensorSlice = {
          rowAxis: rowAxis ?? undefined,
          columnAxis: columnAxis ?? undefined,
          indexes,
        };
        const blockOf = (block: SliceBlock) =>
          readBlock(found, slice, block, (...range) => reader.readRange(...range));
        const rows = values.length;
        const columns = values[0]?.length ?? 0;
        const want = values.map((row) => row.map(plain));
        const about = `${path} ${rowAxis} ${columnAxis}`;
        expect(cells(await blockOf({ row: 0, column: 0, rows, columns })), about).toEqual(want);
        const part = { row: rows >> 1, column: columns >> 1, rows: 2, columns: 2 };
        const wantPart = want
          .slice(part.row, part.row + 2)
          .map((row) => row.slice(part.column, part.column + 2));
        expect(cells(await blockOf(part)), about).toEqual(wantPart);
        compared += rows * columns;
      }
    }
    expect(compared).toBeGreaterThan(10);
    await reader.close();
  });
});

describe("blocks", () => {
  it("of packed values begin in the middle of a byte", async () => {
    // F4: sign, two bits of exponent, one of mantissa; low nibble first. 0, 0.5, 1, 1.5 | 2, 3, 4, 6 | -0.5, …
    const bytes = Uint8Array.of(0x10, 0x32, 0x54, 0x76, 0x98, 0xba);
    const packed = tensor("packed", { dtype: "F4", shape: [4, 3], byteSize: 6 });
    const readRange = async (_: unknown, offset: number, length: number) =>
      bytes.slice(offset, offset + length);
    const block = await readBlock(
      packed,
      firstSlice([4, 3]),
      { row: 1, column: 0, rows: 2, columns: 3 },
      readRange,
    );
    expect([...block.values]).toEqual([1.5, 2, 3, 4, 6, -0]);
  });

  it("are cut to the slice, and refused where they are too large for a message or of no slice", async () => {
    const small = tensor("small", { shape: [2, 3] });
    const nothing = async (_: unknown, _offset: number, length: number) => new Uint8Array(length);
    const slice = firstSlice([2, 3]);
    const beyond = await readBlock(small, slice, { row: 1, column: 2, rows: 50, columns: 50 }, nothing);
    expect(beyond).toMatchObject({ row: 1, column: 2, rows: 1, columns: 1 });
    const outside = await readBlock(small, slice, { row: 9, column: 9, rows: 5, columns: 5 }, nothing);
    expect(outside.values).toHaveLength(0);
    const large = tensor("large", { shape: [maxBlockValues + 1] });
    await expect(
      readBlock(
        large,
        firstSlice(large.shape),
        { row: 0, column: 0, rows: maxBlockValues + 1, columns: 1 },
        nothing,
      ),
    ).rejects.toThrow(RangeError);
    await expect(
      readBlock(
        small,
        { rowAxis: 0, columnAxis: 0, indexes: [0, 0] },
        { row: 0, column: 0, rows: 1, columns: 1 },
        nothing,
      ),
    ).rejects.toThrow("no such slice");
  });

  it("of a dtype that nobody knows are refused", async () => {
    const odd = tensor("odd", { dtype: "Q4_K", shape: [4] });
    const block = { row: 0, column: 0, rows: 4, columns: 1 };
    await expect(readBlock(odd, firstSlice([4]), block, async () => new Uint8Array(4))).rejects.toThrow(
      "not known",
    );
  });
});

describe("the plan of a block", () => {
  const strides = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 60_000 }));

  it("covers each cell once, in the order in which values lie, whatever the strides", () => {
    fc.assert(
      fc.property(
        fc.record({ rowStride: strides, columnStride: strides, origin: fc.nat(1000) }),
        fc.record({ row: fc.nat(50), column: fc.nat(50), rows: fc.nat(40), columns: fc.nat(40) }),
        ({ rowStride, columnStride, origin }, block) => {
          const source = tensor("t");
          const plan = planBlock({ source, bitsPerValue: 16, origin, rowStride, columnStride }, block);
          expect([...plan.order].sort((a, b) => a - b)).toEqual([...plan.places.keys()]);
          let before = -1;
          for (const { first, count } of plan.runs) {
            expect(first).toBeGreaterThanOrEqual(before);
            before = first + count;
          }
          let run = 0;
          for (const cell of plan.order) {
            const row = block.row + Math.floor(cell / block.columns);
            const column = block.column + (cell % block.columns);
            const place = origin + row * rowStride + column * columnStride;
            expect(plan.places[cell]).toBe(place);
            while (place >= (plan.runs[run]?.first ?? 0) + (plan.runs[run]?.count ?? 0)) run++;
            expect(plan.runs[run]?.first).toBeLessThanOrEqual(place);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("reads rows of a wide matrix one by one, and of a narrow one all at once", () => {
    const [rowStride = 0, columnStride = 0] = contiguousStrides([32_000, 4096]);
    const wide = planBlock(
      { source: tensor("t"), bitsPerValue: 16, origin: 0, rowStride, columnStride },
      { row: 31_900, column: 4000, rows: 64, columns: 32 },
    );
    expect(wide.runs).toHaveLength(64);
    expect(wide.runs[0]).toEqual({ first: 31_900 * 4096 + 4000, count: 32 });
    const narrow = planBlock(
      { source: tensor("t"), bitsPerValue: 16, origin: 0, rowStride: 64, columnStride: 1 },
      { row: 10, column: 0, rows: 64, columns: 32 },
    );
    expect(narrow.runs).toEqual([{ first: 640, count: 63 * 64 + 32 }]);
  });
});
