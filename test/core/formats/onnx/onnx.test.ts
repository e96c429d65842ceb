import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import type { Tensor } from "../../../../src/core/tensors/tensor";
import { CountingSource } from "../../../support/countingSource";
import { protoBytes as counted, protoNumber as number, varint } from "../../../support/made/proto";

const words = (field: number, text: string) => counted(field, [...new TextEncoder().encode(text)]);
const floats = (...values: readonly number[]) => [...new Uint8Array(Float32Array.from(values).buffer)];

interface TensorFields {
  readonly name?: string;
  readonly type: number;
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

const tensorProto = ({ name, type, dims, values }: TensorFields) => [
  ...dims.flatMap((size) => number(1, size)),
  ...number(2, type),
  ...(name === undefined ? [] : words(8, name)),
  ...values,
];
const graph = (...fields: readonly number[][]) => fields.flat();
const model = (...graphFields: readonly number[][]) =>
  Uint8Array.from([
    ...number(1, 8),
    ...words(2, "pytorch"),
    ...counted(7, graph(...graphFields)),
    ...counted(8, number(2, 17)),
    ...counted(14, [...words(1, "author"), ...words(2, "someone")]),
  ]);

const read = (bytes: Uint8Array) => readCheckpointFile(new MemoryByteSource(bytes), "m.onnx", "m.onnx");

/** The bytes of a tensor, wherever they stand. */
async function bytesOf(tensor: Tensor, file: Uint8Array): Promise<Uint8Array> {
  if (tensor.layout === undefined) return file.slice(tensor.offset, tensor.offset + tensor.byteSize);
  const region = tensor.layout.storage.region;
  const source = await region?.open(new MemoryByteSource(file));
  return source?.read(0, source.size) ?? new Uint8Array();
}

describe("initializers", () => {
  test.each([
    ["raw bytes", 1, [2], counted(9, floats(1.5, -2)), "F32", floats(1.5, -2)],
    ["packed floats", 1, [2], counted(4, floats(1.5, -2)), "F32", floats(1.5, -2)],
    ["floats one by one", 1, [2], [0x25, ...floats(1.5), 0x25, ...floats(-2)], "F32", floats(1.5, -2)],
    [
      "packed int64, negative",
      7,
      [2],
      counted(7, [...varint(-1n), ...varint(5n)]),
      "I64",
      [...Array<number>(8).fill(255), 5, 0, 0, 0, 0, 0, 0, 0],
    ],
    ["int8 in int32_data", 3, [2], counted(5, [...varint(-128n), ...varint(127n)]), "I8", [0x80, 0x7f]],
    ["F16 in int32_data", 10, [1], counted(5, varint(0x3c00n)), "F16", [0x00, 0x3c]],
    ["BF16 raw", 16, [1], counted(9, [0x80, 0x3f]), "BF16", [0x80, 0x3f]],
    ["packed 4-bit", 22, [3], counted(9, [0x21, 0x03]), "I4", [0x21, 0x03]],
    [
      "a scalar",
      11,
      [],
      counted(10, [...new Uint8Array(Float64Array.of(0.1).buffer)]),
      "F64",
      [...new Uint8Array(Float64Array.of(0.1).buffer)],
    ],
  ] as const)("%s", async (_, type, dims, values, dtype, expected) => {
    const file = model(counted(5, tensorProto({ name: "w", type, dims, values })));
    const { format, tensors, problems } = await read(file);
    expect(format).toBe("onnx");
    expect(problems).toEqual([]);
    expect(tensors).toMatchObject([{ name: "w", dtype, shape: dims, byteSize: expected.length }]);
    expect([...(await bytesOf(tensors[0] as Tensor, file))]).toEqual([...expected]);
  });

  test("whose bytes do not fill their shape are told, and have none", async () => {
    const file = model(
      counted(5, tensorProto({ name: "w", type: 1, dims: [3], values: counted(9, floats(1)) })),
    );
    const { tensors, problems } = await read(file);
    expect(problems).toMatchObject([{ severity: "error", code: "TensorSizeMismatch" }]);
    expect(tensors[0]?.layout?.storage.region).toBeUndefined();
  });

  test("outside the file are named with their file, and not read", async () => {
    const external = counted(13, [...words(1, "location"), ...words(2, "../../etc/passwd")]);
    const file = model(
      counted(5, tensorProto({ name: "w", type: 1, dims: [2], values: [...external, ...number(14, 1)] })),
    );
    const { tensors, outside } = await read(file);
    expect(outside?.get("w")).toEqual({ location: "../../etc/passwd", offset: 0, length: undefined });
    expect(tensors[0]?.layout?.storage).toMatchObject({ region: undefined });
  });
});

describe("a model", () => {
  test("tells producer, operator set and metadata", async () => {
    const { metadata } = await read(model());
    expect(Object.fromEntries(metadata)).toEqual({
      ir_version: "8",
      producer_name: "pytorch",
      opset: "17",
      author: "someone",
    });
  });

  test("shows constants by their output, and those of subgraphs below it", async () => {
    const value = tensorProto({ type: 1, dims: [1], values: counted(9, floats(1)) });
    const constant = [...words(2, "c"), ...words(4, "Constant"), ...counted(5, counted(5, value))];
    const inner = counted(5, tensorProto({ name: "w", type: 1, dims: [1], values: counted(9, floats(2)) }));
    const branch = [...words(2, "y"), ...words(4, "If"), ...counted(5, counted(6, inner))];
    const { tensors } = await read(model(counted(1, constant), counted(1, branch)));
    expect(tensors.map(({ name }) => name)).toEqual(["c", "y/w"]);
  });

  test("with a payload of megabytes is opened by its fields alone", async () => {
    const values = counted(9, Array<number>(1_000_000).fill(0));
    const file = model(
      counted(5, tensorProto({ name: "a", type: 2, dims: [1_000_000], values })),
      counted(5, tensorProto({ name: "b", type: 2, dims: [1_000_000], values })),
    );
    const source = new CountingSource(new MemoryByteSource(file));
    const { tensors } = await readCheckpointFile(source, "m.onnx", "m.onnx");
    expect(tensors).toHaveLength(2);
    expect(source.bytesRead).toBeLessThan(300_000);
  });

  test("cut anywhere says so or shows what is whole, and never anything else", async () => {
    const tensors = ["a", "b"].map((name) =>
      counted(5, tensorProto({ name, type: 1, dims: [2], values: counted(9, floats(1, 2)) })),
    );
    const file = model(...tensors);
    for (let length = 1; length < file.length; length++) {
      const result = await read(file.slice(0, length)).catch((error: unknown) => error);
      if (result instanceof CheckpointError) continue;
      expect(result).toHaveProperty("tensors");
    }
  });

  test.each([
    ["a field of a type that does not exist", [...number(1, 8), ...words(2, "x"), 0x0f]],
    ["a number without an end", [...number(1, 8), ...words(2, "x"), ...Array<number>(12).fill(0xff)]],
    ["a count beyond the end", [...number(1, 8), ...words(2, "x"), 0x3a, 0xff, 0xff, 0x7f]],
  ])("with %s is an error with its offset", async (_, bytes) => {
    await expect(read(Uint8Array.from(bytes))).rejects.toMatchObject({
      code: "DamagedProtobuf",
      file: "m.onnx",
    });
  });
});
