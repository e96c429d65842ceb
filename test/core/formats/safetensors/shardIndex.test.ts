import { describe, expect, it } from "vitest";
import { parseShardIndex } from "../../../../src/core/formats/safetensors/shardIndex";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";

function indexOf(weightMap: unknown, metadata: unknown = {}): string {
  return JSON.stringify({ metadata, weight_map: weightMap });
}

function errorOf(text: string): CheckpointError {
  try {
    parseShardIndex(text);
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error("The index was read");
}

describe("parseShardIndex", () => {
  it("takes the index of a data set for no broken one", () => {
    const codeOf = (name: string) => {
      try {
        parseShardIndex('{"0": [1, 2]}', name);
      } catch (error) {
        return (error as CheckpointError).code;
      }
      return undefined;
    };
    expect(codeOf("Office_Products.index.json")).toBe("UnsupportedFormat");
    expect(codeOf("model.safetensors.index.json")).toBe("InvalidIndex");
    expect(codeOf("diffusion_pytorch_model.fp16.bin.index.json")).toBe("InvalidIndex");
  });

  it("reads where each tensor lies, and the shards in natural order", () => {
    const index = parseShardIndex(
      indexOf({
        b: "model-10-of-12.safetensors",
        a: "model-2-of-12.safetensors",
        c: "model-10-of-12.safetensors",
      }),
    );
    expect([...index.weightMap]).toEqual([
      ["b", "model-10-of-12.safetensors"],
      ["a", "model-2-of-12.safetensors"],
      ["c", "model-10-of-12.safetensors"],
    ]);
    expect(index.shardNames).toEqual(["model-2-of-12.safetensors", "model-10-of-12.safetensors"]);
    expect(index.problems).toEqual([]);
  });

  it.each([
    ['{"total_size": 512}', 512],
    ['{"total_size": 512.0}', 512],
    ['{"total_size": 5.12e2}', 512],
    ['{"total_size": 9007199254740993}', 9007199254740992],
    ['{"total_size": NaN}', Number.NaN],
    ['{"total_size": "512"}', undefined],
    ['{"total_size": null}', undefined],
    ["{}", undefined],
    ["null", undefined],
    ["[]", undefined],
  ])("reads metadata %s", (metadata, totalSize) => {
    expect(parseShardIndex(`{"weight_map": {}, "metadata": ${metadata}}`).totalSize).toBe(totalSize);
    expect(parseShardIndex('{"weight_map": {}}').totalSize).toBeUndefined();
  });

  it.each([
    "../other/model.safetensors",
    "..",
    ".",
    "",
    "/etc/passwd",
    "sub/model.safetensors",
    "sub\\model.safetensors",
    "C:\\model.safetensors",
    "C:model.safetensors",
    "\\\\server\\share\\model.safetensors",
    "model.safetensors\0.txt",
  ])("refuses %j as the name of a shard, and keeps the others", (name) => {
    const index = parseShardIndex(indexOf({ good: "a.safetensors", bad: name }));
    expect([...index.weightMap]).toEqual([["good", "a.safetensors"]]);
    expect(index.shardNames).toEqual(["a.safetensors"]);
    expect(index.problems).toEqual([
      {
        severity: "error",
        code: "UnsafeShardName",
        message: expect.stringContaining(`"bad" in ${JSON.stringify(name)}`),
        tensor: "bad",
      },
    ]);
  });

  it.each([
    ["null", "null"],
    ["5", "5"],
    ["true", "true"],
    ['["a.safetensors"]', '["a.safetensors"]'],
    ['{"file":"a"}', '{"file": "a"}'],
  ])("refuses %s in place of a name", (value, text) => {
    const { problems, shardNames } = parseShardIndex(`{"weight_map": {"bad": ${value}}}`);
    expect(shardNames).toEqual([]);
    expect(problems[0]?.message).toContain(`"bad" in ${text}.`);
  });

  it("lists some of a million bad names", () => {
    const map = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`t${index}`, "../x"]));
    const { problems } = parseShardIndex(indexOf(map));
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)?.message).toContain("99,800 more");
  });

  it("refuses more shards than any model has", () => {
    const map = (count: number) =>
      indexOf(
        Object.fromEntries(
          Array.from({ length: count }, (_, index) => [`t${index}`, `${index}.safetensors`]),
        ),
      );
    expect(parseShardIndex(map(20_000)).shardNames).toHaveLength(20_000);
    expect(errorOf(map(20_001))).toMatchObject({
      code: "InvalidIndex",
      message: expect.stringContaining("20,001 shards"),
    });
  });

  it("takes names of tensors as they are", () => {
    const { weightMap } = parseShardIndex('{"weight_map": {"__proto__": "a", "10": "a", "9": "a", "": "a"}}');
    expect([...weightMap.keys()]).toEqual(["__proto__", "10", "9", ""]);
  });

  it.each([
    ["null", '{"weight_map": null}'],
    ["missing", "{}"],
    ["an array", '{"weight_map": []}'],
    ["a string", '{"weight_map": "a.safetensors"}'],
  ])("refuses an index whose weight_map is %s", (_what, text) => {
    expect(errorOf(text)).toMatchObject({
      code: "InvalidIndex",
      message: expect.stringContaining("weight_map"),
    });
  });

  it.each(["[]", "1", '"x"', "null"])("refuses %s", (text) => {
    expect(errorOf(text)).toMatchObject({ code: "InvalidIndex", offset: 0 });
  });

  it("says at which byte an index ends early", () => {
    const text = '{"weight_map": {"é": "a.safetensors", "b": "a.saf';
    expect(errorOf(text)).toMatchObject({
      code: "InvalidIndex",
      offset: new TextEncoder().encode(text).length,
    });
    expect(errorOf(text).message).toContain("ends early");
    expect(errorOf("").code).toBe("InvalidIndex");
  });

  it("says at which byte an index is no JSON", () => {
    expect(errorOf('{"é": 1, oops}')).toMatchObject({ code: "InvalidIndex", offset: 10 });
  });
});
