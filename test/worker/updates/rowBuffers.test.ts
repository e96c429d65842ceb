import { expect, it } from "vitest";
import type { Tensor } from "../../../src/core/tensors/tensor";
import type { JobFiles } from "../../../src/worker/numbers/jobFiles";
import { RowBuffers } from "../../../src/worker/updates/rowBuffers";

const files = { read: () => undefined } as unknown as JobFiles;
const tensorOf = (byteSize: number): Tensor => ({
  ...{ name: "w", dtype: "U8", shape: [byteSize], byteSize, offset: 0, fileIndex: 0 },
});

it("memory of rows of other sizes is used again, up to a bound", async () => {
  const buffers = new RowBuffers();
  const { read } = buffers.over(files);
  const row = async (...sizes: number[]) => {
    const found = await Promise.all(sizes.map((size) => read(tensorOf(size))));
    buffers.endRow();
    return found.map((bytes) => bytes?.buffer);
  };
  const first = await row(1000, 1000, 3000);
  expect(new Set(first).size).toBe(3);
  await row(500, 700);
  expect(new Set([...(await row(1000, 3000, 1000)), ...first]).size).toBe(3);
  const [large] = await row(20_000_000);
  await row(20_000_000, 15_000_000);
  expect((await row(20_000_000))[0]).toBe(large);
  expect(first).not.toContain((await row(1000))[0]);
});
