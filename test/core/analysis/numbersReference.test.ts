import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { compareTensors } from "../../../src/core/analysis/compareTensors";
import { quantileShares } from "../../../src/core/analysis/finishNumbers";
import { measureTensor } from "../../../src/core/analysis/measureTensor";
import type { NumberKernels } from "../../../src/core/analysis/numberKernels";
import { PlainKernels } from "../../../src/core/analysis/plainKernels";
import type { TensorDifference } from "../../../src/core/analysis/tensorDifference";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { WasmKernels } from "../../../src/kernels/wasmKernels";

const folder = join(import.meta.dirname, "../../fixtures/numbers");

/** What Python's math.fsum, NumPy and torch say (test/fixtures/makeNumbersReference.py). */
interface Expected {
  readonly dtype: string;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number;
  readonly absMax: number;
  readonly l2: number;
  readonly meanAbs: number;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
  readonly histogram: readonly number[];
  readonly exactHistogram: boolean;
  readonly quantiles?: readonly number[];
}

const expected: {
  readonly tensors: Readonly<Record<string, Expected>>;
  readonly pairs: Readonly<Record<string, Omit<TensorDifference, "histogram">>>;
} = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));

/** The smallest chunk is smaller than the fixtures, so that parts are put together as well. */
const kernels: readonly (readonly [name: string, kernels: NumberKernels])[] = [
  ["plain", new PlainKernels()],
  ["plain in small chunks", new PlainKernels(4096)],
  ["WebAssembly", WasmKernels.create(inject("kernels")) as NumberKernels],
];

function tensorOf(name: string, dtype: string, count: number): Tensor {
  const byteSize = readFileSync(join(folder, `${name}.bin`)).length;
  return { name, dtype, shape: [count], byteSize, offset: 0, fileIndex: 0 };
}

async function read({ name }: Tensor, offset: number, length: number): Promise<Uint8Array> {
  return readFileSync(join(folder, `${name}.bin`)).subarray(offset, offset + length);
}

/** Relative to `scale`, by default to the value itself. */
function expectClose(actual: number, wanted: number, tolerance: number, scale = Math.abs(wanted)): void {
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(tolerance * scale);
}

describe.each(kernels)("with the %s kernels", (_name, each) => {
  it.each(Object.entries(expected.tensors))("%s has the numbers that Python finds", async (name, wanted) => {
    const tensor = tensorOf(name, wanted.dtype, wanted.count);
    const numbers = (await measureTensor(tensor, read, each)) as TensorNumbers;
    const { mean, std, l2, ...exact } = numbers.statistics;
    const { min, max, absMax, zeros, nan, inf } = wanted;
    expect(exact).toEqual({ min, max, absMax, zeros, nan, inf });
    expectClose(mean, wanted.mean, 1e-14, wanted.meanAbs);
    expectClose(std, wanted.std, 1e-11);
    expectClose(l2, wanted.l2, 1e-13);
    expect(numbers.quantiles?.map(({ share }) => share)).toEqual(wanted.quantiles && quantileShares);
    expect(numbers.quantiles?.map(({ value }) => value)).toEqual(wanted.quantiles);
    expectHistogram(numbers, wanted, tensor.byteSize <= each.chunk.length);
  });

  // Bytes as numpy packs them by hand: the first value in the low bits, what is left over is no value.
  it.each([
    ["I4", 3, [0x21, 0x0f], { min: -1, max: 2, mean: 2 / 3 }],
    ["U4", 3, [0xe1, 0x0f], { min: 1, max: 15, mean: 10 }],
    ["I2", 5, [0b11_10_01_00, 0b01], { min: -2, max: 1, mean: -1 / 5 }],
    ["U2", 5, [0b11_10_01_00, 0b01], { min: 0, max: 3, mean: 7 / 5 }],
    ["U4", 2, [14, 3], { min: 3, max: 14, mean: 8.5 }],
    ["I4", 1, [0x0f], { min: -1, max: -1, mean: -1 }],
  ])("%s, %i values in %j, packed or a byte each", async (dtype, count, bytes, wanted) => {
    const tensor = { name: "w", dtype, shape: [count], byteSize: bytes.length, offset: 0, fileIndex: 0 };
    const numbers = await measureTensor(tensor, async () => Uint8Array.from(bytes), each);
    expect(numbers?.statistics).toMatchObject({ ...wanted, mean: expect.closeTo(wanted.mean, 12) });
  });

  // As np.histogram counts them: the last bin holds its upper edge.
  it.each([
    [[0, 0, 1, 0, 1], { 0: 3, 127: 2 }],
    [[-1, 2, 2, 0.5], { 0: 1, 64: 1, 127: 2 }],
    [[-4, 0, -4, -3.1], { 0: 2, 28: 1, 127: 1 }],
  ])("%j, of few values, are in the bins that they belong to", async (values, wanted) => {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    const [shape, byteSize] = [[values.length], bytes.length];
    const tensor = { name: "mask", dtype: "F32", shape, byteSize, offset: 0, fileIndex: 0 };
    const numbers = await measureTensor(
      tensor,
      async (_, from, size) => bytes.subarray(from, from + size),
      each,
    );
    const counts = numbers?.histogram?.counts ?? [];
    expect(Object.fromEntries([...counts.entries()].filter(([, count]) => count > 0))).toEqual(wanted);
  });

  it.each(Object.entries(expected.pairs))("%s differ as torch finds", async (name, wanted) => {
    const [a, b] = name.split("-").map((dtype, side) => {
      return tensorOf(`${side === 0 ? "a" : "b"}-${dtype.toLowerCase()}`, dtype, wanted.elements);
    }) as [Tensor, Tensor];
    const difference = (await compareTensors([a, b], [read, read], each)) as TensorDifference;
    const { elements, compared, maxAbs, changedShare, nanMismatches } = difference;
    expect({ elements, compared, maxAbs, changedShare, nanMismatches }).toEqual({
      elements: wanted.elements,
      compared: wanted.compared,
      maxAbs: wanted.maxAbs,
      changedShare: wanted.changedShare,
      nanMismatches: wanted.nanMismatches,
    });
    for (const key of ["meanAbs", "relativeL2", "cosine"] as const) {
      expectClose(difference[key], wanted[key], 1e-12);
    }
    const counted = difference.histogram?.counts.reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(wanted.compared);
  });
});

function expectHistogram({ histogram }: TensorNumbers, wanted: Expected, isOneChunk: boolean): void {
  const counts = [...(histogram?.counts ?? [])];
  expect([histogram?.from, histogram?.to]).toEqual([wanted.min, wanted.max]);
  const isNarrow = wanted.max - wanted.min < 0.5 * wanted.absMax;
  if (wanted.exactHistogram) expect(counts).toEqual(wanted.histogram);
  const total = wanted.histogram.reduce((sum, count) => sum + count, 0);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(total);
  // How far the two are apart as distributions: the largest difference of what lies below an edge.
  let [below, belowWanted, farthest] = [0, 0, 0];
  for (const [bin, count] of counts.entries()) {
    below += count;
    belowWanted += wanted.histogram[bin] as number;
    farthest = Math.max(farthest, Math.abs(below - belowWanted));
  }
  // Values that lie close together are told apart by what was counted of them only where all are in memory at once.
  if (isNarrow) expect(farthest / total).toBeLessThan(isOneChunk ? 1e-3 : 0.5);
  else expect(farthest / total).toBeLessThan(0.01);
}
