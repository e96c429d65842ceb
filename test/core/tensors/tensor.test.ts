import { describe, expect, it } from "vitest";
import { torchDtypeName } from "../../../src/core/tensors/dtype";
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

describe("torchDtypeName", () => {
  it.each([
    ["BF16", "torch.bfloat16"],
    ["F8_E4M3", "torch.float8_e4m3fn"],
    ["C64", "torch.complex64"],
    ["BOOL", "torch.bool"],
    ["I64", "torch.int64"],
    ["F4", undefined],
    ["F128", undefined],
    ["constructor", undefined],
  ])("of %s is %s", (dtype, name) => {
    expect(torchDtypeName(dtype)).toBe(name);
  });
});
