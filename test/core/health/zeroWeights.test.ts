import { expect, test } from "vitest";
import { zeroWeights } from "../../../src/core/health/zeroWeights";

/** Matrices of 4 KiB one behind the other; those marked with `0` hold zeros, `b` is a bias of zeros. */
function looked(marks: string, fileIndex = 0) {
  return [...marks].map((mark, at) => ({
    tensor: {
      name: `w${at}`,
      dtype: "F32",
      shape: mark === "b" ? [1024] : [32, 32],
      byteSize: 4096,
      offset: at * 4096,
      fileIndex,
    },
    isZero: mark !== "x",
  }));
}

const file = { path: "/m.safetensors", files: [] };

test.each([
  ["xxx000", false, /^The last 3 tensors, from "w3" on \(12\.3 kB\), hold nothing but zeros/],
  ["xx00xx", false, /^2 tensors in a row, from "w2" on/],
  ["xxxx00", true, /^The last 2 tensors of the 6 that were looked into, from "w4" on, begin with/],
  // Of some tensors, those between the zeros are not known.
  ["xx00xx", true, undefined],
  ["xxxxb0", false, undefined],
  ["x0x0x0", false, undefined],
  ["000000", false, /^All 6 tensors hold nothing but zeros: the weights were never filled/],
  ["000000", true, undefined],
])("of weights %s (a sample: %s) says %s", (marks, isSample, told) => {
  const messages = zeroWeights(file, looked(marks), isSample).map(({ message }) => message);
  expect(messages).toEqual(told === undefined ? [] : [expect.stringMatching(told)]);
});

test("tells a head of zeros, which stands alone", () => {
  const [, score, ...others] = looked("x0xx");
  const named = { ...score, tensor: { ...score?.tensor, name: "score.weight" } } as typeof score & object;
  const messages = (isSample: boolean) =>
    zeroWeights(file, [named, ...others], isSample).map(({ message }) => message);
  expect(messages(false)).toEqual([expect.stringMatching(/^"score\.weight" holds nothing but zeros/)]);
  // Of a sample only its first values were read.
  expect(messages(true)).toEqual([]);
});

test("says nothing of what is no parameter, as states of layers", () => {
  const parameters = new Set(["w0", "w1", "w2"]);
  const content = { root: null, tensors: new Map(), parameters };
  expect(zeroWeights({ ...file, content }, looked("xxx000"), false)).toEqual([]);
});

test("in a sample a shard of nothing but zeros tells beside one that has values", () => {
  const files = ["/a.safetensors", "/b.safetensors"].map((path) => ({ path }) as never);
  const told = (first: string) =>
    zeroWeights({ path: "/index.json", files }, [...looked(first), ...looked("000", 1)], true);
  expect(told("xxxx")).toMatchObject([{ code: "ZeroWeights", file: "/b.safetensors", tensor: "w0" }]);
  expect(told("0000")).toEqual([]);
});

test("tells scales of zeros, where their codes lie beside them", () => {
  const [codes, scales, ...others] = looked("x0xx");
  const named = (of: typeof codes, name: string) =>
    ({ ...of, tensor: { ...of?.tensor, name } }) as typeof of & object;
  const told = (name: string) =>
    zeroWeights(file, [named(codes, name), named(scales, "down_proj.scales"), ...others], false);
  expect(told("down_proj.qweight")).toMatchObject([
    { message: expect.stringContaining("every code becomes 0"), tensor: "down_proj.scales" },
  ]);
  expect(told("norm.weight")).toEqual([]);
});
