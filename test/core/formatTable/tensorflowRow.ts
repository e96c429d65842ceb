import { expect } from "vitest";
import { changedTensors } from "../../../src/worker/diff/changedTensors";
import { type BundledTensor, bundleTypes, tensorflowBundle } from "../../support/made/tensorflowBundle";
import { MemoryFiles } from "../../support/memoryFiles";
import type { FormatRow } from "./formatRow";
import { f32, fixture, fixtureJson, holds, open, readsByRange, sha256, type WantedTensor } from "./proof";

type Tensors = Readonly<Record<string, WantedTensor>>;
const dtypes: Readonly<Record<string, string>> = { float32: "F32", int32: "I32", int64: "I64" };

function wantedGan(): Tensors {
  const { gan } = fixtureJson<Readonly<Record<string, { tensors: Tensors }>>>("foreign/expected.json");
  const tensors = Object.entries(gan?.tensors ?? {}).map(([key, tensor]) => {
    return [key, { ...tensor, dtype: dtypes[tensor.dtype] ?? tensor.dtype }] as const;
  });
  return Object.fromEntries(tensors);
}

const kernel: BundledTensor = {
  key: "kernel",
  type: bundleTypes.F32,
  shape: [2, 3],
  bytes: f32(1, 2, 3, 4, 5, 6),
  hasChecksum: true,
};
const wanted = (shape: readonly number[], ...values: readonly number[]) => ({
  dtype: "F32",
  shape,
  sha256: sha256(f32(...values)),
});
const savedModel = () =>
  new MemoryFiles({ ...tensorflowBundle("/f/variables/variables", [kernel]), "/f/saved_model.pb": "x" });
const sharded = () => {
  const second = { ...kernel, key: "other", shard: 1, bytes: f32(6, 5, 4, 3, 2, 1) };
  return new MemoryFiles(tensorflowBundle("/f/ckpt-1", [kernel, second], { shards: 2 }));
};

/** Rows of one variable in two entries, whose keys ordered_code.cc spells: 0, the name, 0 1, the axes, start and length. */
function partitioned(): MemoryFiles {
  const key = (start: number, length: number) =>
    Uint8Array.from([0, 0x65, 0x6d, 0x62, 0, 1, 1, 2, 0x80 ^ start, 0x80 ^ length, 0x80, 0x7f]);
  const part = (start: number, ...values: readonly number[]): BundledTensor => {
    const rows = values.length / 2;
    return {
      key: key(start, rows),
      type: bundleTypes.F32,
      shape: [rows, 2],
      bytes: f32(...values),
      hasChecksum: true,
    };
  };
  const slices = [
    [[0, 2] as const, undefined],
    [[2, 1] as const, undefined],
  ];
  const whole: BundledTensor = { key: "emb", type: bundleTypes.F32, shape: [3, 2], slices };
  return new MemoryFiles(tensorflowBundle("/f/ckpt-1", [whole, part(0, 1, 2, 3, 4), part(2, 5, 6)]));
}

/** Each of its optimizers knows the parameters of its network alone. */
async function graphTellsParts(): Promise<void> {
  const session = await open(fixture("foreign/gan"), "/f");
  expect(session.summary().parameterCount).toBe(87);
  const told = session.inside?.optimizers.map(({ path, parameters }) => [path, parameters.length]);
  expect(told).toEqual([
    ["critic_optimizer", 4],
    ["generator_optimizer", 4],
  ]);
}

/** A bit of a plain variable and of a part of a partitioned one: what verify reads is held against their checksums. */
async function checksumsAreHeld(): Promise<void> {
  for (const [files, name] of [
    [sharded(), "/f/ckpt-1.data-00000-of-00002"],
    [partitioned(), "/f/ckpt-1.data-00000-of-00001"],
  ] as const) {
    expect(await changedTensors(await open(files, "/f"))).toEqual([]);
    const source = await files.open(name);
    const bytes = new Uint8Array(await source.read(0, source.size)).slice();
    files.write(name, bytes.with(19, (bytes[19] ?? 0) ^ 1));
    const problems = await changedTensors(await open(files, "/f"));
    expect(problems.map(({ code }) => code)).toEqual(["ChecksumMismatch"]);
  }
}

export const tensorflowRow: FormatRow = {
  alike: [
    [() => fixture("foreign/gan"), "/f"],
    [partitioned, "/f"],
  ],
  proofs: {
    format: {
      "TensorFlow bundles and SavedModels": async () => {
        await holds(fixture("foreign/gan"), "/f", wantedGan());
        await holds(savedModel(), "/f", { kernel: wanted([2, 3], 1, 2, 3, 4, 5, 6) });
      },
    },
    read: {
      "by range": () => readsByRange(sharded(), "/f"),
      "checksums held against the bytes by `verify`": checksumsAreHeld,
    },
    joined: {
      shards: () =>
        holds(sharded(), "/f", {
          kernel: wanted([2, 3], 1, 2, 3, 4, 5, 6),
          other: wanted([2, 3], 6, 5, 4, 3, 2, 1),
        }),
      "partitioned variables": () => holds(partitioned(), "/f", { emb: wanted([3, 2], 1, 2, 3, 4, 5, 6) }),
      "parameters and optimizer by the graph of objects": graphTellsParts,
    },
    not: {},
  },
};
