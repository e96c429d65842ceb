import { describe, expect, it } from "vitest";
import type { TensorStatistics } from "../../../../src/core/analysis/statisticColumns";
import type { TensorReader } from "../../../../src/core/checkpoint/tensorReader";
import { runningStatistics } from "../../../../src/core/health/values/runningStatistics";
import { zeroBlocks } from "../../../../src/core/health/values/zeroBlocks";

const tensor = (name: string, shape: readonly number[], offset = 0) => ({
  name,
  dtype: "F32",
  shape,
  byteSize: 4 * shape.reduce((product, side) => product * side, 1),
  offset,
  fileIndex: 0,
});

describe("running statistics", () => {
  const told = (min: number, zeros: number, name = "bn.running_var") =>
    runningStatistics([tensor(name, [4])], () => ({ min, zeros }) as TensorStatistics).map(
      ({ severity, code }) => [severity, code],
    );

  it("are variances, which are not negative, and seldom all zero", () => {
    expect(told(0.5, 0)).toEqual([]);
    expect(told(-0.5, 0)).toEqual([["error", "NegativeVariance"]]);
    expect(told(0, 4)).toEqual([["info", "ZeroVariance"]]);
    expect(told(-0.5, 0, "bn.running_mean")).toEqual([]);
  });
});

describe("zeros that fill blocks of a file", () => {
  /** A matrix of 100 numbers a row, 40 kB, of ones but for the bytes that are named. */
  async function told(offset: number, ...lost: readonly (readonly [from: number, to: number])[]) {
    const matrix = tensor("w", [100, 100], offset);
    const bytes = new Uint8Array(matrix.byteSize).fill(1);
    for (const [from, to] of lost) bytes.fill(0, from, to);
    const zeros = bytes.filter((byte) => byte === 0).length / 4;
    const reader = {
      readRange: async (_: unknown, at: number, length: number) => bytes.subarray(at, at + length),
    } as unknown as TensorReader;
    const found = await zeroBlocks([matrix], () => ({ zeros }) as TensorStatistics, reader);
    return found.map(({ message }) => message.replace(/ and end.*/, ""));
  }

  it("are told with their place in the file", async () => {
    expect(await told(192, [4096 - 192, 8192 - 192])).toEqual([
      '"w" holds 4.10 kB of zeros that fill whole blocks of the file, from byte 4,096 on,',
    ]);
    expect(await told(192, [4096 * 8 - 192, 40_000])).toHaveLength(1);
  });

  it("are none where rows are zero, where they lie otherwise, or as part of a pattern", async () => {
    // Rows 10 to 20 of 400 bytes each.
    expect(await told(192, [4000, 8400])).toEqual([]);
    expect(await told(192, [5000, 9096])).toEqual([]);
    expect(await told(0, [0, 40_000])).toEqual([]);
    expect(await told(192, [4096 - 192, 6000])).toEqual([]);
  });
});
