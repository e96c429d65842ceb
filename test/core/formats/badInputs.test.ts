import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../src/core/checkpoint/tensorReader";
import { CheckpointError } from "../../../src/core/problem/checkpointError";
import { fuzzSamples } from "../../fuzz/samples";
import { ggufFile } from "../../support/made/ggufFile";
import { protoBytes, protoNumber } from "../../support/made/proto";
import { tarFile } from "../../support/made/tarFile";
import { tensorflowBundle } from "../../support/made/tensorflowBundle";
import { zipFile } from "../../support/made/zipFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { type OpenedTensors, openTensors } from "../../support/openTensors";

/** What opening and reading all of it comes to: a refusal, or what there is. */
async function outcome(files: Readonly<Record<string, Uint8Array>>, path: string) {
  try {
    return await openTensors(new MemoryFiles(files), path);
  } catch (error) {
    expect(error, String(error)).toBeInstanceOf(CheckpointError);
    return error as CheckpointError;
  }
}

/** Everything that is told of a checkpoint, and of a tensor whose values are asked for; or why it is refused. */
async function told(contents: Readonly<Record<string, Uint8Array>>, path: string): Promise<string> {
  const files = new MemoryFiles(contents);
  try {
    const checkpoint = await openCheckpoint(files, path);
    const reader = new TensorReader(files, checkpoint);
    const reads = await Promise.allSettled(checkpoint.tensors.map((tensor) => reader.read(tensor)));
    const unread = reads.flatMap((read) => (read.status === "rejected" ? [String(read.reason)] : []));
    return [...checkpoint.problems.map(({ message }) => message), ...unread].join("\n");
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  }
}

const isTold = ({ checkpoint }: OpenedTensors) =>
  checkpoint.problems.some(({ severity }) => severity !== "info");

describe("of each format a file that was cut", () => {
  test.each(
    Object.values(fuzzSamples())
      .flat()
      .map((sample) => [sample.name, sample] as const),
  )("is refused or told, and no value is made up: %s", async (_, { files, path }) => {
    const whole = await outcome(files, path);
    for (const [name, bytes] of Object.entries(files)) {
      for (let cut = 0; cut < 10; cut++) {
        const length = Math.floor((bytes.length * cut) / 10);
        const found = await outcome({ ...files, [name]: bytes.slice(0, length) }, path);
        const where = `${name} cut at ${length} of ${bytes.length}`;
        if (found instanceof CheckpointError) {
          expect(found.message, where).toMatch(/^\S.{20,}[.)]$/s);
          continue;
        }
        if (whole instanceof CheckpointError) continue;
        const same = Object.entries(whole.tensors).every(
          ([key, { sha256 }]) => sha256 === undefined || found.tensors[key]?.sha256 === sha256,
        );
        expect(same || isTold(found), `${where} is told`).toBe(true);
        for (const [key, { dtype, sha256 }] of Object.entries(found.tensors)) {
          const { [key]: wanted } = whole.tensors;
          // Where the masters are lost, the model's own weights are of another type.
          if (wanted?.dtype === dtype)
            expect([undefined, wanted.sha256], `${where}: ${key}`).toContain(sha256);
        }
      }
    }
  });
});

/** Formats with a binary head, one sample each. */
const heads = [
  "blocks.gguf",
  "fortran.npy",
  "stored.npz",
  "userBlock.h5",
  "m.keras",
  "m.onnx",
  "m.msgpack",
  "m.nemo",
];
const headNames: readonly string[] = [
  ...heads,
  "tar-legacy.pt",
  "protocol3.pt",
  "protocol3-legacy.pt",
  "TensorFlow",
  "Orbax",
];
const headBytes = 1024;

describe("of each format a number that lies", () => {
  const samples = Object.values(fuzzSamples())
    .flat()
    .filter(({ name }) => headNames.includes(name));

  test("stands in a sample of each", () => expect(samples).toHaveLength(headNames.length));

  test.each(samples.map((sample) => [sample.name, sample] as const))(
    "is no crash, wherever it stands in the head: %s",
    async (_, { files, path }) => {
      for (const [name, bytes] of Object.entries(files)) {
        for (let at = 0; at + 4 <= Math.min(bytes.length, headBytes); at += 4) {
          const lying = bytes.slice();
          new DataView(lying.buffer).setUint32(at, at % 8 === 0 ? 0xffffffff : 0x7fffffff, true);
          await outcome({ ...files, [name]: lying }, path);
        }
      }
    },
  );
});

const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const npy = (header: string) =>
  Uint8Array.from([...latin1("\x93NUMPY\x01\0"), header.length, 0, ...latin1(header), ...new Uint8Array(16)]);
const onnx = (tensor: readonly number[]) =>
  Uint8Array.from([
    ...protoNumber(1, 8),
    ...protoBytes(2, [1]),
    ...protoBytes(7, protoBytes(5, [...tensor, ...protoBytes(8, [0x77])])),
    ...protoBytes(8, protoNumber(2, 17)),
  ]);
const entry = (key: string, value: string) =>
  protoBytes(13, [...protoBytes(1, [...latin1(key)]), ...protoBytes(2, [...latin1(value)])]);
const flax = (dtype: string, sizes: readonly number[]) => {
  const word = (text: string) => [0xa0 + text.length, ...latin1(text)];
  const array = [0x93, 0x90 + sizes.length, ...sizes, ...word(dtype), 0xc4, 8, ...new Uint8Array(8)];
  return Uint8Array.from([0x81, ...word("w"), 0xc7, array.length, 1, ...array]);
};
const nested = (depth: number) => Uint8Array.from([...new Uint8Array(depth).fill(0x91), 0xc0]);
const zarr = (more: object) => {
  const array = {
    zarr_format: 2,
    shape: [2],
    chunks: [2],
    dtype: "<f4",
    compressor: null,
    fill_value: 0,
    order: "C",
  };
  return {
    "/m/_METADATA": json({ tree_metadata: {} }),
    "/m/w/.zarray": json({ ...array, ...more }),
    "/m/w/0": new Uint8Array(8),
  };
};
const file = (name: string, bytes: Uint8Array) => ({ [`/m/${name}`]: bytes });
const member = (name: string) => ({
  "/m/a.pt": zipFile([
    { name: "a/data.pkl", data: latin1("}.") },
    { name, data: latin1("}.") },
  ]),
});
const bundle = (more: object) =>
  tensorflowBundle("/m/c", [{ key: "w", type: 1, shape: [2], bytes: new Uint8Array(8), ...more }]);

describe("what a file says that is wrong is told with what and where", () => {
  test.each([
    [
      "npy: a type that is none",
      file("a.npy", npy("{'descr': '<q9', 'fortran_order': False, 'shape': (1,)}\n")),
      "/m/a.npy",
      /q9/,
    ],
    [
      "npy: more values than bytes",
      file("a.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000,)}\n")),
      "/m/a.npy",
      /of which|bytes/,
    ],
    [
      "npz: a member that leads out of the archive",
      {
        "/m/a.npz": zipFile([
          { name: "../w.npy", data: npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}\n") },
        ]),
      },
      "/m/a.npz",
      /\.\.\/w/,
    ],
    [
      "zip: a size that the directory claims",
      {
        "/m/a.npz": zipFile([
          {
            name: "w.npy",
            data: npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}\n"),
            claimedSize: 20,
          },
        ]),
      },
      "/m/a.npz",
      /w\.npy/,
    ],
    ["zip: two members of one name", member("a/data.pkl"), "/m/a.pt", /data\.pkl/],
    [
      "ONNX: a type that is none",
      file("a.onnx", onnx([...protoNumber(1, 2), ...protoNumber(2, 99)])),
      "/m/a.onnx",
      /99/,
    ],
    [
      "ONNX: a negative axis",
      file("a.onnx", onnx([...protoNumber(1, -2n), ...protoNumber(2, 1)])),
      "/m/a.onnx",
      /shape/,
    ],
    [
      "ONNX: values outside of the folder",
      file(
        "a.onnx",
        onnx([
          ...protoNumber(1, 2),
          ...protoNumber(2, 1),
          ...entry("location", "../../etc/passwd"),
          ...protoNumber(14, 1),
        ]),
      ),
      "/m/a.onnx",
      /etc.passwd.*not/s,
    ],
    ["Flax: a type that is none", file("a.msgpack", flax("nonsense", [2])), "/m/a.msgpack", /nonsense/],
    [
      "Flax: more values than bytes",
      file("a.msgpack", flax("float32", [9])),
      "/m/a.msgpack",
      /float32|bytes/,
    ],
    [
      "MessagePack: a hundred thousand lists in each other",
      file("a.msgpack", nested(100_000)),
      "/m/a.msgpack",
      /deep|nest/,
    ],
    ["zarr: a type that is none", zarr({ dtype: "<q9" }), "/m", /q9/],
    ["zarr: chunks of another size", zarr({ chunks: [3] }), "/m", /bytes/],
    ["zarr: negative sizes", zarr({ shape: [-2] }), "/m", /shape/],
    ["TensorFlow: a type that is none", bundle({ type: 99 }), "/m/c.index", /99/],
    ["TensorFlow: more bytes than values", bundle({ shape: [1] }), "/m/c.index", /bytes/],
    [
      "tar: a size beyond the end",
      file(
        "a.nemo",
        tarFile([
          { name: "model_config.yaml", content: latin1("a: 1") },
          { name: "model_weights.ckpt", content: latin1("x"), base256: true },
        ]).slice(0, 1700),
      ),
      "/m/a.nemo",
      /cut|ends|weights/,
    ],
    [
      "Keras: files outside of the folder",
      { "/m/a.weights.json": json({ weight_map: { "/w": ["../x.h5", "/etc/passwd"] } }) },
      "/m/a.weights.json",
      /plain file names/,
    ],
    [
      "GGUF: two tensors of one name",
      file(
        "a.gguf",
        ggufFile({
          keys: {},
          tensors: [
            { name: "t", values: [1] },
            { name: "t", values: [2] },
          ],
        }),
      ),
      "/m/a.gguf",
      /"t"/,
    ],
  ] as const)("%s", async (_, files, path, words) => {
    expect(await told(files, path)).toMatch(words);
  });
});
