import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import type { Moments } from "../../src/core/analysis/numberKernels";
import { PlainKernels } from "../../src/core/analysis/plainKernels";
import { combinings } from "../../src/core/tensors/packed/codeCells";
import { WasmKernels } from "../../src/kernels/wasmKernels";

const wasm = WasmKernels.create(inject("kernels")) as WasmKernels;
const plain = new PlainKernels();

/** The same for the same seed. */
function anyBytes(count: number, seed: number): Uint8Array {
  let state = seed | 1;
  return new Uint8Array(count).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state >>> 24;
  });
}

/** Scales and offsets: of one sign, of both, zeros, none at all, and such that values are infinite. */
const numbers = fc.constantFrom<(number: number) => number>(
  Math.abs,
  (each) => each - 0.5,
  () => 0,
  () => Number.NaN,
  (each) => 2 ** (120 + 20 * each),
);

function expectSameMoments(found: Moments | undefined, wanted: Moments | undefined): void {
  const { mean = 0, squares = 0, min = 0, max = 0, ...exact } = wanted ?? {};
  expect(found).toMatchObject(exact);
  // Either zero is the least.
  expect([(found?.min ?? 0) + 0, (found?.max ?? 0) + 0]).toEqual([min + 0, max + 0]);
  const largest = Math.max(Math.abs(min), Math.abs(max));
  if (!Number.isFinite(largest)) return;
  expect(Math.abs((found?.mean ?? 0) - mean)).toBeLessThanOrEqual(1e-9 * largest);
  expect(Math.abs((found?.squares ?? 0) - squares)).toBeLessThanOrEqual(1e-9 * squares);
}

describe("the WebAssembly kernels", () => {
  it.each(combinings)("measure cells of codes as the plain ones do: %s", (combining) => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(32, 64, 128, 192, 48), numbers, (seed, cellCodes, numberOf) => {
        const levels = Float32Array.from({ length: 16 }, (_, code) => (code === 3 ? -0 : code - 7));
        const kind = { bits: 4, combining, levels, cellCodes } as const;
        const cells = 75;
        const ofCells = Float32Array.from({ length: cells }, (_, cell) => numberOf(Math.sin(seed + cell)));
        const [found, wanted] = [wasm, plain].map((kernels) => {
          kernels.chunk.set(anyBytes((cells * cellCodes) / 2, seed));
          kernels.otherChunk.set(new Uint8Array(ofCells.buffer));
          kernels.otherChunk.set(new Uint8Array(ofCells.buffer), kernels.otherChunk.length / 4);
          const moments = kernels.measureCells(kind, cells);
          return { moments, counts: kernels.takeCounts(16) };
        });
        expect(found?.counts).toEqual(wanted?.counts);
        expectSameMoments(found?.moments, wanted?.moments);
      }),
      { numRuns: 40 },
    );
  });

  it.each(combinings)(
    "measure cells of bytes whose rows share numbers as the plain ones do: %s",
    (combining) => {
      const shapes = fc.record({
        bands: fc.integer({ min: 1, max: 3 }),
        rows: fc.integer({ min: 1, max: 5 }),
        perRow: fc.integer({ min: 1, max: 4 }),
        cellCodes: fc.constantFrom(16, 48, 128),
      });
      fc.assert(
        fc.property(fc.nat(), shapes, numbers, fc.boolean(), (seed, shape, numberOf, isSparse) => {
          const { bands, rows, perRow, cellCodes } = shape;
          // As those of FP8: two codes stand for no number, two for a zero.
          const levels = Float32Array.from({ length: 256 }, (_, code) =>
            (code & 127) === 127 ? Number.NaN : (code < 128 ? 1 : -1) * (code & 127),
          );
          const kind = { bits: 8, combining, levels, cellCodes } as const;
          const cells = bands * rows * perRow;
          const ofCells = Float32Array.from({ length: cells }, (_, cell) => {
            const band = Math.floor(cell / (rows * perRow));
            return numberOf(Math.sin(seed + band * perRow + (cell % perRow)));
          });
          const codes = anyBytes(cells * cellCodes, seed).map((code, at) =>
            isSparse && at % 64 < 48 ? 0 : code,
          );
          const [found, wanted] = [wasm, plain].map((kernels) => {
            kernels.chunk.set(codes);
            kernels.otherChunk.set(new Uint8Array(ofCells.buffer));
            kernels.otherChunk.set(new Uint8Array(ofCells.buffer), kernels.otherChunk.length / 4);
            const moments = kernels.measureCells(kind, cells, { rows, perRow });
            return { moments, counts: kernels.takeCounts(16) };
          });
          // NaN of another sign is NaN too.
          const numbersOf = (counts = found?.counts) =>
            [...(counts?.codes ?? [])]
              .map((code, at) => [code, counts?.counts[at]])
              .filter(([code = 0]) => (code & 0x7fff) <= 0x7f80);
          expect(numbersOf()).toEqual(numbersOf(wanted?.counts));
          expectSameMoments(found?.moments, wanted?.moments);
        }),
        { numRuns: 60 },
      );
    },
  );

  it("count pairs of blocks of 8 bytes as the plain ones do", () => {
    const bytes = anyBytes(8 * 50, 7);
    const [found, wanted] = [wasm, plain].map((kernels) => {
      kernels.chunk.set(bytes);
      kernels.otherChunk.set(bytes.subarray(100, 150));
      kernels.countPairs(50, true, 8);
      return kernels.takeCounts(20);
    });
    expect(found).toEqual(wanted);
  });
});
