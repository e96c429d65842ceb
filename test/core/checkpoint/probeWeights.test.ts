import { expect, test } from "vitest";
import { probeWeights } from "../../../src/core/checkpoint/probeWeights";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

const tensors = [{ name: "w", dtype: "F32", shape: [2] }];
const path = "/a.safetensors";

async function peek(content: string | Uint8Array, at = path) {
  const files = new MemoryFiles({ [at]: content });
  const { metadata, problems } = await probeWeights(files, at);
  return { stage: metadata?.get("stage"), codes: problems.map(({ code }) => code), counts: files.counts };
}

test("finds the stage in the metadata of a whole file, and nothing wrong", async () => {
  const { stage, codes, counts } = await peek(safetensorsFile({ metadata: { stage: "svd" }, tensors }));
  expect(stage).toBe("svd");
  expect(codes).toEqual([]);
  expect(counts.open).toBe(1);
});

test("finds it before a header that is longer than a look, which is not read further", async () => {
  const many = Array.from({ length: 3000 }, (_, index) => ({
    name: `layers.${index}.weight`,
    dtype: "F32",
    shape: [1],
  }));
  const { stage, codes, counts } = await peek(safetensorsFile({ metadata: { stage: "svd" }, tensors: many }));
  expect(stage).toBe("svd");
  expect(codes).toEqual([]);
  expect(counts.bytesRead).toBe(64 * 1024);
});

test.each([
  ["a cut file", safetensorsFile({ tensors }).subarray(0, -4), "MetadataIncompleteBuffer"],
  ["a header that is cut", safetensorsFile({ tensors }).subarray(0, 20), "InvalidHeaderLength"],
  ["an empty file", new Uint8Array(), "HeaderTooSmall"],
  ["a pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "GitLfsPointer"],
])("tells %s", async (_, content, code) => {
  expect((await peek(content)).codes).toEqual([code]);
});

test("opens nothing but safetensors, and survives a file that is gone", async () => {
  const { codes, counts } = await peek("not looked at", "/a.bin");
  expect(codes).toEqual([]);
  expect(counts.open).toBe(0);
  expect(await probeWeights(new MemoryFiles(), path)).toEqual({ metadata: undefined, problems: [] });
});
