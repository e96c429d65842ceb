import { describe, expect, it } from "vitest";
import { findBaseModel } from "../../../src/core/base/baseModel";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { randomMatrix } from "../linalg/matrices";

const modules = { "layers.0.q_proj": { a: randomMatrix(2, 4, 1), b: randomMatrix(4, 2, 2) } };
const weight = { name: "layers.0.q_proj.weight", shape: [4, 4], values: new Float64Array(16).fill(1) };

async function find(files: MemoryFiles, base: string | null): Promise<string | undefined> {
  writeAdapterFolder(files, "/work/run/03-ft/checkpoint-10", modules, { base_model_name_or_path: base });
  const session = await CheckpointSession.open(files, "/work/run/03-ft/checkpoint-10", () => undefined);
  return findBaseModel(files, session);
}

describe("findBaseModel", () => {
  it.each([
    ["base", "/work/run/base"],
    ["./base", "/work/run/base"],
    ["../../base", "/work/run/base"],
    ["/work/run/base", "/work/run/base"],
    ["/work/run/base/model.safetensors", "/work/run/base/model.safetensors"],
  ])("%s is looked for beside the folders above", async (named, expected) => {
    const files = new MemoryFiles();
    writeTensors(files, "/work/run/base/model.safetensors", [weight]);
    expect(await find(files, named)).toBe(expected);
  });

  it.each(["meta-llama/Llama-2-7b", "/gone", "", null])("%j is not here", async (named) => {
    const files = new MemoryFiles();
    writeTensors(files, "/work/run/base/model.safetensors", [weight]);
    expect(await find(files, named)).toBeUndefined();
  });

  it("a path from where it was trained is looked for in the folders that are given", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/work/run/checkpoint-10", modules, { base_model_name_or_path: "models/base" });
    writeTensors(files, "/home/project/models/base/model.safetensors", [weight]);
    const session = await CheckpointSession.open(files, "/work/run/checkpoint-10", () => undefined);
    expect(await findBaseModel(files, session)).toBeUndefined();
    const roots = ["/elsewhere", "/home/project"];
    expect(await findBaseModel(files, session, { roots })).toBe("/home/project/models/base");
  });

  it("takes no folder without weights, nor one that holds an adapter", async () => {
    const files = new MemoryFiles();
    files.write("/work/run/base/README.md", "nothing");
    expect(await find(files, "base")).toBeUndefined();
    writeAdapterFolder(files, "/work/run/other", modules);
    expect(await find(files, "other")).toBeUndefined();
  });

  it("takes the base that an extraction wrote down", async () => {
    const files = new MemoryFiles();
    writeTensors(files, "/work/run/base/model.safetensors", [weight]);
    const stage = { stage: "svd", method: { name: "randomized-svd", base: "/work/run/base" } };
    files.write("/work/run/03-ft/checkpoint-10/checkpoint-stage.json", JSON.stringify(stage));
    expect(await find(files, "org/name")).toBe("/work/run/base");
  });
});
