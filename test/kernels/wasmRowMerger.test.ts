import { describe, expect, inject, it } from "vitest";
import { addUpdates, changeSquares, type FactoredUpdate } from "../../src/core/base/mergedUpdate";
import { storedMatrix } from "../../src/core/linalg/matrix";
import { decodeTensor } from "../../src/core/tensors/decode";
import { encodeValues, type WritableDtype } from "../../src/core/tensors/encode";
import { WasmRowMerger } from "../../src/kernels/wasmRowMerger";
import { randomMatrix } from "../core/linalg/matrices";

const merger = WasmRowMerger.create(inject("kernels")) as WasmRowMerger;

/** ΔW of a rank, with factors as an F32 file holds them. */
function update(rows: number, columns: number, rank: number, scale: number, seed: number): FactoredUpdate {
  const [b, a] = [randomMatrix(rows, rank, seed), randomMatrix(rank, columns, seed + 1)];
  return {
    module: "m",
    a: storedMatrix(rank, columns, Float32Array.from(a.data)),
    b: storedMatrix(rows, rank, Float32Array.from(b.data)),
    scale,
  };
}

/** What the plain arithmetic makes of all rows. */
function plainly(
  values: Float64Array,
  columns: number,
  updates: readonly FactoredUpdate[],
  to: WritableDtype,
) {
  const exact = values.slice();
  addUpdates(exact, 0, columns, updates);
  const bytes = encodeValues(exact, to);
  const lostSquares = changeSquares(decodeTensor(bytes, to, exact.length), exact);
  return { bytes, updateSquares: changeSquares(values, exact), lostSquares };
}

function merged(stored: Uint8Array, columns: number, atOnce: number, valueBytes: number) {
  const step = atOnce * columns * valueBytes;
  const sum = { bytes: [] as number[], updateSquares: 0, lostSquares: 0 };
  for (let at = 0; at < stored.length; at += step) {
    const piece = merger.merge(stored.subarray(at, at + step), at / (columns * valueBytes));
    if (piece === undefined) return undefined;
    for (const byte of piece.bytes) sum.bytes.push(byte);
    sum.updateSquares += piece.updateSquares;
    sum.lostSquares += piece.lostSquares;
  }
  return sum;
}

/** Rows and columns on both sides of fours and blocks, sizes of W beside ΔW, and an update beside another. */
const weights = [
  { rows: 1, columns: 1, rank: 1, size: 1, scale: 1 },
  { rows: 5, columns: 7, rank: 3, size: 0.02, scale: 2 },
  { rows: 8, columns: 128, rank: 16, size: 1, scale: 1e-3 },
  { rows: 67, columns: 130, rank: 5, size: 1e-6, scale: 1e-6 },
  { rows: 30, columns: 264, rank: 64, size: 1e-3, scale: -1 },
  { rows: 9, columns: 40, rank: 4, size: 0, scale: 1e-3 },
  { rows: 9, columns: 40, rank: 4, size: 1e-38, scale: 1e-10 },
  { rows: 9, columns: 40, rank: 4, size: 0.02, scale: 0 },
  { rows: 2000, columns: 700, rank: 2, size: 0.02, scale: 0.001 }, // more than is merged at once
];

describe("rows merged with SIMD", () => {
  it.each(["BF16", "F16", "F32"] as const)("are the plain ones to the last bit, from %s", (from) => {
    for (const { rows, columns, rank, size, scale } of weights) {
      const updates = [update(rows, columns, rank, scale, 3), update(rows, columns, 6, scale / 3, 7)];
      const base = randomMatrix(rows, columns, 1).data.map((value, at) =>
        at % 11 === 0 ? (at % 2 === 0 ? 0 : -0) : value * size,
      );
      const stored = encodeValues(base, from);
      const values = decodeTensor(stored, from, base.length);
      for (const to of ["BF16", "F16"] as const) {
        for (const each of [updates.slice(0, 1), updates]) {
          const atOnce = merger.load(each, columns, from, to) as number;
          const plain = plainly(values, columns, each, to);
          const fast = merged(stored, columns, atOnce, stored.length / base.length);
          const what = `${rows} × ${columns} of ${size}, rank ${rank}, to ${to}`;
          expect(Buffer.from(fast?.bytes ?? []).equals(plain.bytes), what).toBe(true);
          expect(Math.abs((fast?.updateSquares ?? 0) / plain.updateSquares - 1) || 0, what).toBeLessThan(
            1e-4,
          );
          const rounded = decodeTensor(plain.bytes, to, base.length);
          // The sums that are rounded have the digits of singles.
          const norm = Math.sqrt(changeSquares(rounded, new Float64Array(rounded.length)));
          const miss = Math.sqrt(fast?.lostSquares ?? 0) - Math.sqrt(plain.lostSquares);
          expect(Math.abs(miss), what).toBeLessThanOrEqual(2 ** -22 * (norm + Math.sqrt(plain.lostSquares)));
        }
      }
    }
  });

  it("leave ties to the doubles: half a step more or less by what singles cannot hold", () => {
    const columns = 16;
    // 1 + 2⁻⁸ lies between two BF16; 2⁻⁴⁰ beside it says which.
    for (const [above, expected] of [
      [2 ** -30, 0x3f81],
      [-(2 ** -30), 0x3f80],
      [0, 0x3f80],
    ] as const) {
      const a = storedMatrix(2, columns, new Float32Array(2 * columns).fill(1));
      const b = storedMatrix(1, 2, Float32Array.from([2 ** -8, above]));
      merger.load([{ module: "m", a, b, scale: 1 }], columns, "BF16", "BF16");
      const { bytes } = merger.merge(encodeValues(new Float64Array(columns).fill(1), "BF16"), 0) ?? {};
      const plain = plainly(
        new Float64Array(columns).fill(1),
        columns,
        [{ module: "m", a, b, scale: 1 }],
        "BF16",
      );
      expect(bytes).toEqual(plain.bytes);
      // Doubles are rounded to F32 first, as torch does, where 2⁻³⁰ is none.
      if (above === 0)
        expect(new DataView((bytes as Uint8Array).slice().buffer).getUint16(0, true)).toBe(expected);
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 3.39e38])("leaves %d to the plain arithmetic", (value) => {
    const columns = 9;
    merger.load([update(3, columns, 2, 1, 1)], columns, "F32", "BF16");
    const base = new Float64Array(3 * columns).fill(0.5);
    expect(merger.merge(encodeValues(base, "F32"), 0)).toBeDefined();
    base[20] = value;
    expect(merger.merge(encodeValues(base, "F32"), 0)).toBeUndefined();
    base[20] = 0.5;
    expect(merger.merge(encodeValues(base, "F32"), 0)).toBeDefined();
    merger.load([update(3, columns, 2, 1e-20, 1)], columns, "F32", "BF16");
    expect(merger.merge(encodeValues(base, "F32"), 0)).toBeUndefined();
  });

  it("takes no factors that an F32 cannot hold, no magnitudes and no other dtypes", () => {
    const own = update(4, 8, 2, 1, 1);
    expect(merger.load([own], 8, "BF16", "F32")).toBeUndefined();
    expect(merger.load([own], 8, "F64", "BF16")).toBeUndefined();
    expect(merger.load([{ ...own, magnitude: new Float64Array(4) }], 8, "BF16", "BF16")).toBeUndefined();
    expect(merger.load([{ ...own, a: randomMatrix(2, 8, 1) }], 8, "BF16", "BF16")).toBeUndefined();
  });
});
