import { expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

const weights = safetensorsFile({ tensors: [{ name: "fc.weight", dtype: "F32", shape: [2] }] });

/** A loss that is NaN from step 60 on. */
const log = [
  "step,loss",
  ...Array.from({ length: 10 }, (_, at) => `${(at + 1) * 10},${at < 5 ? 3.25 - at / 8 : "nan"}`),
].join("\n");

const files = new MemoryFiles({
  "/r/run/metrics.csv": new TextEncoder().encode(log),
  "/r/run/checkpoint-20/model.safetensors": weights,
  "/r/run/checkpoint-80/model.safetensors": weights,
});

async function codes(path: string): Promise<readonly string[]> {
  const session = await CheckpointSession.open(files, path, () => undefined);
  return (await session.healthWithLogs()).map(({ code }) => code);
}

it("a checkpoint is told that its run had collapsed by a log beside it, and one from before is not", async () => {
  expect(await codes("/r/run/checkpoint-80")).toEqual(["Collapsed"]);
  expect(await codes("/r/run/checkpoint-80/model.safetensors")).toEqual(["Collapsed"]);
  expect(await codes("/r/run/checkpoint-20")).toEqual([]);
});
