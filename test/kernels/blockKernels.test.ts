import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import { encodingOf } from "../../src/core/analysis/numberEncoding";
import type { CodeCounts, Moments, NumberKernels } from "../../src/core/analysis/numberKernels";
import { PlainKernels } from "../../src/core/analysis/plainKernels";
import { TensorMeasurer } from "../../src/core/analysis/tensorMeasurer";
import { encodeValues } from "../../src/core/tensors/encode";
import { ggmlBlocks } from "../../src/core/tensors/ggmlBlocks";
import { WasmKernels } from "../../src/kernels/wasmKernels";
import { bytesOf, expectClose, measure } from "./kernelInputs";

const wasm = WasmKernels.create(inject("kernels")) as WasmKernels;
const plain = new PlainKernels();

const scaleFills = fc.constantFrom("any", "finite", "zeros");

/** Scales stand at other places in each type: all bytes that could be the upper half of one. */
function fillHalves(bytes: Uint8Array, mask: number): void {
  for (let at = 0; at < bytes.length; at++) bytes[at] = (bytes[at] as number) & mask;
}

/** Types whose runs are counted together where their scales are nearly the same, and where steps and bases are. */
const nearScales: ReadonlySet<string> = new Set(["Q4_0", "IQ4_NL", "IQ4_XS"]);
const nearSteps: ReadonlySet<string> = new Set(["Q4_1", "Q4_K"]);

/** A scale's 128th, and the 128th that the upper half of a value leaves open. */
const nearScale = (value: number) => Math.abs(value) / 60;

function ascending({ codes, counts }: CodeCounts): [value: number, count: number][] {
  const values = new Float32Array(codes.map((code) => code * 2 ** 16).buffer);
  return [...values]
    .map((value, at): [number, number] => [value, counts[at] as number])
    .filter(([value]) => value - value === 0)
    .sort(([a], [b]) => a - b);
}

/** No value was counted further from where it belongs than is said. */
function expectNear(found: CodeCounts, wanted: CodeCounts, offBy: (value: number) => number): void {
  const [places, values] = [ascending(found), ascending(wanted)];
  let [at, left] = [0, places[0]?.[1] ?? 0];
  for (const [value, count] of values) {
    for (let rest = count; rest > 0; ) {
      while (left === 0) left = places[++at]?.[1] as number;
      expect(Math.abs((places[at]?.[0] as number) - value)).toBeLessThanOrEqual(offBy(value));
      const taken = Math.min(rest, left);
      rest -= taken;
      left -= taken;
    }
  }
  expect(left === 0 && at + 1 >= places.length).toBe(true);
}

/** Sums may be those of values before they were rounded to F32. */
function expectMoments(found: Moments | undefined, { mean, squares, min, max, ...exact }: Moments): void {
  expect(found).toMatchObject(exact);
  // An infinity is no -0.
  expect([found?.min, found?.max].map((each) => (each ?? 0) + 0)).toEqual([min + 0, max + 0]);
  const largest = Math.max(Math.abs(min), Math.abs(max));
  expectClose(found?.mean as number, mean, largest, 2 ** -22);
  expectClose(found?.squares as number, squares, squares, 2 ** -21);
}

describe("the WebAssembly kernels of blocks and runs", () => {
  it.each([...ggmlBlocks])("measure blocks of %s as the plain ones do", (dtype, type) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), scaleFills, (blocks, seed, fill) => {
        const bytes = bytesOf("bytes", blocks * type.bytes, seed, "any bits");
        if (fill !== "any") fillHalves(bytes, fill === "finite" ? 0xbf : 0);
        const [found, expected] = [measure(wasm, dtype, bytes), measure(plain, dtype, bytes)];
        expect(found.histogram).toEqual(expected.histogram);
        plain.chunk.set(bytes);
        const wanted = { moments: plain.measureBlocks(dtype, blocks), counts: plain.takeCounts(16) };
        const { min, max } = wanted.moments;
        if (nearSteps.has(dtype)) expectNear(found.counts, wanted.counts, () => (max - min) / 8);
        else if (nearScales.has(dtype)) expectNear(found.counts, wanted.counts, nearScale);
        else expect(found.counts).toEqual(wanted.counts);
        expectMoments(found.moments, wanted.moments);
      }),
      { numRuns: 40 },
    );
  });

  it.each(["Q4_K", "Q4_1"])("count what %s holds three quarters of a step away at most", (dtype) => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: -40, max: 40 }), (seed, base) => {
        const { bytes: blockBytes, values } = ggmlBlocks.get(dtype) ?? { bytes: 0, values: 0 };
        const blocks = 8192 / values;
        const bytes = bytesOf("bytes", blocks * blockBytes, seed, "any bits");
        const view = new DataView(bytes.buffer);
        for (let at = 0; at < bytes.length; at += blockBytes) {
          // Steps from 1 to 2, or from 32 to 63, and bases of about so many of them, on both sides of every code.
          view.setUint16(at, 0x3c00, true);
          const other = dtype === "Q4_1" ? -base / 2 + (at % 7) / 8 : base / 16;
          bytes.set(encodeValues(Float64Array.of(other), "F16"), at + 2);
          if (dtype === "Q4_1") view.setUint16(at, 0x3c00 + (at % 1024), true);
          else for (let each = at + 4; each < at + 12; each++) bytes[each] = (bytes[each] as number) | 0x20;
          if (dtype === "Q4_K") for (let each = at + 12; each < at + 16; each++) bytes[each] = 0xff;
        }
        const step = dtype === "Q4_1" ? 2 : 63;
        const [found, wanted] = [measure(wasm, dtype, bytes), measure(plain, dtype, bytes)];
        expectNear(found.counts, wanted.counts, (value) => 0.75 * step + Math.abs(value) / 60);
        expectMoments(found.moments, wanted.moments as Moments);
      }),
      { numRuns: 60 },
    );
  });

  it.each(["Q4_K", "Q8_0", "IQ2_XS"])(
    "measure a whole chunk of %s, of more values than it has room for",
    (dtype) => {
      const { bytes: blockBytes } = ggmlBlocks.get(dtype) ?? { bytes: 0 };
      const { chunkBytes } = new TensorMeasurer(wasm, encodingOf({ dtype }));
      expect(chunkBytes).toBeGreaterThan(wasm.chunk.length - blockBytes);
      const bytes = bytesOf("bytes", chunkBytes, 11, "any bits");
      fillHalves(bytes, 0xbf);
      // One scale is not finite: all is told apart the slow way.
      const last = bytes.length - blockBytes;
      if (dtype !== "Q4_K") bytes.fill(0x7c, last, last + 2);
      const [found, wanted] = [measure(wasm, dtype, bytes), measure(plain, dtype, bytes)];
      expectMoments(found.moments, wanted.moments as Moments);
      if (dtype !== "Q4_K") expect(found.counts).toEqual(wanted.counts);
      expect(wasm.chunk.slice(0, bytes.length)).toEqual(bytes);
    },
  );

  it("measure runs of codes with a scale each as the plain ones do", () => {
    const numbers = fc.constantFrom(0, -0, 1, -0.3, 0.1, 2e-39, 1e30, Number.NaN, Infinity);
    const sixteen = fc.array(numbers, { minLength: 16, maxLength: 16 });
    const levels = fc.oneof(fc.constant(Array.from({ length: 16 }, (_, code) => (code - 7) / 8)), sixteen);
    fc.assert(
      fc.property(
        levels,
        fc.array(fc.oneof(numbers, fc.float({ noNaN: true }))),
        fc.nat(),
        (made, scales, seed) => {
          const [found, wanted] = [wasm, plain].map((kernels) => {
            kernels.chunk.set(bytesOf("bytes", 32 * scales.length, seed, "any bits"));
            kernels.otherChunk.set(new Uint8Array(Float32Array.from(scales).buffer));
            const moments = kernels.measureRuns(Float32Array.from(made), scales.length);
            return { moments, counts: kernels.takeCounts(16) };
          });
          expectNear(found?.counts as CodeCounts, wanted?.counts as CodeCounts, nearScale);
          expectMoments(found?.moments, wanted?.moments as Moments);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("count what runs of one scale hold just as it is, and nothing after others are told of", () => {
    const levels = Float32Array.from({ length: 16 }, (_, code) => (code - 7) / 8);
    for (const [scale, runs] of [
      [0.3, 5000],
      [-2, 1],
      [0, 3],
    ] as const) {
      const [found, wanted] = [wasm, plain].map((kernels) => {
        kernels.chunk.set(bytesOf("bytes", 32 * runs, 7, "any bits"));
        kernels.otherChunk.set(new Uint8Array(new Float32Array(runs).fill(scale).buffer));
        return [
          kernels.measureRuns(
            levels.map((level) => level * scale || 1),
            runs,
          ),
          kernels.takeCounts(16),
        ];
      });
      expect(found?.[1]).toEqual(wanted?.[1]);
    }
  });

  it("keep what the codes of 4 bits stand for while long lists of other counts are taken", () => {
    const runs = 512;
    const levels = Float32Array.from({ length: 16 }, (_, code) => (code - 7.5) / 8);
    const ofRuns = (kernels: NumberKernels) => {
      // As many of each code: the mean is 0, and no sum of squares looks wrong beside it.
      kernels.chunk.set(Uint8Array.from({ length: 32 * runs }, (_, at) => at));
      kernels.otherChunk.set(new Uint8Array(new Float32Array(runs).fill(0.3).buffer));
      return { moments: kernels.measureRuns(levels, runs), counts: kernels.takeCounts(16) };
    };
    const kernels = WasmKernels.create(inject("kernels")) as WasmKernels;
    ofRuns(kernels);
    // All codes of 16 and of 20 bits once: what is taken is as long as it can be.
    for (let half = 0; half < 2 ** 16; half += 2 ** 15) {
      kernels.chunk.set(new Uint8Array(Uint16Array.from({ length: 2 ** 15 }, (_, at) => half + at).buffer));
      kernels.countWords(2 ** 16);
    }
    expect(kernels.takeCounts(16).codes).toHaveLength(2 ** 16);
    for (let first = 0; first < 2 ** 20; first += 2 ** 15) {
      const codes = Float64Array.from({ length: 2 ** 15 }, () => 0);
      new Uint32Array(codes.buffer).forEach((_, at, words) => {
        if (at % 2 === 1) words[at] = (first + (at >> 1)) << 12;
      });
      kernels.chunk.set(new Uint8Array(codes.buffer));
      kernels.measureF64(2 ** 15);
    }
    expect(kernels.takeCounts(20).codes.length).toBeGreaterThan(2 ** 19);
    const [found, wanted] = [ofRuns(kernels), ofRuns(plain)];
    expect(found.counts).toEqual(wanted.counts);
    expectMoments(found.moments, wanted.moments);
  });
});
