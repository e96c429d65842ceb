import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { openCheckpoint } from "../../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../../src/core/checkpoint/tensorReader";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { holdsArraysOnly } from "../../../../src/core/optimizer/plainData";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import type { Tensor } from "../../../../src/core/tensors/tensor";
import { zipFile } from "../../../support/made/zipFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { projectRoot } from "../../../support/projectRoot";

const folder = join(projectRoot, "test/fixtures/numpy");
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
const read = (bytes: Uint8Array, name: string) => readCheckpointFile(new MemoryByteSource(bytes), name, name);

/** What numpy said of the arrays when it wrote them. */
const expected: Record<string, { shape: number[]; sha256: string }> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

/** Hash of a tensor's bytes, contiguous and little-endian. */
async function hashesOf(name: string): Promise<Record<string, { shape: readonly number[]; sha256: string }>> {
  const files = new MemoryFiles({ [name]: bytesOf(name) });
  const checkpoint = await openCheckpoint(files, name);
  const reader = new TensorReader(files, checkpoint);
  const found = await Promise.all(
    checkpoint.tensors.map(async (tensor: Tensor) => {
      const sha256 = createHash("sha256")
        .update(await reader.read(tensor))
        .digest("hex");
      return [tensor.name, { shape: tensor.shape, sha256 }] as const;
    }),
  );
  await reader.close();
  return Object.fromEntries(found);
}

describe("an npz archive", () => {
  test.each(["stored.npz", "deflated.npz"])(
    "of numpy's, %s: names, shapes and values are numpy's",
    async (name) => {
      const { format, problems } = await read(bytesOf(name), name);
      expect(format).toBe("npz");
      expect(problems).toEqual([]);
      expect(await hashesOf(name)).toEqual(expected);
    },
  );

  test("of arrays that are more than numbers shows each as what it is, and loads none", async () => {
    const { tensors, problems, imports } = await read(bytesOf("special.npz"), "special.npz");
    const told = Object.fromEntries(
      tensors.map(({ name, dtype, layout }) => [name, [dtype, layout?.storage.absent]]),
    );
    expect(told).toEqual({
      bfloat16: ["BF16", undefined],
      objects: ["O", "its values are a pickle, which is never loaded"],
      structured: ["structured", undefined],
      names: ["U2", undefined],
    });
    expect(problems).toMatchObject([{ severity: "info", code: "VoidShownAsBf16", tensor: "bfloat16" }]);
    expect(imports?.map(({ global }) => global)).toContain("numpy.core.multiarray._reconstruct");
  });

  test("of more arrays than are looked into for pickles is told nothing of, unless one may hold some", async () => {
    const array = (descr: string) => {
      const header = `{'descr': ${descr}, 'fortran_order': False, 'shape': (1,), }\n`;
      return Buffer.concat([
        Buffer.from("\x93NUMPY\x01\x00", "latin1"),
        Buffer.of(header.length, 0),
        Buffer.from(header),
        Buffer.alloc(4),
      ]);
    };
    const archive = (descr: string) =>
      read(
        zipFile(Array.from({ length: 1100 }, (_, at) => ({ name: `w${at}.npy`, data: array(descr) }))),
        "m.npz",
      );
    expect((await archive("'<f4'")).problems).toEqual([]);
    // Python takes the last of two equal keys.
    const two = await archive("'<f4', 'd\\x65scr': '|O'");
    expect(two.problems.map(({ code }) => code)).toContain("UnscannedMembers");
  });

  test("cut anywhere is a typed error, or shows what its directory names", async () => {
    const file = bytesOf("stored.npz");
    for (let length = 30; length < file.length; length += 7) {
      const result = await read(file.slice(0, length), "a.npz").catch((error: unknown) => error);
      expect(result instanceof CheckpointError ? result.code : result).toBeTruthy();
      if (!(result instanceof CheckpointError)) expect(result).toHaveProperty("tensors");
    }
  });
});

describe("pickles in an npz archive", () => {
  const array = bytesOf("fortran.npy");
  /** GLOBAL os.system, the command, TUPLE1, REDUCE; never run. */
  const malicious = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");

  test("are judged like any other", async () => {
    const file = zipFile([
      { name: "w.npy", data: array },
      { name: "extra.pkl", data: malicious },
    ]);
    const { format, problems, imports } = await read(file, "a.npz");
    expect(format).toBe("npz");
    expect(imports?.[0]).toMatchObject({ global: "os.system", verdict: "dangerous" });
    expect(problems[0]).toMatchObject({ severity: "error", code: "DangerousImport" });
  });

  test("of torch's name are torch's, whatever stands in front of them", async () => {
    const file = zipFile([
      { name: "w.npy", data: array },
      { name: "archive/data.pkl", data: malicious },
      { name: "archive/version", data: new TextEncoder().encode("3") },
    ]);
    const { format, problems } = await read(file, "a.pt");
    expect(format).toBe("torch-zip");
    expect(problems).toContainEqual(expect.objectContaining({ code: "DangerousImport" }));
  });
});

describe("an npy file", () => {
  test("in Fortran order is read in the order of its shape", async () => {
    const [array] = Object.values(await hashesOf("fortran.npy"));
    expect(array).toEqual(expected.fortran);
  });

  test("that is cut says how much is there, and has no values", async () => {
    const { tensors, problems } = await read(bytesOf("fortran.npy").slice(0, 200), "fortran.npy");
    expect(problems).toMatchObject([{ severity: "error", code: "IncompleteArray" }]);
    expect(tensors[0]?.layout?.storage.absent).toBe("its bytes are not all there");
  });

  test("that goes on with further arrays is read to its end, and the line in front of them too", async () => {
    const found = await hashesOf("leaves.eqx");
    expect(found).toEqual(JSON.parse(readFileSync(join(folder, "leaves.json"), "utf8")));
    const { tensors, metadata, problems } = await read(bytesOf("leaves.eqx"), "leaves.eqx");
    expect([...metadata]).toEqual([
      ["width", "4"],
      ["activation", "relu"],
    ]);
    expect(problems).toMatchObject([{ severity: "info", code: "ArraysInARow" }]);
    expect(problems[0]?.message).toContain("3 arrays");
    expect(holdsArraysOnly({ format: "npy", name: "leaves.eqx", tensors, metadata })).toBe(false);
  });

  test("in a row that is cut tells the array that is not all there", async () => {
    const whole = bytesOf("leaves.eqx");
    const { tensors, problems } = await read(whole.slice(0, whole.length - 4), "leaves.eqx");
    expect(tensors).toHaveLength(3);
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: "error", code: "IncompleteArray", tensor: "2" }),
    );
    const inHeader = await read(whole.slice(0, whole.length - 30), "leaves.eqx");
    expect(inHeader.problems).toContainEqual(
      expect.objectContaining({ severity: "error", code: "InvalidNpyHeader" }),
    );
  });

  test("with something else behind it says so", async () => {
    const file = Uint8Array.from([...bytesOf("fortran.npy"), 1, 2, 3]);
    const { tensors, problems } = await read(file, "fortran.npy");
    expect(tensors.map(({ name }) => name)).toEqual(["array"]);
    expect(problems).toMatchObject([{ severity: "info", code: "TrailingBytes" }]);
  });

  test.each([
    ["no shape", "{'descr': '<f4', 'fortran_order': False}"],
    ["a shape that is none", "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"],
    ["no dictionary", "hello"],
  ])("whose header has %s is an error", async (_, text) => {
    const header = new TextEncoder().encode(`${text}\n`);
    const file = Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0, ...header]);
    await expect(read(file, "a.npy")).rejects.toMatchObject({ code: "InvalidNpyHeader" });
  });
});
