import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { fileHead, type TensorSpec } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

const count = 60_000;
const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
/** What docs/speed.md says, with room for how V8 lays out an object. */
const mostKeptBytes = 300;

function experts(first: number, end: number): TensorSpec[] {
  return Array.from({ length: end - first }, (_, at) => ({
    name: `model.layers.${Math.floor((first + at) / 300)}.mlp.experts.${(first + at) % 300}.weight`,
    dtype: "F32",
    shape: [0, 4],
  }));
}

async function heapBytes(): Promise<number> {
  // What was awaited last is held until the next turn.
  await new Promise((resume) => setImmediate(resume));
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe("a model of very many tensors", () => {
  const halves = [experts(0, count / 2), experts(count / 2, count)] as const;
  const weightMap = Object.fromEntries(
    halves.flatMap((half, at) => half.map(({ name }) => [name, shards[at]])),
  );
  const files = new MemoryFiles({
    "/one/model.safetensors": fileHead({ tensors: halves.flat() }),
    "/m/model.safetensors.index.json": JSON.stringify({ metadata: {}, weight_map: weightMap }),
    [`/m/${shards[0]}`]: fileHead({ tensors: halves[0] }),
    [`/m/${shards[1]}`]: fileHead({ tensors: halves[1] }),
  });

  it.each(["/one/model.safetensors", "/m/model.safetensors.index.json"])(
    "keeps a few hundred bytes of each, its name included: %s",
    async (path) => {
      // What the tests before it left, and what is loaded once.
      await openCheckpoint(files, path);
      const before = await heapBytes();
      const { tensors, problems } = await openCheckpoint(files, path);
      const kept = (await heapBytes()) - before;
      expect(problems).toEqual([]);
      expect(tensors).toHaveLength(count);
      expect(kept / count).toBeGreaterThan(40);
      expect(kept / count).toBeLessThan(mostKeptBytes);
      // Tensors of one shape share it.
      expect(new Set(tensors.filter(({ fileIndex }) => fileIndex === 0).map(({ shape }) => shape)).size).toBe(
        1,
      );
    },
  );
});
