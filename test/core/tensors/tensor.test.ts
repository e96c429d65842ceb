import { describe, expect, it } from "vitest";
import { elementCount, formatShape } from "../../../src/core/tensors/tensor";

describe("a tensor's shape", () => {
  it.each([
    [[], 1, "scalar"],
    [[0], 0, "0"],
    [[3], 3, "3"],
    [[2, 3, 4], 24, "2 × 3 × 4"],
    [[5, 0, 7], 0, "5 × 0 × 7"],
  ])("%j has %d elements and reads %s", (shape, count, text) => {
    expect(elementCount(shape)).toBe(count);
    expect(formatShape(shape)).toBe(text);
  });
});
