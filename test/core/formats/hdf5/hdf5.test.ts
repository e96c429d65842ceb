import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { CountingSource } from "../../../support/countingSource";
import { MemoryFiles } from "../../../support/memoryFiles";
import { openTensors } from "../../../support/openTensors";
import { projectRoot } from "../../../support/projectRoot";

const folder = join(projectRoot, "test/fixtures/hdf5");
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
const read = (bytes: Uint8Array) => readCheckpointFile(new MemoryByteSource(bytes), "x.h5", "x.h5");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const open = (name: string) => openTensors(new MemoryFiles({ [`/${name}`]: bytesOf(name) }), `/${name}`);

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly sha256?: string;
}

/** What h5py read in the files that it wrote. */
const expected: Record<string, Record<string, Expected>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

test.each(["pickledAttribute.h5", "pickledOfDataset.h5"])(
  "a pickle in %s, which PyTables would load, is told",
  async (name) => {
    const { imports, problems } = await read(bytesOf(name));
    expect(imports).toMatchObject([{ global: "os.system", where: 'attribute "state"' }]);
    expect(problems.map(({ code }) => code)).toContain("DangerousImport");
  },
);

describe("an HDF5 file of h5py", () => {
  test.each(["earliest.h5", "latest.h5", "userBlock.h5"])(
    "%s: names, types, shapes and values are h5py's",
    async (name) => {
      const { checkpoint, tensors } = await open(name);
      expect(checkpoint.format).toBe("hdf5");
      const wanted = expected[name] ?? {};
      const found = Object.fromEntries(
        Object.entries(tensors).map(([key, { dtype, shape, sha256 }]) => {
          const hash = wanted[key]?.sha256 === undefined ? {} : { sha256 };
          return [key, { dtype, shape, ...hash }];
        }),
      );
      const plain = Object.entries(wanted).map(([key, { dtype, shape, sha256 }]) => {
        return [key, { dtype, shape, ...(sha256 === undefined ? {} : { sha256 }) }];
      });
      expect(found).toEqual(Object.fromEntries(plain));
    },
  );

  test("reads chunks of Blosc in all its packings and shuffles, and of LZ4, as hdf5plugin writes them", async () => {
    const { checkpoint, tensors } = await open("plugins.h5");
    expect(checkpoint.problems).toEqual([]);
    // As the script states them.
    const squares = Int32Array.from({ length: 3000 }, (_, at) => (at * at) % 251);
    const sequence = [1];
    for (let at = 1; at < 10_007; at++) sequence.push(((sequence[at - 1] as number) * 75) % 65_537);
    const far = Uint8Array.from({ length: 30_000 }, (_, at) => sequence[at % 10_007] as number);
    const { far: found, ...others } = tensors;
    expect(found?.sha256).toBe(sha256(far));
    expect(Object.keys(others)).toHaveLength(20);
    for (const [name, tensor] of Object.entries(others))
      expect(tensor.sha256, name).toBe(sha256(new Uint8Array(squares.buffer)));
  });

  test("of HDF5 2.0: chunks whose sizes take eight bytes, under every index, and complex datatypes", async () => {
    const { checkpoint, tensors } = await open("newest.h5");
    expect(checkpoint.problems).toEqual([]);
    const squares = new Uint8Array(Int32Array.from({ length: 3000 }, (_, at) => (at * at) % 251).buffer);
    // As the script states them; -2·0 is +0 in numpy's difference.
    const pairs = Array.from({ length: 6 }, (_, at) => [at, 0 - 2 * at]).flat();
    const big = Buffer.alloc(96);
    for (const [index, value] of pairs.entries()) big.writeDoubleLE(value, index * 8);
    const { C64, "C128 big-endian": C128, ...others } = tensors;
    expect(C64).toMatchObject({
      dtype: "C64",
      sha256: sha256(new Uint8Array(Float32Array.from(pairs).buffer)),
    });
    expect(C128).toMatchObject({ dtype: "C128", shape: [2, 3], sha256: sha256(big) });
    expect(Object.keys(others)).toHaveLength(5);
    for (const [name, tensor] of Object.entries(others)) expect(tensor.sha256, name).toBe(sha256(squares));
  });

  test("of HDF5 1.12, whose datatypes of version 4 are laid out as those of version 3", async () => {
    const bytes = bytesOf("latest.h5");
    const compound = Buffer.from(bytes).indexOf(Buffer.from("360200000800000072000011", "hex"));
    bytes[compound] = 0x46;
    const { tensors } = await read(bytes);
    expect(tensors.find(({ name }) => name === "types/complex")?.dtype).toBe("C64");
  });

  test.each(["earliest.h5", "latest.h5"])("%s: attributes, in groups of many as well", async (name) => {
    const { metadata } = await read(bytesOf(name));
    expect(Object.fromEntries(metadata)).toMatchObject({
      keras_version: "2.15.0",
      list: "[a, bc]",
      vlen: "Gewicht ü",
      number: "0.25",
      flag: "true",
      "busy@attribute 29": "29",
    });
  });

  test.each(["earliest.h5", "latest.h5"])(
    "%s: links inside are other names, links outside are refused, a cycle ends",
    async (name) => {
      const { aliases, problems } = await read(bytesOf(name));
      expect(Object.fromEntries(aliases)).toEqual({
        hard: "half",
        soft: "half",
        "types/soft": "types/scalar",
      });
      expect(problems.map(({ severity, code, message }) => [severity, code, message])).toEqual([
        ["warning", "ExternalLink", '"outside" leads into another file ("other.h5"), which is not followed.'],
      ]);
    },
  );

  test("shows two bytes without a type as bfloat16, whether it is said or not, and tells what has none", async () => {
    const { checkpoint, tensors } = await open("bfloat16.h5");
    // 0, 1, -2 and 0.5 as the script writes them.
    const bits = new Uint8Array(Uint16Array.of(0x0000, 0x3f80, 0xc000, 0x3f00).buffer);
    for (const name of ["said", "unsaid"])
      expect(tensors[name], name).toMatchObject({ dtype: "BF16", shape: [4], sha256: sha256(bits) });
    expect(checkpoint.problems.map(({ severity, code, tensor }) => [severity, code, tensor])).toEqual([
      ["warning", "VoidType", "other"],
      ["info", "VoidShownAsBf16", "unsaid"],
    ]);
  });

  test("opens without a byte of the values, however large", async () => {
    const bytes = bytesOf("userBlock.h5");
    // The values of `w` stand behind what opening reads: a file of another length costs the same.
    const source = new CountingSource(new MemoryByteSource(bytes));
    await readCheckpointFile(source, "x.h5", "x.h5");
    expect(source.reads.length).toBeLessThan(8);
  });
});

describe("a damaged HDF5 file", () => {
  test("that is cut says so, and shows what is still whole", async () => {
    const bytes = bytesOf("latest.h5");
    const { problems, tensors } = await read(bytes.slice(0, bytes.length - 1000));
    expect(problems.map(({ code }) => code)).toContain("FileCut");
    expect(tensors.length).toBeGreaterThan(20);
  });

  test("is refused or shown with an error at every length", async () => {
    const bytes = bytesOf("latest.h5");
    for (let length = 1; length < bytes.length; length += 997) {
      const outcome = await read(bytes.slice(0, length)).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome, String(outcome)).toBeInstanceOf(CheckpointError);
      else
        expect(outcome).toMatchObject({
          problems: expect.arrayContaining([expect.objectContaining({ severity: "error" })]),
        });
    }
  });

  test("whose superblock is of no known version says which", async () => {
    const bytes = bytesOf("latest.h5");
    bytes[8] = 9;
    await expect(read(bytes)).rejects.toMatchObject({ code: "UnknownVersion", offset: 8 });
  });

  test("whose root continues in itself ends", async () => {
    const bytes = bytesOf("latest.h5");
    const view = new DataView(bytes.buffer);
    const root = Number(view.getBigUint64(36, true));
    // The first message becomes a continuation (16 bytes) that leads to its own block.
    const flags = bytes[root + 5] as number;
    const messages =
      root + 6 + ((flags & 0x20) === 0 ? 0 : 16) + ((flags & 0x10) === 0 ? 0 : 4) + (1 << (flags & 3));
    bytes[messages] = 0x10;
    view.setUint16(messages + 1, 16, true);
    view.setBigUint64(messages + 4, BigInt(messages), true);
    view.setBigUint64(messages + 12, 64n, true);
    await expect(read(bytes)).rejects.toMatchObject({ code: "DamagedHdf5" });
  });

  test("with a chunk that lies says which chunk, and shows the others", async () => {
    const bytes = bytesOf("userBlock.h5");
    const { tensors } = await open("userBlock.h5");
    expect(tensors.c?.sha256).toBeDefined();
    // Deflate streams begin with 78 5e or 78 9c; each chunk is one.
    const at = bytes.findIndex(
      (byte, index) => byte === 0x78 && [0x5e, 0x9c, 0x01].includes(bytes[index + 1] ?? 0),
    );
    bytes.fill(0xff, at + 2, at + 8);
    const files = new MemoryFiles({ "/x.h5": bytes });
    const damaged = await openTensors(files, "/x.h5");
    expect(damaged.tensors.c?.sha256).toBeUndefined();
    expect(damaged.tensors.w?.sha256).toBe(expected["userBlock.h5"]?.w?.sha256);
  });
});
