import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const adapter = safetensorsFile({
  metadata: { format: "pt" },
  tensors: ["layers.10.w", "layers.9.w", "layers.9.b"].map((name) => ({ name, dtype: "F32", shape: [2, 3] })),
});

describe("openCheckpoint", () => {
  it("opens a file: its directory in name order, its metadata, no problems", async () => {
    const files = new MemoryFiles({ "/run/adapter_model.safetensors": adapter });
    const checkpoint = await openCheckpoint(files, "/run/adapter_model.safetensors");
    expect(checkpoint).toMatchObject({
      path: "/run/adapter_model.safetensors",
      name: "adapter_model.safetensors",
      folder: "/run",
      format: "safetensors",
      files: [{ name: "adapter_model.safetensors", bytes: adapter.length, status: "ok" }],
      metadata: new Map([["format", "pt"]]),
      aliases: new Map(),
      wholeModelPath: undefined,
      problems: [],
    });
    expect(checkpoint.tensors.map(({ name, offset }) => [name, offset - (adapter.length - 72)])).toEqual([
      ["layers.9.b", 48],
      ["layers.9.w", 24],
      ["layers.10.w", 0],
    ]);
  });

  it("marks a file with errors as broken, and names it in each problem", async () => {
    const path = "/run/model.safetensors";
    const { files, problems, tensors } = await openCheckpoint(
      new MemoryFiles({ [path]: adapter.subarray(0, adapter.length - 1) }),
      path,
    );
    expect(files[0]?.status).toBe("broken");
    expect(problems).toEqual([expect.objectContaining({ code: "MetadataIncompleteBuffer", file: path })]);
    expect(tensors).toHaveLength(3);
  });

  it("opens a Keras model in several files by its index or its folder, and offers it to each of them", async () => {
    const hdf5 = (name: string) =>
      new Uint8Array(readFileSync(join(projectRoot, "test/fixtures/hdf5", name)));
    const weight_map = {
      "/types": ["a_00000.weights.h5"],
      "/": "a_00001.weights.h5",
      "/lost/vars": ["a_00001.weights.h5", "../x"],
    };
    const all = {
      "/m/a.weights.json": JSON.stringify({ metadata: { total_size: 1 }, weight_map }),
      "/m/a_00000.weights.h5": hdf5("latest.h5"),
      "/m/a_00001.weights.h5": hdf5("userBlock.h5"),
    };
    const files = new MemoryFiles(all);
    const [byIndex, byFolder] = [
      await openCheckpoint(files, "/m/a.weights.json"),
      await openCheckpoint(files, "/m"),
    ];
    expect(byFolder).toEqual(byIndex);
    expect(byIndex.tensors.find(({ name }) => name === "c")).toMatchObject({ fileIndex: 1, shape: [9] });
    expect(byIndex.tensors.find(({ name }) => name === "types/scalar")).toMatchObject({ fileIndex: 0 });
    expect(byIndex.problems.map(({ code }) => code).sort()).toEqual([
      "ExternalLink",
      "MissingTensor",
      "TotalSize",
      "UnsafeShardName",
    ]);
    const { "/m/a_00000.weights.h5": _, ...rest } = all;
    const cut = await openCheckpoint(new MemoryFiles(rest), "/m");
    expect(cut.problems.map(({ code }) => code).sort()).toEqual([
      "MissingShard",
      "MissingTensor",
      "UnsafeShardName",
    ]);
    const part = await openCheckpoint(files, "/m/a_00001.weights.h5");
    expect(part).toMatchObject({ wholeModelPath: "/m/a.weights.json", problems: [] });
  });

  it("does not mark a file with warnings alone as broken", async () => {
    const path = "/run/model.safetensors";
    const entry = '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
    const file = safetensorsFile({ header: `{${entry},${entry}}`, data: new Uint8Array(1) });
    const { files, problems } = await openCheckpoint(new MemoryFiles({ [path]: file }), path);
    expect(files[0]?.status).toBe("ok");
    expect(problems.map(({ severity }) => severity)).toEqual(["warning"]);
  });

  it("offers the whole model where the file is a shard and the index is beside it", async () => {
    const shard = "/m/model-00002-of-00003.safetensors";
    const index = "/m/model.safetensors.index.json";
    const alone = await openCheckpoint(new MemoryFiles({ [shard]: adapter }), shard);
    expect(alone.wholeModelPath).toBeUndefined();
    const together = await openCheckpoint(new MemoryFiles({ [shard]: adapter, [index]: "{}" }), shard);
    expect(together.wholeModelPath).toBe(index);
    expect(together.path).toBe(shard);
    expect(together.tensors).toHaveLength(3);
  });

  it.each([
    ["model.safetensors", undefined],
    ["diffusion_pytorch_model-00001-of-00002.safetensors", "diffusion_pytorch_model.safetensors.index.json"],
    ["model-00001-of-000163.safetensors", "model.safetensors.index.json"],
  ])("looks for the right index of %s", async (name, index) => {
    const files = new MemoryFiles({
      [`/m/${name}`]: adapter,
      "/m/model.safetensors.index.json": "{}",
      "/m/diffusion_pytorch_model.safetensors.index.json": "{}",
    });
    const { wholeModelPath } = await openCheckpoint(files, `/m/${name}`);
    expect(wholeModelPath).toBe(index && `/m/${index}`);
  });

  it("opens a folder by its main file", async () => {
    const files = new MemoryFiles({
      "/run/checkpoint-10/adapter_model.safetensors": adapter,
      "/run/checkpoint-10/adapter_config.json": "{}",
      "/run/checkpoint-10/optimizer.pt": { bulk: 10 },
    });
    const { path, tensors } = await openCheckpoint(files, "/run/checkpoint-10");
    expect(path).toBe("/run/checkpoint-10/adapter_model.safetensors");
    expect(tensors).toHaveLength(3);
  });

  it("says that a folder holds no weights, and that there is nothing", async () => {
    const files = new MemoryFiles({ "/run/notes.txt": "hello", "/empty": { folder: true } });
    for (const folder of ["/run", "/empty"]) {
      await expect(openCheckpoint(files, folder)).rejects.toMatchObject({ code: "NoWeights", file: folder });
    }
    const exports = new MemoryFiles({ "/onnx/a.onnx": "a", "/onnx/b.pkl": "b", "/onnx/c.txt": "c" });
    await expect(openCheckpoint(exports, "/onnx")).rejects.toMatchObject({
      code: "NoWeights",
      message: expect.stringMatching(/"a\.onnx" and 1 more may hold a model: open them one by one\.$/),
    });
    await expect(openCheckpoint(files, "/gone.safetensors")).rejects.toMatchObject({
      code: "NotFound",
      file: "/gone.safetensors",
    });
  });

  it("names the file in an error, with code and offset", async () => {
    const path = "/run/model.safetensors";
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 10\n";
    await expect(openCheckpoint(new MemoryFiles({ [path]: pointer }), path)).rejects.toMatchObject({
      name: "CheckpointError",
      code: "GitLfsPointer",
      offset: 0,
      file: path,
    });
  });

  it("orders names by the separator that most of them use", async () => {
    const path = "/run/model.safetensors";
    // With dots as separator `a.x/…` would come apart; so many names make it that all must be looked at.
    const dots = Array.from({ length: 1500 }, (_, index) => `z.${index}`);
    const slashes = Array.from({ length: 2000 }, (_, index) => `a/${index}/w`);
    const file = safetensorsFile({
      tensors: [...dots, "a!b/w", ...slashes].map((name) => ({ name, dtype: "U8", shape: [1] })),
    });
    const { tensors } = await openCheckpoint(new MemoryFiles({ [path]: file }), path);
    const names = tensors.map(({ name }) => name);
    expect(names.slice(0, 3)).toEqual(["a/0/w", "a/1/w", "a/2/w"]);
    expect(names[2000]).toBe("a!b/w"); // `!` sorts before `/` as a character, but `/` before all as the separator
  });
});
