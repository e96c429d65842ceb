import { expect, it } from "vitest";
import { plainTable } from "../../../src/core/report/textTable";

it("puts numbers to the right and names to the left, those of nn.Sequential too", () => {
  const rows = [
    ["0.weight", "2.05 kB"],
    ["10.bias", "64 bytes"],
  ];
  expect(plainTable(["Tensor", "Size"], rows).split("\n")).toEqual([
    "Tensor        Size",
    "0.weight   2.05 kB",
    "10.bias   64 bytes",
  ]);
  expect(plainTable(["Step"], [["5"], ["500"]])).toBe("Step\n   5\n 500");
});
