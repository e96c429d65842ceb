import { expect, test } from "vitest";
import { standingFor } from "../../../../src/core/formats/onnx/onnxQuantised";

const none = new Map<string, number>();

/** Places of inputs by ONNX's Operators.md and ONNX Runtime's ContribOperators.md. */
test.each([
  ["DequantizeLinear", ["x", "s", "z"], none, { s: 0, z: 0 }],
  [
    "MatMulNBits",
    ["a", "b", "s", "", "g", "bias"],
    new Map([
      ["K", 40],
      ["N", 9],
    ]),
    { s: 0, g: 0, b: 360 },
  ],
  ["MatMulNBits", ["a", "b", "s"], none, { s: 0 }],
  [
    "MatMulBnb4",
    ["a", "b", "absmax"],
    new Map([
      ["K", 8],
      ["N", 3],
    ]),
    { absmax: 0, b: 24 },
  ],
  ["GatherBlockQuantized", ["w", "i", "s", "z"], none, { s: 0, z: 0 }],
  [
    "QLinearConv",
    ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"],
    none,
    { xs: 0, xz: 0, ws: 0, wz: 0, ys: 0, yz: 0 },
  ],
  [
    "QLinearConcat",
    ["ys", "yz", "a", "as", "az", "b", "bs", "bz"],
    none,
    { ys: 0, yz: 0, as: 0, az: 0, bs: 0, bz: 0 },
  ],
  ["Gemm", ["a", "b", "c"], none, {}],
  ["toString", ["a"], none, {}],
] as const)("%s tells what its inputs stand for", (type, inputs, numbers, wanted) => {
  expect(Object.fromEntries(standingFor({ type, inputs, numbers }))).toEqual(wanted);
});
