import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoint/checkpoint";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { safetensorsFile, type TensorSpec } from "../../support/made/safetensorsFile";
import { type MemoryContent, MemoryFiles } from "../../support/memoryFiles";

const indexPath = "/m/model.safetensors.index.json";

function shardName(number: number, total = 3): string {
  return `model-0000${number}-of-0000${total}.safetensors`;
}

function shard(names: readonly string[], metadata: Record<string, string> = { format: "pt" }): Uint8Array {
  return safetensorsFile({ metadata, tensors: names.map((name) => ({ name, dtype: "F32", shape: [2, 2] })) });
}

function open(index: unknown, shards: Readonly<Record<string, MemoryContent>>): Promise<Checkpoint> {
  const entries = Object.entries(shards).map(([name, content]) => [`/m/${name}`, content] as const);
  const text = typeof index === "string" ? index : JSON.stringify(index);
  return openCheckpoint(new MemoryFiles({ [indexPath]: text, ...Object.fromEntries(entries) }), indexPath);
}

function codesOf({ problems }: Checkpoint): string[] {
  return problems.map(({ severity, code }) => `${severity} ${code}`);
}

const weightMap = {
  "layers.10.w": shardName(3),
  "layers.2.w": shardName(2),
  "layers.1.w": shardName(1),
  "layers.1.b": shardName(1),
};
const index = { metadata: { total_size: 64 }, weight_map: weightMap };
const shards = {
  [shardName(1)]: shard(["layers.1.w", "layers.1.b"]),
  [shardName(2)]: shard(["layers.2.w"]),
  [shardName(3)]: shard(["layers.10.w"]),
};

describe("a sharded model", () => {
  it("is one model: tensors of all shards in name order, each with its file", async () => {
    const model = await open(index, shards);
    expect(codesOf(model)).toEqual([]);
    expect(model).toMatchObject({
      path: indexPath,
      name: "model.safetensors.index.json",
      folder: "/m",
      format: "safetensors",
      metadata: new Map([["format", "pt"]]),
      wholeModelPath: undefined,
    });
    expect(model.files.map(({ name, status }) => `${name} ${status}`)).toEqual([
      `${shardName(1)} ok`,
      `${shardName(2)} ok`,
      `${shardName(3)} ok`,
    ]);
    expect(model.tensors.map(({ name, fileIndex }) => [name, fileIndex])).toEqual([
      ["layers.1.b", 0],
      ["layers.1.w", 0],
      ["layers.2.w", 1],
      ["layers.10.w", 2],
    ]);
    const fileSize = shards[shardName(1)]?.length ?? 0;
    expect(model.tensors.slice(0, 2).map(({ offset }) => fileSize - offset)).toEqual([16, 32]);
  });

  it("reports a missing shard and shows the rest", async () => {
    const { [shardName(2)]: _gone, ...rest } = shards;
    const model = await open(index, rest);
    expect(codesOf(model)).toEqual(["error MissingShard", "info ShardIndex"]);
    expect(model.problems[0]).toMatchObject({ file: `/m/${shardName(2)}` });
    expect(model.files[1]).toEqual({
      name: shardName(2),
      path: `/m/${shardName(2)}`,
      bytes: 0,
      status: "missing",
    });
    expect(model.tensors).toHaveLength(3);
  });

  it("reports all shards missing, and shows nothing", async () => {
    const model = await open(index, {});
    const missing = ["error MissingShard", "error MissingShard", "error MissingShard"];
    expect(codesOf(model)).toEqual([...missing, "info ShardIndex"]);
    expect(model.tensors).toEqual([]);
  });

  it("takes a folder of a shard's name for a missing shard", async () => {
    const model = await open(index, { ...shards, [shardName(2)]: { folder: true } });
    expect(codesOf(model)).toEqual(["error MissingShard", "info ShardIndex"]);
  });

  it("says what the index names where the shards are not here", async () => {
    const names = ["a.weight", "a.weight.quant_state.bitsandbytes__nf4", "norm"];
    const weight_map = Object.fromEntries(names.map((name) => [name, shardName(1)]));
    const { problems } = await open({ metadata: { total_size: 6_660_000_000 }, weight_map }, {});
    expect(problems.at(-1)?.message).toBe(
      "The index names 3 tensors of 6.66 GB in 1 shard, among them 1 weight in bitsandbytes' NF4.",
    );
  });

  it("reports a shard that the index does not know, and does not read it", async () => {
    const model = await open(index, {
      ...shards,
      [shardName(4, 4)]: { bulk: 1000 },
      "other-00001-of-00001.safetensors": { bulk: 1 },
      "model.safetensors": { bulk: 1 },
    });
    expect(codesOf(model)).toEqual(["warning ExtraShard"]);
    expect(model.problems[0]?.file).toBe(`/m/${shardName(4, 4)}`);
    expect(model.files[3]).toMatchObject({ name: shardName(4, 4), bytes: 1000, status: "extra" });
  });

  it("reports a tensor that two shards hold, and takes the one that the index names", async () => {
    for (const expected of [1, 2]) {
      const model = await open(
        { weight_map: { a: shardName(expected), b: shardName(3 - expected) } },
        { [shardName(1)]: shard(["a", "b"].slice(0, expected)), [shardName(2)]: shard(["a", "b"]) },
      );
      const overlapping = model.problems.filter(({ code }) => code === "OverlappingShards");
      expect(overlapping[0]).toMatchObject({ tensor: "a", file: `/m/${shardName(2)}` });
      expect(overlapping[0]?.message).toBe(`Tensor "a" is also in ${shardName(2)}.`);
      expect(model.tensors.find(({ name }) => name === "a")?.fileIndex).toBe(expected - 1);
    }
  });

  it("says where such tensors differ", async () => {
    const wider = (spec: Partial<TensorSpec>) =>
      safetensorsFile({ tensors: [{ name: "a", dtype: "F32", shape: [2, 2], ...spec }] });
    for (const [spec, text] of [
      [{ shape: [4, 1] }, "as F32, 4 × 1 instead of F32, 2 × 2"],
      [{ dtype: "I32" }, "as I32, 2 × 2 instead of F32, 2 × 2"],
    ] as const) {
      const model = await open(
        { weight_map: { a: shardName(1), b: shardName(2) } },
        { [shardName(1)]: shard(["a"]), [shardName(2)]: wider(spec) },
      );
      expect(model.problems.find(({ code }) => code === "OverlappingShards")?.message).toContain(text);
    }
  });

  it("reports a tensor that lies in another shard than the index says", async () => {
    const model = await open(
      { weight_map: { a: shardName(2), b: shardName(2), c: shardName(1) } },
      { [shardName(1)]: shard(["a", "c"]), [shardName(2)]: shard(["b"]) },
    );
    expect(codesOf(model)).toEqual(["warning WrongShard"]);
    expect(model.problems[0]).toMatchObject({
      tensor: "a",
      message: `Tensor "a" is in ${shardName(1)}; the index says ${shardName(2)}.`,
    });
    expect(model.tensors.map(({ name, fileIndex }) => `${name}${fileIndex}`)).toEqual(["a0", "b1", "c0"]);
  });

  it("reports a tensor that only the index has, and one that only a shard has", async () => {
    const model = await open(
      { weight_map: { a: shardName(1), gone: shardName(1) } },
      { [shardName(1)]: shard(["a", "b"]) },
    );
    expect(codesOf(model)).toEqual(["warning UnlistedTensor", "error MissingTensor"]);
    expect(model.problems.map(({ tensor }) => tensor)).toEqual(["b", "gone"]);
    expect(model.tensors.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("reports metadata that tell of two saves", async () => {
    const model = await open(
      { weight_map: { a: shardName(1), b: shardName(2), c: shardName(3) } },
      {
        [shardName(1)]: shard(["a"], { format: "pt", step: "100" }),
        [shardName(2)]: shard(["b"], { format: "pt", step: "200" }),
        [shardName(3)]: shard(["c"], { format: "pt" }),
      },
    );
    expect(codesOf(model)).toEqual(["warning DisagreeingShards"]);
    expect(model.problems[0]?.message).toMatch(/"step" is "200" in .*, but "100" in /);
  });

  it.each(["../secret.safetensors", "/etc/secret.safetensors", "..\\secret.safetensors"])(
    "does not open %s",
    async (name) => {
      const files = new MemoryFiles({
        [indexPath]: JSON.stringify({ weight_map: { a: shardName(1), b: name } }),
        [`/m/${shardName(1)}`]: shard(["a"]),
        "/secret.safetensors": shard(["b"]),
        "/etc/secret.safetensors": shard(["b"]),
      });
      const model = await openCheckpoint(files, indexPath);
      expect(files.opened).toEqual([indexPath, `/m/${shardName(1)}`]);
      expect(codesOf(model)).toEqual(["error UnsafeShardName"]);
      expect(model.problems[0]).toMatchObject({ file: indexPath, tensor: "b" });
      expect(model.tensors.map(({ name: tensorName }) => tensorName)).toEqual(["a"]);
    },
  );

  it("follows a link to a shard, as the download cache of the hub has", async () => {
    const model = await open(index, {
      ...shards,
      [shardName(2)]: { link: "../blobs/abc" },
      "../blobs/abc": shard(["layers.2.w"]),
    });
    expect(codesOf(model)).toEqual([]);
    expect(model.tensors).toHaveLength(4);
  });

  it.each([
    ["right", 64, []],
    ["missing", undefined, []],
    ["no number", "64", []],
    ["wrong", 63, ["info TotalSize"]],
    ["negative", -1, ["info TotalSize"]],
  ])("has a total_size that is %s", async (_what, total_size, codes) => {
    const model = await open({ ...index, metadata: { total_size } }, shards);
    expect(codesOf(model)).toEqual(codes);
  });

  it("compares the total_size only where all shards are there", async () => {
    const { [shardName(2)]: _gone, ...rest } = shards;
    const model = await open({ ...index, metadata: { total_size: 1 } }, rest);
    expect(codesOf(model)).toEqual(["error MissingShard", "info ShardIndex"]);
  });

  it.each([
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\nsize 10\n", "GitLfsPointer"],
    ["empty", "", "HeaderTooSmall"],
    ["a web page", "<!DOCTYPE html>", "WebPage"],
  ])("with a shard that is %s shows the rest and says what the shard is", async (_what, content, code) => {
    const model = await open(index, { ...shards, [shardName(2)]: content });
    expect(codesOf(model)).toEqual([`error ${code}`]);
    expect(model.problems[0]?.file).toBe(`/m/${shardName(2)}`);
    expect(model.files[1]).toMatchObject({ status: "broken", bytes: content.length });
    expect(model.tensors).toHaveLength(3);
  });

  it("with a shard that is cut shows its tensors and says so", async () => {
    const whole = shards[shardName(1)] ?? new Uint8Array();
    const model = await open(index, { ...shards, [shardName(1)]: whole.subarray(0, -4) });
    expect(codesOf(model)).toEqual(["error MetadataIncompleteBuffer"]);
    expect(model.problems[0]).toMatchObject({ file: `/m/${shardName(1)}`, offset: whole.length - 4 });
    expect(model.files[0]?.status).toBe("broken");
    expect(model.tensors).toHaveLength(4);
  });

  it("with a shard that may not be read shows the rest", async () => {
    const files = new MemoryFiles({
      [indexPath]: JSON.stringify(index),
      ...Object.fromEntries(Object.entries(shards).map(([name, content]) => [`/m/${name}`, content])),
    });
    const openFile = files.open.bind(files);
    files.open = (path) =>
      path.endsWith(shardName(2))
        ? Promise.reject(new Error(`EACCES: permission denied, open '${path}'`))
        : openFile(path);
    const model = await openCheckpoint(files, indexPath);
    expect(codesOf(model)).toEqual(["error UnreadableFile"]);
    expect(model.problems[0]).toMatchObject({
      file: `/m/${shardName(2)}`,
      message: expect.stringContaining("EACCES"),
    });
    expect(model.tensors).toHaveLength(3);
  });

  it("in a folder that may not be listed is shown", async () => {
    const files = new MemoryFiles({
      [indexPath]: JSON.stringify(index),
      ...Object.fromEntries(Object.entries(shards).map(([name, content]) => [`/m/${name}`, content])),
    });
    files.unreadable.add("/m");
    expect((await openCheckpoint(files, indexPath)).tensors).toHaveLength(4);
  });

  it("stops when it is cancelled", async () => {
    const controller = new AbortController();
    const files = new MemoryFiles({
      [indexPath]: JSON.stringify(index),
      [`/m/${shardName(1)}`]: shard(["a"]),
    });
    const openFile = files.open.bind(files);
    files.open = (path) => {
      if (path !== indexPath) controller.abort();
      return openFile(path);
    };
    await expect(openCheckpoint(files, indexPath, controller.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  it.each([
    ["no weight_map", "{}", "InvalidIndex"],
    ["weight_map null", '{"weight_map": null}', "InvalidIndex"],
    ["a cut text", '{"weight_map": {"a": "b', "InvalidIndex"],
    ["no JSON", "weight_map:", "InvalidIndex"],
    ["a Git LFS pointer's text", "version https://git-lfs.github.com/spec/v1\n", "InvalidIndex"],
    ["nothing", "", "InvalidIndex"],
  ])("is refused with an index that has %s", async (_what, text, code) => {
    await expect(open(text, shards)).rejects.toMatchObject({ code, file: indexPath });
  });

  it("whose shards are of another format, and damaged, says so of each", async () => {
    const files = {
      [shardName(1)]: Uint8Array.from([
        0x89,
        0x48,
        0x44,
        0x46,
        0x0d,
        0x0a,
        0x1a,
        0x0a,
        ...new Uint8Array(56),
      ]),
      [shardName(2)]: shard(["b"]),
    };
    const model = await open({ weight_map: { a: shardName(1), b: shardName(2) } }, files);
    expect(codesOf(model)).toEqual(["error DamagedHdf5"]);
    expect(model.problems[0]).toMatchObject({
      file: `/m/${shardName(1)}`,
      message: expect.stringContaining("HDF5"),
    });
    expect(model.tensors.map(({ name }) => name)).toEqual(["b"]);
  });
});
