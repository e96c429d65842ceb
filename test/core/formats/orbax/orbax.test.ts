import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { CheckpointSession } from "../../../../src/core/session/checkpointSession";
import { sampledFindings } from "../../../../src/core/session/sampledValues";
import { heldBytes } from "../../../../src/core/tensors/readAssembly";
import type { Tensor } from "../../../../src/core/tensors/tensor";
import { type OcdbtEntry, ocdbtFolder } from "../../../support/made/ocdbtFolder";
import { MemoryFiles } from "../../../support/memoryFiles";
import { openTensors } from "../../../support/openTensors";
import { plainCrc32c } from "../../runs/logs/checksums";

const f32 = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const range = (count: number) => Array.from({ length: count }, (_, at) => at);

/** 3 × 5 in chunks of 2 × 4: those at the edges are stored whole, and what is beyond is cut off. */
const shape = [3, 5];
const whole = f32(range(15));
const chunk = (row: number, column: number) =>
  f32(
    range(2).flatMap((r) =>
      range(4).map((c) => (row + r < 3 && column + c < 5 ? (row + r) * 5 + column + c : 99)),
    ),
  );
const chunks: readonly (readonly [place: string, bytes: Uint8Array])[] = [
  ["0.0", chunk(0, 0)],
  ["0.1", chunk(0, 4)],
  ["1.0", chunk(2, 0)],
  ["1.1", chunk(2, 4)],
];
const zarray = (more: object = {}) =>
  text({
    zarr_format: 2,
    shape,
    chunks: [2, 4],
    dtype: "<f4",
    compressor: null,
    fill_value: null,
    order: "C",
    filters: null,
    ...more,
  });
const array2 = (key: string, more?: object, pack = (bytes: Uint8Array) => bytes): OcdbtEntry[] => [
  { key: `${key}/.zarray`, value: zarray(more), inline: true },
  ...chunks.map(([place, bytes]) => ({ key: `${key}/${place}`, value: pack(bytes) })),
];
const tree = (...names: readonly string[]) =>
  text({
    tree_metadata: Object.fromEntries(
      names.map((name) => [
        name,
        {
          key_metadata: name.split(".").map((key) => ({ key, key_type: 2 })),
          value_metadata: { value_type: "jax.Array", write_shape: shape },
        },
      ]),
    ),
    use_ocdbt: true,
    use_zarr3: false,
  });

const open = (files: Record<string, Uint8Array | string>, path = "/c") =>
  openTensors(new MemoryFiles(files), path);
const wanted = { dtype: "F32", shape, sha256: sha256(whole) };

describe("a checkpoint of Orbax", () => {
  test("puts arrays of zarr 2 together from the chunks in its database", async () => {
    const names = ["params.a", "params.b", "params.ü"];
    const files = ocdbtFolder(
      "/c",
      names.flatMap((name) => array2(name)),
      { leafEntries: 4 },
    );
    const { checkpoint, tensors } = await open({ ...files, "/c/_METADATA": tree(...names) });
    expect(checkpoint.format).toBe("orbax");
    expect(checkpoint.problems).toEqual([]);
    expect(tensors["params.a"]).toEqual(wanted);
    expect(tensors["params.b"]).toEqual(wanted);
  });

  test.each([
    ["with the high byte first", { dtype: ">f4" }, swap],
    [
      "compressed by gzip",
      { compressor: { id: "gzip", level: 5 } },
      (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
    ],
    [
      "of Blosc, here not packed",
      { compressor: { id: "blosc", cname: "lz4" } },
      (bytes: Uint8Array) => {
        const [size, blockSize, packedSize] = [bytes.length, bytes.length, bytes.length + 16];
        const head = new Uint8Array(Uint32Array.of(0x04_02_01_02, size, blockSize, packedSize).buffer);
        return Uint8Array.from([...head, ...bytes]);
      },
    ],
    [
      "of LZ4, here all literals",
      { compressor: { id: "lz4" } },
      (bytes: Uint8Array) => Uint8Array.from([bytes.length, 0, 0, 0, 0xf0, bytes.length - 15, ...bytes]),
    ],
    [
      "with the first axis fastest",
      { order: "F" },
      (bytes: Uint8Array) => {
        const values = new Float32Array(bytes.slice().buffer);
        return new Uint8Array(
          Float32Array.from(values, (_, at) => values[(at % 2) * 4 + (at >> 1)] as number).buffer,
        );
      },
    ],
  ])("reads chunks %s", async (_, more, pack) => {
    const { tensors } = await open(ocdbtFolder("/c", array2("w", more, pack)));
    expect(tensors.w).toEqual(wanted);
  });

  test.each([
    ["int4", "I4"],
    ["uint4", "U4"],
    ["int2", "I2"],
    ["float8_e8m0fnu", "F8_E8M0"],
    ["float8_e4m3fnuz", "F8_E4M3FNUZ"],
  ])("reads %s, a value a byte", async (dtype, wantedDtype) => {
    const bytes = Uint8Array.of(1, 2, 3, 0xff, 0, 1);
    const entries: OcdbtEntry[] = [
      { key: "w/.zarray", value: zarray({ dtype, shape: [2, 3], chunks: [2, 3] }), inline: true },
      { key: "w/0.0", value: bytes },
    ];
    const { tensors, checkpoint } = await open(ocdbtFolder("/c", entries));
    expect(checkpoint.problems).toEqual([]);
    expect(tensors.w).toEqual({ dtype: wantedDtype, shape: [2, 3], sha256: sha256(bytes) });
  });

  test("takes the fill value for chunks that were never written, and says that they are lost where all are", async () => {
    const some = array2("w", { fill_value: 7 }).filter(({ key }) => !key.endsWith("/0.1"));
    const files = ocdbtFolder("/c", some);
    const filled = whole.slice();
    new Float32Array(filled.buffer).set([7], 4);
    new Float32Array(filled.buffer).set([7], 9);
    expect((await open(files)).tensors.w?.sha256).toBe(sha256(filled));
    const all = text({ tree_metadata: {}, store_array_data_equal_to_fill_value: true });
    const { checkpoint, tensors } = await open({ ...files, "/c/_METADATA": all });
    expect(tensors.w?.sha256).toBeUndefined();
    expect(checkpoint.problems.map(({ message }) => message).join()).toContain("the chunk 0.1 is not there");
  });

  // Bytes by numpy and ml_dtypes.
  test.each([
    ["<f2", 1, [0x00, 0x3c]],
    ["bfloat16", 1.5, [0xc0, 0x3f]],
    ["<i8", -7, [0xf9, 255, 255, 255, 255, 255, 255, 255]],
    [">f4", 7, [0, 0, 0xe0, 0x40]],
    ["<f4", "0x7fc00000", [0, 0, 0xc0, 0x7f]],
    ["<i8", 2 ** 60, undefined],
  ])("fills what was never written of %s with %s", async (dtype, fill_value, bytes) => {
    const value = zarray({ dtype, fill_value, shape: [2], chunks: [2] });
    const { tensors } = await open({ "/c/_METADATA": tree("w"), "/c/w/.zarray": value });
    expect(tensors.w?.sha256).toBe(bytes && sha256(Uint8Array.from([...bytes, ...bytes])));
  });

  test.each([
    ["little", true],
    ["big", false],
  ])(
    "reads zarr 3 with shards (index %s-endian, checksum %s), of which some chunks were never written",
    async (endian, hasChecksum) => {
      // One shard of 4 × 8 over 3 × 5, with inner chunks of 2 × 4; the index stands at the end.
      const inner = [chunk(0, 0), undefined, chunk(2, 0), chunk(2, 4)];
      const shard: number[] = [];
      const index = new DataView(new ArrayBuffer(16 * 4 + (hasChecksum ? 4 : 0)));
      for (const [at, bytes] of inner.entries()) {
        const none = 2n ** 64n - 1n;
        index.setBigUint64(at * 16, bytes === undefined ? none : BigInt(shard.length), endian === "little");
        index.setBigUint64(
          at * 16 + 8,
          bytes === undefined ? none : BigInt(bytes.length),
          endian === "little",
        );
        shard.push(...(bytes ?? []));
      }
      const indexBytes = new Uint8Array(index.buffer, 0, 16 * 4);
      if (hasChecksum) index.setUint32(indexBytes.length, plainCrc32c(indexBytes), true);
      const codecs = [{ name: "bytes", configuration: { endian: "little" } }];
      const index_codecs = [
        { name: "bytes", configuration: { endian } },
        ...(hasChecksum ? [{ name: "crc32c" }] : []),
      ];
      const json = text({
        zarr_format: 3,
        node_type: "array",
        shape,
        data_type: "float32",
        chunk_grid: { name: "regular", configuration: { chunk_shape: [4, 8] } },
        chunk_key_encoding: { name: "default", configuration: { separator: "/" } },
        fill_value: 0,
        codecs: [{ name: "sharding_indexed", configuration: { chunk_shape: [2, 4], codecs, index_codecs } }],
      });
      const value = Uint8Array.from([...shard, ...new Uint8Array(index.buffer)]);
      const entries = [
        { key: "w/zarr.json", value: json, inline: true },
        { key: "w/c/0/0", value },
      ];
      const hollow = whole.slice();
      new Float32Array(hollow.buffer).set([0], 4);
      new Float32Array(hollow.buffer).set([0], 9);
      const { tensors } = await open(ocdbtFolder("/c", entries));
      expect(tensors.w).toEqual({ ...wanted, sha256: sha256(hollow) });
      if (!hasChecksum) return;
      // A bit of the index is another: no value of the array is told.
      const altered = value.with(value.length - 21, (value.at(-21) ?? 0) ^ 1);
      const broken = open(
        ocdbtFolder("/c", [entries[0] as (typeof entries)[0], { key: "w/c/0/0", value: altered }]),
      );
      expect((await broken).tensors.w?.sha256).toBeUndefined();
    },
  );

  test("reads scalars, and arrays that are plain files", async () => {
    const scalar = text({
      zarr_format: 2,
      shape: [],
      chunks: [],
      dtype: "<i4",
      compressor: null,
      fill_value: 0,
      order: "C",
    });
    const { checkpoint, tensors } = await open({
      "/c/_METADATA": tree("step", "w"),
      "/c/step/.zarray": scalar,
      "/c/step/0": Uint8Array.of(9, 0, 0, 0),
      "/c/w/.zarray": zarray(),
      ...Object.fromEntries(chunks.map(([place, bytes]) => [`/c/w/${place}`, bytes])),
    });
    expect(checkpoint.problems).toEqual([]);
    expect(tensors).toEqual({
      step: { dtype: "I32", shape: [], sha256: sha256(Uint8Array.of(9, 0, 0, 0)) },
      w: wanted,
    });
  });

  test("opens a step by its items, and the databases of processes that were not merged", async () => {
    const files = {
      ...ocdbtFolder("/c/state/ocdbt.process_0", array2("a")),
      ...ocdbtFolder("/c/state/ocdbt.process_1", array2("b")),
      "/c/_CHECKPOINT_METADATA": "{}",
    };
    const { checkpoint, tensors } = await open(files);
    expect(tensors).toEqual({ a: wanted, b: wanted });
    expect(checkpoint.problems).toMatchObject([{ severity: "warning", code: "UnmergedDatabases" }]);
    const old = Object.fromEntries(Object.entries(files).filter(([path]) => !path.endsWith("_METADATA")));
    expect(Object.keys((await open(old)).tensors)).toEqual(["a", "b"]);
  });
});

test("a look at the values unpacks no long chunks, however few values they hold", async () => {
  const claimed = { chunks: [1, 20_000_000], shape: [3, 1], compressor: { id: "gzip", level: 1 } };
  const files = ocdbtFolder("/c", [
    { key: "a/.zarray", value: zarray(claimed), inline: true },
    ...range(3).map((row) => ({ key: `a/${row}.0`, value: new Uint8Array(gzipSync(f32([Number.NaN]))) })),
  ]);
  const session = await CheckpointSession.open(
    new MemoryFiles({ ...files, "/c/_METADATA": tree("a") }),
    "/c",
    () => undefined,
  );
  const [tensor] = session.checkpoint.tensors;
  expect(heldBytes(tensor as Tensor, 12)).toBe(3 * 80_000_000);
  expect(heldBytes(tensor as Tensor, 4)).toBe(80_000_000);
  expect(await sampledFindings(session)).toEqual([]);
});

describe("a damaged checkpoint of Orbax", () => {
  const files = (): Record<string, Uint8Array> => ({
    ...ocdbtFolder("/c", array2("w")),
    "/c/_METADATA": tree("w", "lost"),
  });

  test("without its data says which file is missing, and shows what _METADATA lists", async () => {
    const { "/c/d/data": _, ...rest } = files();
    const { checkpoint, tensors } = await open(rest);
    expect(checkpoint.problems.map(({ code }) => code)).toEqual([
      "MissingFile",
      "MissingTensor",
      "MissingTensor",
    ]);
    expect(tensors.w).toEqual({ dtype: "unknown", shape, sha256: undefined });
  });

  test("whose database leads out of the folder is not followed", async () => {
    const outside = ocdbtFolder("/c", array2("w"), { dataFile: "../../etc/passwd" });
    await expect(openCheckpoint(new MemoryFiles(outside), "/c")).rejects.toMatchObject({
      code: "PathOutside",
    });
  });

  test.each(["/c/manifest.ocdbt", "/c/d/data"])("whose %s is cut anywhere says so", async (name) => {
    const all = files();
    const bytes = all[name] as Uint8Array;
    for (let length = 0; length < bytes.length; length += 7) {
      const { problems } = await openCheckpoint(
        new MemoryFiles({ ...all, [name]: bytes.slice(0, length) }),
        "/c",
      );
      expect(problems.some(({ severity }) => severity === "error")).toBe(true);
    }
  });

  test.each([
    ["is no JSON", "{"],
    ["has no shape", "{}"],
    ["has chunks of nothing", zarray({ chunks: [0, 4] })],
    ["has chunks with other axes", zarray({ chunks: [2] })],
  ])("whose array's description %s says so", async (_, value) => {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const { problems } = await openCheckpoint(
      new MemoryFiles(ocdbtFolder("/c", [{ key: "w/.zarray", value: bytes, inline: true }])),
      "/c",
    );
    expect(problems).toMatchObject([{ severity: "error", code: "InvalidZarr" }]);
  });

  test.each([
    ["of more chunks than any array has", { shape: [1e9, 1e9], chunks: [1, 1] }],
    ["packed in a way that is not known", { compressor: { id: "lzma" } }],
    ["that went through a filter", { filters: [{ id: "delta", dtype: "<f4" }] }],
    ["of floats that are not known", { dtype: "float8_e3m4" }],
  ])("with an array %s shows it without its values", async (_, more) => {
    const { tensors, checkpoint } = await open(ocdbtFolder("/c", array2("w", more)));
    expect(tensors.w?.sha256).toBeUndefined();
    // Nobody may call healthy what was not read.
    expect(checkpoint.problems).toMatchObject([
      { severity: "warning", code: "UnreadableArray", tensor: "w" },
    ]);
  });
});

function swap(bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  for (let at = 0; at < result.length; at += 4) result.subarray(at, at + 4).reverse();
  return result;
}
