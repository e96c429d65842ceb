import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { readBundleIndex, sliceKey } from "../../../../src/core/formats/tensorflow/bundleIndex";
import { unpackSnappy } from "../../../../src/core/formats/tensorflow/snappy";
import { optimizerStates } from "../../../../src/core/optimizer/optimizerState";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { protoBytes, protoNumber, varint } from "../../../support/made/proto";
import { type BundledTensor, bundleTypes, tensorflowBundle } from "../../../support/made/tensorflowBundle";
import { MemoryFiles } from "../../../support/memoryFiles";
import { openTensors } from "../../../support/openTensors";

const f32 = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const kernel: BundledTensor = {
  key: "model/dense/kernel/.ATTRIBUTES/VARIABLE_VALUE",
  type: bundleTypes.F32,
  shape: [2, 3],
  bytes: f32(1, 2, 3, 4, 5, 6),
};
const step: BundledTensor = {
  key: "save_counter/.ATTRIBUTES/VARIABLE_VALUE",
  type: bundleTypes.I64,
  shape: [],
  bytes: new Uint8Array(BigInt64Array.of(7n).buffer),
};
const graph: BundledTensor = { key: "_CHECKPOINTABLE_OBJECT_GRAPH", type: bundleTypes.string, shape: [] };

const filesOf = (files: Record<string, Uint8Array | string>) => new MemoryFiles(files);

const value = (path: string) => `${path}/.ATTRIBUTES/VARIABLE_VALUE`;
const textOf = (text: string) => [...Buffer.from(text)];

/** The value of `_CHECKPOINTABLE_OBJECT_GRAPH`: nodes with what hangs on them, and the variable that each is. */
function objectGraph(nodes: readonly { children?: Record<string, number>; key?: string; own?: string }[]) {
  const graph = nodes.flatMap(({ children = {}, key, own = "" }) => {
    const links = Object.entries(children).flatMap(([name, node]) =>
      protoBytes(1, [...protoNumber(1, node), ...protoBytes(2, textOf(name))]),
    );
    const texts = ["VARIABLE_VALUE", own, key ?? ""];
    const variable = texts.flatMap((text, at) => protoBytes(at + 1, textOf(text)));
    return protoBytes(1, [...links, ...(key === undefined ? [] : protoBytes(2, variable))]);
  });
  const bytes = Uint8Array.from([...varint(graph.length), 0, 0, 0, 0, ...graph]);
  return { key: "_CHECKPOINTABLE_OBJECT_GRAPH", type: bundleTypes.string, shape: [], bytes };
}

describe("the objects of a checkpoint of TensorFlow", () => {
  const weight = (key: string, shape = [2, 3]): BundledTensor => ({ ...kernel, key: value(key), shape });
  const scalar = (key: string) => ({ ...step, key: value(key) });
  const open = (tensors: readonly BundledTensor[]) =>
    openCheckpoint(filesOf(tensorflowBundle("/m/ckpt-1", tensors)), "/m");

  test("say which variables are parameters and what the optimizer keeps of each, whatever their keys", async () => {
    const graph = objectGraph([
      { children: { model: 1, optimizer: 2, save_counter: 9 } },
      { children: { optimizer: 2 } },
      { children: { _variables: 3, _trainable_variables: 4, _iterations: 5, _momentums: 6 } },
      { children: { 0: 5, 1: 8 } },
      { children: { 0: 7 } },
      { key: value("optimizer/_iterations"), own: "sgd/iteration" },
      { children: { 0: 8 } },
      { key: value("optimizer/_trainable_variables/0"), own: "net/dense/kernel" },
      { key: value("optimizer/_variables/1"), own: "sgd/net_dense_kernel_momentum" },
      { key: value("save_counter"), own: "save_counter" },
    ]);
    const checkpoint = await open([
      graph,
      weight("optimizer/_trainable_variables/0"),
      weight("optimizer/_variables/1"),
      scalar("optimizer/_iterations"),
      scalar("save_counter"),
    ]);
    expect(checkpoint.problems).toEqual([]);
    expect([...(checkpoint.content?.parameters ?? [])]).toEqual([value("optimizer/_trainable_variables/0")]);
    expect([...checkpoint.aliases]).toEqual([
      ["net/dense/kernel", value("optimizer/_trainable_variables/0")],
    ]);
    const [optimizer] = checkpoint.content === undefined ? [] : optimizerStates(checkpoint.content);
    expect(optimizer?.name).toBe("SGD with momentum or Lion");
    expect(optimizer?.parameters).toMatchObject([{ name: value("optimizer/_trainable_variables/0") }]);
    expect(optimizer?.parameters[0]?.tensors.get("momentum")?.name).toBe(value("optimizer/_variables/1"));
    expect([...(optimizer?.groups[0]?.settings.keys() ?? [])]).toEqual(["iterations"]);
  });

  test("tell the copies that Keras 3 exports beside the variables", async () => {
    const graph = objectGraph([
      { children: { variables: 1, _all_variables: 2 } },
      { children: { 0: 3, 1: 4 } },
      { children: { 0: 5 } },
      { key: value("variables/0"), own: "net/kernel" },
      { key: value("variables/1"), own: "seed_generator/seed_generator_state" },
      { key: value("_all_variables/0"), own: "net/kernel" },
    ]);
    const checkpoint = await open([
      graph,
      weight("variables/0"),
      { ...scalar("variables/1"), shape: [1] },
      weight("_all_variables/0"),
    ]);
    expect([...(checkpoint.content?.parameters ?? [])]).toEqual([value("variables/0")]);
    expect([...checkpoint.aliases]).toEqual([["net/kernel", value("variables/0")]]);
  });

  test("that are damaged are told, and names tell the rest", async () => {
    const graph = { ...objectGraph([{ key: "a" }]), bytes: Uint8Array.of(3, 0, 0, 0, 0, 10, 200, 1) };
    const checkpoint = await open([graph, weight("model/w")]);
    expect(checkpoint.problems.map(({ code }) => code)).toEqual(["DamagedObjectGraph"]);
    expect([...(checkpoint.content?.parameters ?? [])]).toEqual([value("model/w")]);
  });
});

describe("a checkpoint of TensorFlow", () => {
  const many = Array.from({ length: 20 }, (_, at): BundledTensor => {
    return { ...kernel, key: `layer_${at}/kernel`, bytes: f32(at, 0, 0, 0, 0, 1), shard: at % 3 };
  });

  test.each([
    ["prefix", "/m/ckpt-5"],
    ["index", "/m/ckpt-5.index"],
    ["shard", "/m/ckpt-5.data-00001-of-00003"],
    ["folder", "/m"],
  ])("opens by its %s, over several shards", async (_, path) => {
    const files = filesOf(tensorflowBundle("/m/ckpt-5", [...many, step, graph], { shards: 3 }));
    const { checkpoint, tensors } = await openTensors(files, path);
    expect(checkpoint.format).toBe("tf-bundle");
    expect(checkpoint.problems).toEqual([]);
    for (const { key, bytes = new Uint8Array() } of many)
      expect(tensors[key as string]).toEqual({ dtype: "F32", shape: [2, 3], sha256: sha256(bytes) });
    expect(tensors[step.key as string]).toMatchObject({ dtype: "I64", shape: [] });
    expect(tensors._CHECKPOINTABLE_OBJECT_GRAPH).toEqual({
      dtype: "string",
      shape: [],
      sha256: undefined,
    });
  });

  test("of a folder the newest is shown, as the file of that name says, or by its number", async () => {
    const three = {
      ...tensorflowBundle("/m/ckpt-2", [step]),
      ...tensorflowBundle("/m/ckpt-10", [kernel]),
    };
    const byNumber = await openCheckpoint(filesOf(three), "/m");
    expect(byNumber.tensors.map(({ name }) => name)).toEqual([kernel.key]);
    const told = { ...three, "/m/checkpoint": 'model_checkpoint_path: "/old/place/ckpt-2"\n' };
    const byFile = await openCheckpoint(filesOf(told), "/m");
    expect(byFile.tensors.map(({ name }) => name)).toEqual([step.key]);
    const gone = { ...three, "/m/checkpoint": 'model_checkpoint_path: "ckpt-11"\n' };
    const problems = (await openCheckpoint(filesOf(gone), "/m")).problems;
    expect(problems.map(({ code }) => code)).toEqual(["NamedCheckpointMissing", "OtherCheckpoints"]);
  });

  test("in a SavedModel opens by the folder of it", async () => {
    const files = filesOf({
      ...tensorflowBundle("/s/variables/variables", [kernel]),
      "/s/saved_model.pb": "x",
    });
    const { checkpoint, tensors } = await openTensors(files, "/s");
    expect(checkpoint.layout?.label).toContain("SavedModel");
    const { missingParts, resumable } = (
      await CheckpointSession.open(files, "/s", () => undefined)
    ).summary();
    expect(missingParts).toEqual([]);
    expect(resumable.reason).toMatch(/^s is a SavedModel without an optimizer, made for inference/);
    expect(tensors[kernel.key as string]?.sha256).toBe(sha256(kernel.bytes as Uint8Array));
  });

  test("with the high byte first reads the same values", async () => {
    const bytes = (kernel.bytes as Uint8Array).slice();
    for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
    const files = filesOf(tensorflowBundle("/m/c", [{ ...kernel, bytes }], { bigEndian: true }));
    const { tensors } = await openTensors(files, "/m/c");
    expect(tensors[kernel.key as string]?.sha256).toBe(sha256(kernel.bytes as Uint8Array));
  });

  describe("with a partitioned variable", () => {
    // Keys by the rules of ordered_code.cc, written out: 0, the name, 0 1, the number of axes with its length, and
    // for each axis start and length: 0x80 ^ value, or -1 (0x7f) for the whole axis.
    const key = (start: number, length: number) =>
      Uint8Array.from([0, 0x65, 0x6d, 0x62, 0, 1, 1, 2, 0x80 ^ start, 0x80 ^ length, 0x80, 0x7f]);
    const part = (
      start: number,
      length: number,
      shard: number,
      ...values: readonly number[]
    ): BundledTensor => ({
      key: key(start, length),
      type: bundleTypes.F32,
      shape: [length, 2],
      shard,
      bytes: f32(...values),
    });
    const whole: BundledTensor = {
      key: "emb",
      type: bundleTypes.F32,
      shape: [3, 2],
      slices: [
        [[0, 2], undefined],
        [[2, 1], undefined],
      ],
    };
    const parts = [part(0, 2, 0, 1, 2, 3, 4), part(2, 1, 1, 5, 6)];

    test("puts its parts together", async () => {
      const files = filesOf(tensorflowBundle("/m/c", [whole, ...parts], { shards: 2 }));
      const { checkpoint, tensors } = await openTensors(files, "/m/c");
      expect(checkpoint.problems).toEqual([]);
      expect(tensors).toEqual({
        emb: { dtype: "F32", shape: [3, 2], sha256: sha256(f32(1, 2, 3, 4, 5, 6)) },
      });
    });

    test("says which part is missing", async () => {
      const bundle = tensorflowBundle("/m/c", [whole, ...parts.slice(0, 1)], { shards: 2 });
      const { problems } = await openCheckpoint(filesOf(bundle), "/m/c");
      expect(problems.map(({ message }) => message)).toEqual([
        '"emb" cannot be read whole: row 2: the index does not say where this part lies.',
      ]);
    });

    test("finds parts far into a long axis", () => {
      // 300 = 0x12c takes two bytes, whose first begins with two ones; 70,000 = 0x11170 takes three.
      const found = sliceKey("e", [[300, 70_000]]);
      const bytes = [...found].map((char) => char.charCodeAt(0));
      expect(bytes).toEqual([0, 0x65, 0, 1, 1, 1, 0xc1, 0x2c, 0xe1, 0x11, 0x70]);
    });
  });

  test("compressed by Snappy reads alike", async () => {
    // One literal: the length, a tag whose two bytes of length follow, the bytes.
    const pack = (block: Uint8Array) => {
      const { length } = block;
      const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
      return Uint8Array.from([...size, 61 << 2, (length - 1) & 255, (length - 1) >> 8, ...block]);
    };
    const files = filesOf(tensorflowBundle("/m/c", [kernel, step], { pack }));
    const { tensors } = await openTensors(files, "/m/c");
    expect(Object.keys(tensors)).toEqual([kernel.key, step.key]);
  });
});

describe("Snappy", () => {
  test("copies what came before, over its own end as well", () => {
    // "ab", then eight from two back, then "c", then four from eleven back (a copy of one byte of offset).
    const packed = [15, 1 << 2, 0x61, 0x62, (7 << 2) | 2, 2, 0, 0, 0x63, (0 << 2) | 1, 11];
    expect(new TextDecoder().decode(unpackSnappy(Uint8Array.from(packed), 100))).toBe("abababababcabab");
  });

  test.each([
    ["claims more than it may", [0xff, 0xff, 0xff, 0xff, 0x07]],
    ["copies from before its beginning", [4, (3 << 2) | 2, 9, 0]],
    ["has a literal that is cut", [8, 7 << 2, 0x61]],
    ["is shorter than it says", [8, 0, 0x61]],
  ])("that %s is refused", (_, packed) => {
    expect(() => unpackSnappy(Uint8Array.from(packed), 1000)).toThrow(CheckpointError);
  });
});

describe("a damaged checkpoint of TensorFlow", () => {
  const bundle = () => tensorflowBundle("/m/c", [kernel, step]);

  test("without its data says which file is missing, and shows names and shapes", async () => {
    const { "/m/c.index": index } = bundle();
    const { checkpoint, tensors } = await openTensors(
      filesOf({ "/m/c.index": index as Uint8Array }),
      "/m/c.index",
    );
    expect(checkpoint.problems).toMatchObject([{ severity: "error", code: "MissingShard" }]);
    expect(tensors[kernel.key as string]).toEqual({ dtype: "F32", shape: [2, 3], sha256: undefined });
  });

  test("whose data is a pointer of Git LFS says so, and reads no numbers of its text", async () => {
    const files = bundle();
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 240000\n";
    files["/m/c.data-00000-of-00001"] = new TextEncoder().encode(pointer);
    const { problems } = await openCheckpoint(filesOf(files), "/m/c");
    expect(problems.map(({ code }) => code)).toEqual(["GitLfsPointer"]);
    files["/m/c.index"] = new TextEncoder().encode(pointer);
    await expect(openCheckpoint(filesOf(files), "/m/c")).rejects.toThrow("Git LFS");
  });

  test("without its index says which file is missing", async () => {
    const { "/m/c.data-00000-of-00001": data } = bundle();
    const files = filesOf({ "/m/c.data-00000-of-00001": data as Uint8Array });
    const message = "in c.index, which is not beside it";
    await expect(openCheckpoint(files, "/m/c.data-00000-of-00001")).rejects.toThrow(message);
  });

  test("whose data is cut says of which tensor", async () => {
    const files = bundle();
    files["/m/c.data-00000-of-00001"] = files["/m/c.data-00000-of-00001"]?.slice(0, 26) as Uint8Array;
    const { problems } = await openCheckpoint(filesOf(files), "/m/c");
    expect(problems).toMatchObject([{ code: "TensorBeyondEnd", tensor: step.key }]);
  });

  test("whose sizes lie says so", async () => {
    const files = tensorflowBundle("/m/c", [{ ...kernel, claimedSize: 20 }]);
    const { problems } = await openCheckpoint(filesOf(files), "/m/c");
    expect(problems).toMatchObject([{ code: "TensorSizeMismatch" }]);
  });

  test("whose index is cut anywhere is refused", () => {
    const index = bundle()["/m/c.index"] as Uint8Array;
    for (let length = 0; length < index.length; length++)
      expect(() => readBundleIndex(index.slice(0, length))).toThrow(CheckpointError);
  });

  test("that counts more shards than any has is refused", async () => {
    const files = bundle();
    const index = tensorflowBundle("/m/c", [kernel], { shards: 1 });
    const bytes = index["/m/c.index"] as Uint8Array;
    // The header is the first entry: shared, unshared, length of the value, then field 1.
    expect([...bytes.slice(0, 5)]).toEqual([0, 0, 2, 8, 1]);
    bytes[4] = 0;
    const { problems } = await openCheckpoint(filesOf({ ...files, "/m/c.index": bytes }), "/m/c.index");
    expect(problems.map(({ message }) => message).join()).toContain("the checkpoint has no shard 0");
  });
});
