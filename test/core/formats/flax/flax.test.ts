import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { mappingOf } from "../../../../src/core/formats/contentView";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { CountingSource } from "../../../support/countingSource";
import { MemoryFiles } from "../../../support/memoryFiles";
import { openTensors } from "../../../support/openTensors";

/** MessagePack after its specification: small maps and texts, and bytes with a length of 32 bits. */
const text = (value: string) => [0xa0 + value.length, ...Buffer.from(value)];
const map = (entries: Readonly<Record<string, readonly number[]>>) => [
  0x80 + Object.keys(entries).length,
  ...Object.entries(entries).flatMap(([key, value]) => [...text(key), ...value]),
];
const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
const array = (shape: readonly number[], dtype: string, bytes: Uint8Array, type = 1) => {
  const inner = [0x93, 0x90 + shape.length, ...shape, ...text(dtype), 0xc6, ...word(bytes.length), ...bytes];
  return [0xc9, ...word(inner.length), type, ...inner];
};
const f32 = (...values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const kernel = f32(1, 2, 3, 4, 5, 6);
const state = Uint8Array.from(
  map({
    step: array([], "int32", Uint8Array.of(7, 0, 0, 0), 3),
    params: map({ Dense_0: map({ kernel: array([2, 3], "float32", kernel) }) }),
    opt_state: map({ 0: map({ mu: map({ Dense_0: map({ kernel: array([2, 3], "float32", kernel) }) }) }) }),
    note: text("a run"),
  }),
);
const open = (bytes: Uint8Array, name = "/checkpoint_7") =>
  openTensors(new MemoryFiles({ [name]: bytes }), name);

describe("a checkpoint of Flax", () => {
  test("gives its arrays by their paths, and joins the moments", async () => {
    const { checkpoint, tensors } = await open(state);
    expect(checkpoint.format).toBe("flax");
    expect(checkpoint.problems).toEqual([]);
    expect(tensors).toEqual({
      step: { dtype: "I32", shape: [], sha256: sha256(Uint8Array.of(7, 0, 0, 0)) },
      "params.Dense_0.kernel": { dtype: "F32", shape: [2, 3], sha256: sha256(kernel) },
      "opt_state.0.mu.Dense_0.kernel": { dtype: "F32", shape: [2, 3], sha256: sha256(kernel) },
    });
    expect(checkpoint.metadata.get("note")).toBe("a run");
    expect(checkpoint.content).toBeDefined();
  });

  test("begins with a step that is a plain number, which is no opcode of a pickle", async () => {
    const params = map({ Dense_0: map({ kernel: array([2, 3], "float32", kernel) }) });
    const { checkpoint, tensors } = await open(
      Uint8Array.from(map({ step: [2], params, opt_state: map({}) })),
    );
    expect([checkpoint.format, checkpoint.imports, checkpoint.problems]).toEqual(["flax", undefined, []]);
    expect(Object.keys(tensors)).toEqual(["params.Dense_0.kernel"]);
    expect(mappingOf(checkpoint.content?.root)?.get("step")).toBe(2);
  });

  test("is a folder by the file of its last step, or by the one that Orbax kept so", async () => {
    const steps = {
      "/run/checkpoint_9": state,
      "/run/checkpoint_10": state,
      "/run/events.log": Uint8Array.of(1),
    };
    const { checkpoint, tensors } = await openTensors(new MemoryFiles(steps), "/run");
    expect(checkpoint.path).toBe("/run/checkpoint_10");
    expect(tensors["params.Dense_0.kernel"]?.sha256).toBe(sha256(kernel));
    expect(checkpoint.problems.map(({ code }) => code)).toEqual(["OtherCheckpoints"]);
    const single = await openTensors(new MemoryFiles({ "/checkpoint_7/checkpoint": state }), "/checkpoint_7");
    expect(single.checkpoint.problems).toEqual([]);
    expect(single.tensors["params.Dense_0.kernel"]?.sha256).toBe(sha256(kernel));
    // TensorFlow's note of that name is text.
    const note = { "/m/checkpoint": 'model_checkpoint_path: "ckpt-1"' };
    await expect(openTensors(new MemoryFiles(note), "/m")).rejects.toMatchObject({ code: "NoWeights" });
  });

  test("puts an array together that was cut", async () => {
    const cut = map({
      __msgpack_chunked_array__: [0xc3],
      shape: map({ 0: [2], 1: [3] }),
      chunks: map({
        0: array([4], "float32", kernel.slice(0, 16)),
        1: array([2], "float32", kernel.slice(16)),
      }),
    });
    const { tensors } = await open(Uint8Array.from(map({ params: map({ w: cut }) })), "/m.msgpack");
    expect(tensors).toEqual({ "params.w": { dtype: "F32", shape: [2, 3], sha256: sha256(kernel) } });
  });

  test("is read without the bytes of long arrays", async () => {
    const many = array([100, 100, 100], "uint8", new Uint8Array(1_000_000));
    const bytes = Uint8Array.from(map({ params: map({ a: many, b: many }) }));
    const source = new CountingSource(new MemoryByteSource(bytes));
    await readCheckpointFile(source, "m.msgpack", "m.msgpack");
    expect(source.bytesRead).toBeLessThan(300_000);
  });

  test("that is cut anywhere is refused, or shown with an error", async () => {
    for (let length = 1; length < state.length; length++) {
      const source = new MemoryByteSource(state.slice(0, length));
      const outcome = await readCheckpointFile(source, "m.msgpack", "m").catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(CheckpointError);
      else
        expect(outcome).toMatchObject({
          problems: expect.arrayContaining([expect.objectContaining({ severity: "error" })]),
        });
    }
  });

  test("whose array lies about its size says where", async () => {
    const bytes = Uint8Array.from(map({ params: map({ w: array([9], "float32", kernel) }) }));
    await expect(open(bytes)).rejects.toMatchObject({ code: "DamagedMsgpack" });
  });
});

describe("a checkpoint of Orbax that keeps its values in one file of MessagePack", () => {
  const inner = {
    step: [7],
    params: map({ params: map({ w: array([2, 3], "float32", kernel) }) }),
    opt_state: map({
      0: map({
        count: array([], "int32", Uint8Array.of(5, 0, 0, 0)),
        mu: map({ params: map({ w: array([2, 3], "float32", kernel) }) }),
      }),
    }),
  };
  const keys = ["step", "params.params.w", "opt_state.0.count", "opt_state.0.mu.params.w", "lost"];
  const tree = Object.fromEntries(
    keys.map((key) => [
      key,
      {
        key_metadata: `model.${key}`.split(".").map((part) => ({ key: part, key_type: 2 })),
        value_metadata: { value_type: key === "step" ? "scalar" : "np.ndarray", skip_deserialize: false },
      },
    ]),
  );
  const files = {
    "/c/_METADATA": new TextEncoder().encode(JSON.stringify({ tree_metadata: tree })),
    "/c/checkpoint": Uint8Array.from(map({ model: map(inner) })),
  };

  test("gives them under the names of its tree, and misses what is in neither", async () => {
    const { checkpoint, tensors } = await openTensors(new MemoryFiles(files), "/c");
    expect(checkpoint.format).toBe("orbax");
    expect(tensors["model.params.params.w"]).toEqual({ dtype: "F32", shape: [2, 3], sha256: sha256(kernel) });
    expect(checkpoint.problems.map(({ code, tensor }) => [code, tensor])).toEqual([
      ["MissingTensor", "model.lost"],
    ]);
    expect(checkpoint.metadata.get("model.step")).toBe("7");
  });

  test("joins moments to parameters below a name of their own, and tells the step of the file", async () => {
    const { checkpoint } = await open(files["/c/checkpoint"], "/checkpoint");
    expect([...(checkpoint.content?.parameters ?? [])]).toEqual(["model.params.params.w"]);
    const root = mappingOf(checkpoint.content?.root ?? null);
    expect(root?.get("step")).toBe(7);
    expect([
      ...(mappingOf(mappingOf(root?.get("optimizer") ?? null)?.get("state") ?? null)?.keys ?? []),
    ]).toEqual(["model.params.params.w"]);
  });
});
