import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { keepCompiled } from "../../src/worker/process/keepCompiled";

const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-compiled-"));
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

it("deletes what an earlier version kept, and nothing else", async () => {
  for (const name of ["compiled-1", "compiled-2", "scans"]) mkdirSync(join(folder, name));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  keepCompiled(undefined);
  keepCompiled(join(folder, "of another")); // the user's own
  keepCompiled(join(folder, "compiled-2"));
  vi.runAllTimers();
  vi.useRealTimers();
  await expect.poll(() => readdirSync(folder).sort()).toEqual(["compiled-2", "scans"]);
});
