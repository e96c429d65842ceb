import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import type { DifferenceSums } from "../../../src/core/analysis/differenceSums";
import { encodingOf } from "../../../src/core/analysis/numberEncoding";
import type { NumberKernels } from "../../../src/core/analysis/numberKernels";
import { compareValues, PlainKernels } from "../../../src/core/analysis/plainKernels";
import { TensorComparer } from "../../../src/core/analysis/tensorComparer";
import { decodeTensor } from "../../../src/core/tensors/decode";
import { WasmKernels } from "../../../src/kernels/wasmKernels";

const wasm = WasmKernels.create(inject("kernels")) as WasmKernels;
const dtypes = ["I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0"] as const;

describe("tensors of codes of 8 bits, by how often each pair is there", () => {
  it("differ as their values do one by one, also of two dtypes and of pieces", () => {
    const dtype = fc.constantFrom(...dtypes);
    const count = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constant(5000));
    fc.assert(
      fc.property(dtype, dtype, count, fc.nat(), fc.boolean(), (left, right, size, seed, few) => {
        let state = seed | 1;
        const random = () => {
          state = Math.imul(state, 1_664_525) + 1_013_904_223;
          return (state >>> 24) & (few ? 0x83 : 0xff);
        };
        const [a, b] = [Uint8Array.from({ length: size }, random), Uint8Array.from({ length: size }, random)];
        const of = (kernels: NumberKernels) => {
          const sides = [left, right].map((each) => ({ dtype: each, encoding: encodingOf({ dtype: each }) }));
          const comparer = new TensorComparer(kernels, sides[0] as never, sides[1] as never);
          for (const [from, to] of [
            [0, size >> 1],
            [size >> 1, size],
          ] as const) {
            kernels.chunk.set(a.subarray(from, to));
            kernels.otherChunk.set(b.subarray(from, to));
            comparer.add(to - from);
          }
          return comparer.take();
        };
        const counted = new Map<number, number>();
        const bits = new DataView(new ArrayBuffer(8));
        const values = [decodeTensor(a, left, size), decodeTensor(b, right, size)] as const;
        const wanted = compareValues(...values, true, (difference) => {
          bits.setFloat64(0, difference);
          const code = bits.getUint32(0) >>> 12;
          counted.set(code, (counted.get(code) ?? 0) + 1);
        });
        const found = of(wasm);
        expect(of(new PlainKernels())).toEqual(found);
        for (const [key, value] of Object.entries(wanted) as [keyof DifferenceSums, number][]) {
          const scale =
            key === "product" ? Math.sqrt(wanted.squaresOfA * wanted.squaresOfB) : Math.abs(value);
          if (found.sums[key] !== value)
            expect(Math.abs(found.sums[key] - value), key).toBeLessThanOrEqual(1e-12 * scale);
        }
        const sorted = [...counted].sort(([x], [y]) => x - y);
        expect([...found.counts.codes].map((code, at) => [code, found.counts.counts[at]])).toEqual(sorted);
        expect(found.codeBits).toBe(20);
      }),
      { numRuns: 150 },
    );
  });
});
