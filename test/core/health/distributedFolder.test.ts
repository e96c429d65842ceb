import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { folderInMemory } from "../resume/resumeFiles";

const metadata = "/dcp/.metadata";

async function healthOf(change: (files: MemoryFiles) => Promise<void> | void) {
  const files = folderInMemory(join(projectRoot, "test", "fixtures", "dcp", "zstd"), "/dcp");
  await change(files);
  const session = await CheckpointSession.open(files, "/dcp", () => undefined);
  const problems = await session.health();
  return problems.filter(({ severity }) => severity === "error").map(({ message }) => message);
}

async function bytesOf(files: MemoryFiles, path: string): Promise<Uint8Array> {
  const source = await files.open(path);
  return source.read(0, source.size);
}

describe("a distributed checkpoint of torch", () => {
  test("that is whole has no error", async () => {
    expect(await healthOf(() => undefined)).toEqual([]);
  });

  test("with a cut shard names the shard", async () => {
    const errors = await healthOf(async (files) => {
      const shard = "/dcp/__1_0.distcp";
      files.write(shard, (await bytesOf(files, shard)).subarray(0, 20));
    });
    expect(errors.join(" ")).toMatch(/__1_0\.distcp is cut at byte 20/);
  });

  test("whose directory names a file outside of the folder is not healthy, and the file is not opened", async () => {
    const opened: string[] = [];
    const errors = await healthOf(async (files) => {
      // As long as the name that it takes the place of, so that the pickle stays whole.
      const text = Buffer.from(await bytesOf(files, metadata)).toString("latin1");
      const changed = text.replaceAll("__1_0.distcp", "../../../etc");
      expect(changed).not.toBe(text);
      files.write(metadata, Uint8Array.from(Buffer.from(changed, "latin1")));
      files.write("/etc", "secret");
      opened.push(...files.opened);
      Object.defineProperty(files, "opened", { value: opened });
    });
    expect(errors.join(" ")).toMatch(/etc".*not looked at/);
    expect(opened.filter((path) => path.endsWith("etc"))).toEqual([]);
  });
});

test("a step of verl is opened as its policy, whatever lies beside it", async () => {
  const files = new MemoryFiles({
    "/run/global_step_5/data.pt": "",
    "/run/global_step_5/critic/model.safetensors": safetensorsFile({ tensors: [] }),
    "/run/global_step_5/actor/model.safetensors": safetensorsFile({
      tensors: [{ name: "w.weight", dtype: "F32", shape: [2] }],
    }),
  });
  const session = await CheckpointSession.open(files, "/run/global_step_5", () => undefined);
  expect(session.checkpoint.path).toBe("/run/global_step_5/actor/model.safetensors");
  expect(await session.health()).toEqual([]);
});
