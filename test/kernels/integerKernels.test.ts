import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import type { DifferenceSums } from "../../src/core/analysis/differenceSums";
import {
  type LongType,
  type NumberKernels,
  type WidenedType,
  widerTypes,
} from "../../src/core/analysis/numberKernels";
import { PlainKernels } from "../../src/core/analysis/plainKernels";
import { WasmKernels } from "../../src/kernels/wasmKernels";
import { bytesOf, expectClose } from "./kernelInputs";

const wasm = WasmKernels.create(inject("kernels")) as WasmKernels;
const plain = new PlainKernels();

const counts = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(8191, 8192, 32_768));
const longs: readonly LongType[] = ["I64", "U64"];

describe("the WebAssembly kernels of integers", () => {
  it.each(longs.flatMap((a) => longs.map((b) => [a, b] as const)))(
    "compare %s with %s as the plain ones do",
    (...types) => {
      fc.assert(
        fc.property(counts, fc.nat(), fc.nat(63), fc.boolean(), (count, seed, shift, some) => {
          const [a, b] = [seed, seed + 7].map((own) => {
            const words = new BigUint64Array(bytesOf("bytes", 8 * count, own, "any bits").buffer);
            return new Uint8Array(words.map((word) => word >> BigInt(shift)).buffer);
          }) as [Uint8Array, Uint8Array];
          // Equal ones, and neighbours that are one double.
          for (let at = 0; at < 8 * count; at += 24) {
            if (some) b.set(a.subarray(at, at + 8), at);
            if (some && at % 48 === 0) b[at] = (b[at] as number) ^ 1;
          }
          const compare = (kernels: NumberKernels) => {
            kernels.chunk.set(a);
            kernels.otherChunk.set(b);
            return { sums: kernels.compareLongs(types, count), codes: kernels.takeCounts(20) };
          };
          const [found, wanted] = [compare(wasm), compare(plain)];
          expect(found.codes).toEqual(wanted.codes);
          const { squaresOfA, squaresOfB } = wanted.sums;
          for (const key of ["elements", "compared", "changed", "min", "max"] as const)
            expect([key, found.sums[key]]).toEqual([key, wanted.sums[key]]);
          for (const key of Object.keys(wanted.sums) as (keyof DifferenceSums)[]) {
            const scale = key === "product" ? Math.sqrt(squaresOfA * squaresOfB) : wanted.sums[key];
            expectClose(found.sums[key], wanted.sums[key], scale);
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  it.each(["I16", "U16"] as const)("add up %s that are as large as they can be", (type) => {
    const count = 131_072;
    for (const [a, b] of [
      [0x8000, 0x8000],
      [0x8000, 0x7fff],
      [0xffff, 0],
      [0x7fff, 0x7fff],
    ] as const) {
      const [found, wanted] = [wasm, plain].map((kernels) => {
        new Uint16Array(kernels.chunk.buffer, kernels.chunk.byteOffset, count).fill(a);
        new Uint16Array(kernels.otherChunk.buffer, kernels.otherChunk.byteOffset, count).fill(b);
        return { sums: kernels.compare(type, count), codes: kernels.takeCounts(20) };
      });
      expect(found).toEqual(wanted);
    }
  });

  it.each(Object.keys(widerTypes) as WidenedType[])("make %s wider as the plain ones do", (type) => {
    const width = /64/.test(type) ? 8 : /32/.test(type) ? 4 : 2;
    const to = widerTypes[type] === "F32" ? 4 : 8;
    fc.assert(
      fc.property(counts, fc.nat(), fc.constantFrom("chunk", "otherChunk"), (count, seed, chunk) => {
        const bytes = bytesOf("bytes", count * width, seed, "any bits");
        const [found, wanted] = [wasm, plain].map((kernels) => {
          kernels[chunk].set(bytes);
          kernels.widen(type, chunk, count);
          const { buffer } = kernels[chunk].slice(0, to * count);
          return to === 4 ? new Float32Array(buffer) : new Float64Array(buffer);
        });
        expect(found).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });
});
