import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { MemoryFiles } from "../../support/memoryFiles";
import { folderInMemory, trainingFixtures } from "../resume/resumeFiles";

const metadata = "/dcp/.metadata";

async function healthOf(change: (files: MemoryFiles) => Promise<void> | void) {
  const files = folderInMemory(join(trainingFixtures, "dcp"), "/dcp");
  await change(files);
  const session = await CheckpointSession.open(files, "/dcp", () => undefined);
  const problems = await session.health();
  // The fixture's entries are no more than names.
  return problems
    .filter(({ severity, code }) => severity === "error" && code !== "DamagedEntry")
    .map(({ message }) => message);
}

async function bytesOf(files: MemoryFiles, path: string): Promise<Uint8Array> {
  const source = await files.open(path);
  return source.read(0, source.size);
}

describe("a distributed checkpoint of torch", () => {
  test("that is whole has no error", async () => {
    expect(await healthOf(() => undefined)).toEqual([]);
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
