import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { classifyEntry } from "../../../../src/core/parts/parts";
import type { RunCheckpoint } from "../../../../src/core/runs/run";
import { alikeFiles, findRepeated, repeatedFiles } from "../../../../src/core/runs/status/repeatedFiles";
import { nodeFiles } from "../../../../src/worker/nodeFiles";
import { checkpoint, nowMs, run } from "../merge/runSamples";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "repeated-")));
afterAll(() => rmSync(folder, { recursive: true }));

/** A checkpoint whose files of 1.2 MB are filled with one byte each; the last byte may be another. */
function saved(step: number, files: Readonly<Record<string, readonly [number, number]>>, extra = {}) {
  const path = join(folder, `checkpoint-${step}`);
  mkdirSync(path);
  const parts = Object.entries(files).map(([name, [fill, first]]) => {
    const bytes = new Uint8Array(1_200_000).fill(fill);
    bytes[0] = first;
    writeFileSync(join(path, name), bytes);
    return { ...classifyEntry({ name, kind: "file" }), path: join(path, name), size: bytes.length };
  });
  return checkpoint(step, { path, parts, ...extra });
}

it("finds a base that was saved with every adapter, and keeps the last one's", async () => {
  const base = { "model.safetensors": [1, 1] } as const;
  const checkpoints: RunCheckpoint[] = [
    saved(10, { ...base, "adapter_model.safetensors": [2, 2] }),
    // The same but for its first byte.
    saved(20, { "model.safetensors": [1, 9], "adapter_model.safetensors": [3, 3] }, { best: true }),
    saved(30, { ...base, "adapter_model.safetensors": [4, 4], "optimizer.pt": [1, 1] }, { last: true }),
    saved(40, base, { incomplete: true }),
  ];
  const alike = alikeFiles(run(checkpoints));
  expect(alike.flatMap(({ paths }) => paths)).toHaveLength(6);
  const told: number[] = [];
  const same = await findRepeated(
    nodeFiles,
    alike,
    (done, total) => told.push(done / total),
    new AbortController().signal,
  );
  expect(told.at(-1)).toBe(1);
  const [found, ...others] = repeatedFiles(run(checkpoints), same, nowMs);
  expect(others).toEqual([]);
  expect(found?.checkpoint.step).toBe(10);
  expect(found?.keptIn).toEqual(["checkpoint-30"]);
  const [path, sameAs] = [10, 30].map((step) => join(folder, `checkpoint-${step}`, "model.safetensors"));
  expect(found?.copies).toEqual([{ path, kind: "file", sameAs }]);
});

it("offers nothing where none of the checkpoints that hold it is kept", () => {
  const part = (path: string) => ({
    ...classifyEntry({ name: "model.safetensors", kind: "file" }),
    path,
    size: 2e6,
  });
  const list = [
    checkpoint(10, { parts: [part("a")] }),
    checkpoint(20, { parts: [part("b")] }),
    checkpoint(30, { last: true }),
  ];
  expect(repeatedFiles(run(list), [["a", "b"]], nowMs)).toEqual([]);
});
