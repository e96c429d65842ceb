import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../../support/memoryFiles";
import { type Contents, only, outline, search } from "./searchMemory";
import { peftCheckpoint, trainerState, weights } from "./trainerFiles";

describe("the search", () => {
  it("finds nothing in a workspace without checkpoints", async () => {
    expect(await search({ "/ws/src/main.py": "x", "/ws/checkpoint-9/notes.txt": "x" })).toMatchObject({
      runs: [],
      truncated: false,
      problems: [],
    });
  });

  it("takes hostile names as they are", async () => {
    const names = [
      "<img src=x onerror=1>",
      "__proto__",
      "constructor",
      "..hidden",
      "a\nb",
      "%2e%2e",
      "\u202egnp",
    ];
    const files: Contents = {};
    for (const name of names) Object.assign(files, peftCheckpoint(`/ws/${name}/checkpoint-1`, { step: 1 }));
    const { runs } = await search(files);
    expect(new Set(runs.map(({ name }) => name))).toEqual(
      new Set(names.filter((name) => !name.startsWith("."))),
    );
  });

  it("goes on past folders and files that cannot be read", async () => {
    const memory = new MemoryFiles({
      ...peftCheckpoint("/ws/a/checkpoint-1", { step: 1 }),
      ...peftCheckpoint("/ws/b/checkpoint-1", { step: 1 }),
    });
    memory.unreadable.add("/ws/a");
    const open = memory.open.bind(memory);
    memory.open = async (path) => {
      if (path.endsWith("trainer_state.json")) throw new Error("EIO: broken disk");
      return await open(path);
    };
    const { runs, problems } = await search(memory);
    expect(outline(runs)).toEqual({ b: ["checkpoint-1"] });
    expect(problems).toMatchObject([{ code: "FolderUnreadable", file: "/ws/a" }]);
    expect(runs[0]?.checkpoints[0]).toMatchObject({ step: 1, problems: [{ code: "FileUnreadable" }] });
  });

  it("takes files that vanish while it looks", async () => {
    const memory = new MemoryFiles(peftCheckpoint("/ws/a/checkpoint-1", { step: 1 }));
    memory.stat = async () => undefined;
    memory.open = async () => {
      throw new Error("ENOENT");
    };
    const { runs } = await search(memory);
    expect(runs[0]?.checkpoints[0]).toMatchObject({ name: "checkpoint-1", byteSize: 0, parts: [] });
  });

  it("stops when it is aborted while it reads", async () => {
    const memory = new MemoryFiles(peftCheckpoint("/ws/a/checkpoint-1", { step: 1 }));
    const controller = new AbortController();
    const open = memory.open.bind(memory);
    memory.open = async (path) => {
      controller.abort(new Error("closed"));
      return await open(path);
    };
    await expect(search(memory, { signal: controller.signal })).rejects.toThrow("closed");
  });

  it("gives runs of one name the folders above them", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/a/out/checkpoint-1", { step: 1 }),
      ...peftCheckpoint("/ws/b/out/checkpoint-1", { step: 1, seed: 2 }),
      ...peftCheckpoint("/ws/c/results/checkpoint-1", { step: 1, seed: 3 }),
    });
    expect(runs.map(({ name }) => name)).toEqual(["a/out", "b/out", "results"]);
  });

  it("is plain data: a structured clone and JSON keep it", async () => {
    const { runs } = await search(peftCheckpoint("/ws/a/checkpoint-1", { step: 1 }));
    expect(structuredClone(runs)).toEqual(runs);
    expect(JSON.parse(JSON.stringify(runs))).toEqual(runs);
  });

  it("takes 2,000 checkpoints in one folder, in the order of their steps", async () => {
    const files: Contents = {};
    const log = [{ step: 10, loss: 1 }];
    for (let index = 2000; index > 0; index--) {
      const step = index * 10;
      files[`/ws/out/checkpoint-${step}/model.safetensors`] = weights;
      files[`/ws/out/checkpoint-${step}/trainer_state.json`] = trainerState({ step, maxSteps: 20_000, log });
    }
    const memory = new MemoryFiles(files);
    const run = only((await search(memory)).runs);
    expect(run.checkpoints.map(({ step }) => step)).toEqual(
      Array.from({ length: 2000 }, (_, at) => (at + 1) * 10),
    );
    expect(run.checkpoints.filter(({ last }) => last).map(({ step }) => step)).toEqual([20_000]);
    expect(run.logFiles).toHaveLength(1);
    expect(memory.counts.list).toBe(2002);
    expect(memory.counts.open).toBe(2000);
  });
});
