import { expect, test } from "vitest";
import { ProbeCache } from "../../src/worker/probeCache";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { MemoryFiles } from "../support/memoryFiles";

const path = "/ws/a.safetensors";
const file = (stage: string) =>
  safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [1] }], metadata: { stage } });

test("looks into a file again only when it changed, and forgets what nobody asks for", async () => {
  const files = new MemoryFiles({ [path]: file("svd") });
  const cache = new ProbeCache(files);
  const stage = async () => (await cache.peek(path)).metadata?.get("stage");
  expect(await stage()).toBe("svd");
  expect(await stage()).toBe("svd");
  expect(files.counts.open).toBe(1);
  files.write(path, file("merged"), 5);
  expect(await stage()).toBe("merged");
  cache.forgetUnused();
  await stage();
  expect(files.counts.open).toBe(2);
  cache.forgetUnused();
  cache.forgetUnused();
  await stage();
  expect(files.counts.open).toBe(3);
});
