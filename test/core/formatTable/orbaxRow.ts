import { deflateSync, gzipSync } from "node:zlib";
import { expect } from "vitest";
import { ocdbtFolder } from "../../support/made/ocdbtFolder";
import { MemoryFiles } from "../../support/memoryFiles";
import type { FormatRow } from "./formatRow";
import { f32, fixture, fixtureJson, holds, oneFile, open, sha256, tells, type WantedTensor } from "./proof";

type Tensors = Readonly<Record<string, WantedTensor>>;
const dtypes: Readonly<Record<string, string>> = { float32: "F32", int32: "I32", int64: "I64" };

function wantedOf(name: string): Tensors {
  const { [name]: entry } =
    fixtureJson<Readonly<Record<string, { tensors: Tensors }>>>("foreign/expected.json");
  const tensors = Object.entries(entry?.tensors ?? {}).map(([key, tensor]) => {
    return [key, { ...tensor, dtype: dtypes[tensor.dtype] ?? tensor.dtype }] as const;
  });
  return Object.fromEntries(tensors);
}

const whole = f32(0, 1, 2, 3, 4, 5);
const wanted = { dtype: "F32", shape: [2, 3], sha256: sha256(whole) };
const zarray = (more: object) => {
  const plain = { zarr_format: 2, shape: [2, 3], chunks: [2, 3], dtype: "<f4", order: "C", filters: null };
  return new TextEncoder().encode(JSON.stringify({ ...plain, compressor: null, fill_value: 0, ...more }));
};
/** One array of one chunk. */
const array = (more: object, stored: Uint8Array) =>
  new MemoryFiles(
    ocdbtFolder("/f", [
      { key: "w/.zarray", value: zarray(more), inline: true },
      { key: "w/0.0", value: stored },
    ]),
  );
const packed = (id: string, stored: Uint8Array) => array({ compressor: { id } }, stored);
const holdsPacked = (id: string, stored: Uint8Array) => holds(packed(id, stored), "/f", { w: wanted });

/** Python's bz2.compress of the six values. */
const bzip2 = Buffer.from(
  "425a6839314159265359ea9290f60000004c5050000000c00040004000200030c006689a528a313ed2d985e2ee48a70a121d52521ec0",
  "hex",
);

/** A chunk costs its own bytes, and no other chunk is read. */
async function readsByChunk(): Promise<void> {
  const [rows, columns, side] = [8, 8, 4];
  const chunks = [0, 1].flatMap((row) =>
    [0, 1].map((column) => ({ key: `w/${row}.${column}`, value: f32(...Array(side * side).fill(row)) })),
  );
  const value = zarray({ shape: [rows, columns], chunks: [side, side] });
  const files = new MemoryFiles(ocdbtFolder("/f", [{ key: "w/.zarray", value, inline: true }, ...chunks]));
  const session = await open(files, "/f");
  const reader = session.tensorReader();
  const [tensor] = session.checkpoint.tensors;
  if (tensor === undefined) throw new Error("no tensor");
  const before = files.counts.bytesRead;
  await reader.readRange(tensor, tensor.byteSize - 4, 4);
  expect(files.counts.bytesRead - before).toBeLessThanOrEqual(4 * side * side);
  await reader.close();
}

const shardJson = (inner: readonly object[]) => {
  const bytes = { name: "bytes", configuration: { endian: "little" } };
  const index = { name: "bytes", configuration: { endian: "little" } };
  const sharded = (codecs: readonly object[], shape: readonly number[]) => ({
    name: "sharding_indexed",
    configuration: { chunk_shape: shape, codecs, index_codecs: [index] },
  });
  return new TextEncoder().encode(
    JSON.stringify({
      zarr_format: 3,
      node_type: "array",
      shape: [2, 3],
      data_type: "float32",
      chunk_grid: { name: "regular", configuration: { chunk_shape: [2, 3] } },
      chunk_key_encoding: { name: "default", configuration: { separator: "/" } },
      fill_value: 0,
      codecs: [sharded(inner.length === 0 ? [sharded([bytes], [1, 3])] : inner, [2, 3])],
    }),
  );
};

/** A shard that holds one shard of two rows; the index of each stands at its end. */
function shardOfShards(): MemoryFiles {
  const entry = (offset: number, length: number) => BigUint64Array.of(BigInt(offset), BigInt(length));
  const bytesOf = (...parts: readonly ArrayBufferView[]) =>
    Uint8Array.from(parts.flatMap(({ buffer }) => [...new Uint8Array(buffer)]));
  const inner = bytesOf(f32(0, 1, 2), f32(3, 4, 5), entry(0, 12), entry(12, 12));
  const outer = bytesOf(inner, entry(0, inner.length));
  return new MemoryFiles(
    ocdbtFolder("/f", [
      { key: "w/zarr.json", value: shardJson([]), inline: true },
      { key: "w/c/0/0", value: outer },
    ]),
  );
}

async function momentsHavePaths(): Promise<void> {
  const session = await open(fixture("foreign/orbax"), "/f");
  const [optimizer] = session.inside?.optimizers ?? [];
  const [parameter] = optimizer?.parameters ?? [];
  expect(optimizer?.parameters).toHaveLength(4);
  expect([...(parameter?.tensors.keys() ?? [])].sort()).toEqual(["mu", "nu"]);
}

const processes = () =>
  new MemoryFiles({
    ...ocdbtFolder("/f/ocdbt.process_0", [
      { key: "a/.zarray", value: zarray({}), inline: true },
      { key: "a/0.0", value: whole },
    ]),
    ...ocdbtFolder("/f/ocdbt.process_1", [
      { key: "b/.zarray", value: zarray({}), inline: true },
      { key: "b/0.0", value: whole },
    ]),
    "/f/_METADATA": "{}",
  });

async function processesAreJoined(): Promise<void> {
  const { checkpoint } = await open(processes(), "/f");
  expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["a", "b"]);
}

const zstd = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 24, (24 << 3) | 1, 0, 0, ...whole);
const blosc = () => {
  const head = new Uint8Array(Uint32Array.of(0x04_02_01_02, 24, 24, 40).buffer);
  return Uint8Array.from([...head, ...whole]);
};
const dtypeTold = (dtype: string) =>
  tells(array({ dtype, chunks: [2, 3] }, new Uint8Array(6)), "/f", "UnreadableArray");

export const orbaxRow: FormatRow = {
  alike: [
    [() => fixture("foreign/orbax"), "/f"],
    [() => oneFile("foreign/state.msgpack"), "/f/state.msgpack"],
  ],
  proofs: {
    format: {
      Orbax: () => holds(fixture("foreign/orbax"), "/f", wantedOf("orbax")),
      OCDBT: () => holds(fixture("foreign/orbax"), "/f", wantedOf("orbax")),
      "zarr 2 and 3": async () => {
        for (const name of ["zarr2", "zarr3"]) await holds(fixture(`foreign/${name}`), "/f", wantedOf(name));
      },
      Flax: () => holds(oneFile("foreign/state.msgpack"), "/f/state.msgpack", wantedOf("state.msgpack")),
    },
    read: {
      "by chunk": readsByChunk,
      "in any order of the axes": () =>
        holds(array({ order: "F" }, f32(0, 3, 1, 4, 2, 5)), "/f", { w: wanted }),
      gzip: () => holdsPacked("gzip", new Uint8Array(gzipSync(whole))),
      zlib: () => holdsPacked("zlib", new Uint8Array(deflateSync(whole))),
      bzip2: () => holdsPacked("bz2", new Uint8Array(bzip2)),
      Zstandard: () => holdsPacked("zstd", zstd),
      LZ4: () => holdsPacked("lz4", Uint8Array.of(24, 0, 0, 0, 0xf0, 24 - 15, ...whole)),
      Blosc: () => holdsPacked("blosc", blosc()),
      "shards in shards": () => holds(shardOfShards(), "/f", { w: wanted }),
    },
    joined: {
      "databases of all processes": processesAreJoined,
      "Optax moments by path": momentsHavePaths,
    },
    not: {
      "other compressions": () => tells(packed("lzma", whole), "/f", "UnreadableArray"),
      "filters of zarr 2": () => tells(array({ filters: [{ id: "delta" }] }, whole), "/f", "UnreadableArray"),
      "dtypes beyond E4M3": () => dtypeTold("float8_e3m4"),
      E5M2: () => dtypeTold("float8_e4m3b11fnuz"),
      "E8M0 and integers of 2 and 4 bits": () => dtypeTold("float4_e2m1fn"),
      "warned of": () => tells(packed("lzma", whole), "/f", "UnreadableArray"),
    },
  },
};
