import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import type { DifferenceSums } from "../../src/core/analysis/differenceSums";
import {
  type ComparedType,
  countedBits,
  type MixedTypes,
  type NumberKernels,
} from "../../src/core/analysis/numberKernels";
import { PlainKernels } from "../../src/core/analysis/plainKernels";
import { decodeTensor } from "../../src/core/tensors/decode";
import { combinings } from "../../src/core/tensors/packed/codeCells";
import { WasmKernels } from "../../src/kernels/wasmKernels";
import { bytesOf, expectClose, type Fill, measure } from "./kernelInputs";

const wasm = WasmKernels.create(inject("kernels")) as WasmKernels;
const plain = new PlainKernels();

/** Counts on both sides of every vector width and tile. */
const counts = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(255, 256, 8191, 8192, 8193, 20_000));

const fills = fc.constantFrom<Fill>(
  "normal",
  "large mean",
  "zeros",
  "any bits",
  "tiny",
  "equal",
  "broken",
  "all NaN",
);

const mixedTypes: readonly MixedTypes[] = [
  ["F32", "F16"],
  ["F16", "F32"],
  ["F32", "BF16"],
  ["BF16", "F32"],
];

/** Bits of any kind, finite ones of every size, those of weights, and weights whose squares an F32 does not hold. */
const sizes = fc.constantFrom("any", "finite", "weights", "tiny");

function valuesOf(type: MixedTypes[number], count: number, seed: number, size: string): Uint8Array {
  const width = type === "F32" ? 4 : 2;
  const bytes = bytesOf("bytes", count * width, seed, "any bits");
  for (let high = width - 1; high < bytes.length; high += width) {
    const byte = bytes[high] as number;
    // The exponent of one bit less is that of a finite number.
    if (size === "finite") bytes[high] = byte & 0xbf;
    if (size === "weights")
      bytes[high] = (byte & 0x80) | (type === "F16" ? 0x28 | (byte & 3) : 0x3c | (byte & 1));
    if (size === "tiny") bytes[high] = byte & (type === "F16" ? 0x83 : 0x87);
  }
  return bytes;
}

/** Every third value of the F32 becomes that of the halves. */
function makeEqual(types: MixedTypes, a: Uint8Array, b: Uint8Array, count: number): void {
  const [wide, halves, half] = types[0] === "F32" ? [a, b, types[1]] : [b, a, types[0]];
  const values = decodeTensor(halves, half, count);
  const view = new DataView(wide.buffer);
  for (let at = 0; at < count; at += 3) view.setFloat32(4 * at, values[at] as number, true);
}

describe("the WebAssembly kernels", () => {
  it.each(combinings.flatMap((combining) => ([4, 8] as const).map((bits) => ({ combining, bits }))))(
    "make the same values of codes: %j",
    ({ combining, bits }) => {
      fc.assert(
        fc.property(fc.nat(), fc.integer({ min: 1, max: 9 }), (seed, sixteens) => {
          const levels = Float32Array.from({ length: 2 ** bits }, (_, code) =>
            code === 3 ? -0 : code - 7.5,
          );
          const kind = { bits, combining, levels, cellCodes: 16 * sixteens };
          const bytes = bytesOf("bytes", wasm.otherChunk.length, seed, "any bits");
          const [found, wanted] = [wasm, plain].map((kernels) => {
            kernels.otherChunk.set(bytes);
            kernels.expandCodes(kind, 20);
            return new Float32Array(kernels.chunk.slice(0, 4 * 20 * kind.cellCodes).buffer);
          });
          expect(found).toEqual(wanted);
        }),
        { numRuns: 10 },
      );
    },
  );

  it.each(["F32", "F64"] as const)("measure %s as the plain ones do", (dtype) => {
    fc.assert(
      fc.property(counts, fc.nat(), fills, (count, seed, fill) => {
        const bytes = bytesOf(dtype, count, seed, fill);
        const [found, wanted] = [measure(wasm, dtype, bytes), measure(plain, dtype, bytes)];
        expect(found.counts).toEqual(wanted.counts);
        const { mean, squares, ...exact } = wanted.moments as NonNullable<typeof wanted.moments>;
        expect({ ...found.moments, min: found.moments?.min }).toMatchObject({
          ...exact,
          min: exact.min === 0 ? expect.closeTo(0) : exact.min,
          max: exact.max === 0 ? expect.closeTo(0) : exact.max,
        });
        expectClose(found.moments?.mean as number, mean, Math.max(Math.abs(exact.min), Math.abs(exact.max)));
        expectClose(found.moments?.squares as number, squares, squares);
      }),
      { numRuns: 150 },
    );
  });

  it.each(["U8", "BF16", "F4"])("count the codes of %s as the plain ones do", (dtype) => {
    fc.assert(
      fc.property(counts, fc.nat(), fills, (count, seed, fill) => {
        const bytes = fill === "zeros" ? new Uint8Array(2 * count) : bytesOf("bytes", 2 * count, seed, fill);
        // Holes, one of them in both halves, and where no block starts.
        if (fill === "tiny") bytes.fill(0, count / 3, count / 2).fill(0, (7 * count) / 5, (8 * count) / 5);
        expect(measure(wasm, dtype, bytes)).toEqual(measure(plain, dtype, bytes));
      }),
      { numRuns: 60 },
    );
  });

  it.each<ComparedType>(["F32", "BF16", "F16", "F64", "I16", "U16"])(
    "compare %s as the plain ones do",
    (type) => {
      const width = type === "F64" ? 8 : type === "F32" ? 4 : 2;
      const isInteger = type === "I16" || type === "U16";
      fc.assert(
        fc.property(counts, fc.nat(), fc.boolean(), fc.boolean(), (count, seed, finite, some) => {
          const a = bytesOf("bytes", count * width, seed, "any bits");
          const b = bytesOf("bytes", count * width, seed + 7, "any bits");
          for (let at = 0; at < count; at++) {
            // The exponent of one bit less is that of a finite number.
            const high = at * width + width - 1;
            if (finite && !isInteger)
              for (const bytes of [a, b]) bytes[high] = (bytes[high] as number) & 0xbf;
            if (some && at % 3 === 0) b.set(a.subarray(at * width, (at + 1) * width), at * width);
          }
          const compare = (kernels: NumberKernels) => {
            kernels.chunk.set(a);
            kernels.otherChunk.set(b);
            return { sums: kernels.compare(type, count), codes: kernels.takeCounts(countedBits(type)) };
          };
          const [found, wanted] = [compare(wasm), compare(plain)];
          const { squaresOfA, squaresOfB } = wanted.sums;
          // Of halves, some are added up as F32.
          const share = width === 2 ? 2 ** -22 : 1e-11;
          for (const key of Object.keys(wanted.sums) as (keyof DifferenceSums)[]) {
            const scale = key === "product" ? Math.sqrt(squaresOfA * squaresOfB) : wanted.sums[key];
            expectClose(found.sums[key], wanted.sums[key], scale, share);
          }
          if (isInteger) expect(found.sums).toEqual(wanted.sums);
          if (finite || isInteger) expect(found.codes).toEqual(wanted.codes);
        }),
        { numRuns: 100 },
      );
    },
  );

  it.each(mixedTypes.map((types) => ({ types })))("compare $types as the plain ones do", ({ types }) => {
    fc.assert(
      fc.property(counts, fc.nat(), sizes, fc.boolean(), (count, seed, size, some) => {
        const [a, b] = types.map((type, side) => valuesOf(type, count, seed + 7 * side, size)) as [
          Uint8Array,
          Uint8Array,
        ];
        if (some) makeEqual(types, a, b, count);
        const compare = (kernels: NumberKernels) => {
          kernels.chunk.set(a);
          kernels.otherChunk.set(b);
          return { sums: kernels.compareMixed(types, count), codes: kernels.takeCounts(16) };
        };
        const [found, wanted] = [compare(wasm), compare(plain)];
        const { squaresOfA, squaresOfB } = wanted.sums;
        for (const key of Object.keys(wanted.sums) as (keyof DifferenceSums)[]) {
          const scale = key === "product" ? Math.sqrt(squaresOfA * squaresOfB) : wanted.sums[key];
          // Of halves and differences, some are added up as F32.
          expectClose(found.sums[key], wanted.sums[key], scale, 2 ** -22);
        }
        for (const key of ["elements", "compared", "changed", "mismatches", "min", "max"] as const)
          expect(found.sums[key]).toBe(wanted.sums[key] + 0);
        if (size !== "any") expect(found.codes).toEqual(wanted.codes);
      }),
      { numRuns: 100 },
    );
  });

  it.each<"BF16" | "F16">(["BF16", "F16"])("keep what nearly equal %s lack of a cosine of 1", (type) => {
    const count = 20_000;
    const codes = new Uint16Array(bytesOf("bytes", 2 * count, 3, "any bits").buffer).map(
      // Of one exponent, that of 2 or 2⁻³.
      (code) => (code & 0x83ff) | (type === "BF16" ? 0x4000 : 0x3000),
    );
    const changed = codes.map((code, at) => (at % 50 === 0 ? code ^ 1 : code));
    const [found, wanted] = [wasm, plain].map((kernels) => {
      kernels.chunk.set(new Uint8Array(codes.buffer));
      kernels.otherChunk.set(new Uint8Array(changed.buffer));
      const { product, squaresOfA, squaresOfB } = kernels.compare(type, count);
      kernels.takeCounts(16);
      return 1 - product / Math.sqrt(squaresOfA * squaresOfB);
    }) as [number, number];
    expect(wanted).toBeLessThan(3e-7);
    expectClose(found, wanted, wanted, 1e-3);
  });

  it("compare BF16 whose squares an F32 cannot hold", () => {
    const count = 8192;
    for (const exponent of [20, 230]) {
      const codes = new Uint16Array(bytesOf("bytes", 2 * count, 5, "any bits").buffer).map(
        (code) => (code & 0x807f) | (exponent << 7),
      );
      const others = codes.map((code, at) => (at % 3 === 0 ? code ^ 0x8010 : code));
      const [found, wanted] = [wasm, plain].map((kernels) => {
        kernels.chunk.set(new Uint8Array(codes.buffer));
        kernels.otherChunk.set(new Uint8Array(others.buffer));
        return { sums: kernels.compare("BF16", count), counts: kernels.takeCounts(16) };
      });
      for (const [key, value] of Object.entries(wanted?.sums ?? {}))
        expectClose(found?.sums[key as keyof DifferenceSums] as number, value, value, 1e-9);
      expect(found?.counts).toEqual(wanted?.counts);
    }
  });

  it("count beyond what one counter holds", () => {
    const kernels = WasmKernels.create(inject("kernels")) as WasmKernels;
    const words = 2 ** 19;
    for (let done = 0; done < 2 ** 32 + 2 ** 22; done += words) kernels.countWords(2 * words);
    expect(kernels.takeCounts(16)).toEqual({
      codes: Uint32Array.of(0),
      counts: Float64Array.of(2 ** 32 + 2 ** 22),
    });
    expect(kernels.takeCounts(16).codes).toHaveLength(0);
  });
});
