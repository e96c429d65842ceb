import { expect } from "vitest";
import { withKerasCodes } from "../../../src/core/formats/keras/kerasCodes";
import { kerasStandsFor } from "../../../src/core/formats/keras/kerasQuantised";
import { PackedWeights } from "../../../src/core/tensors/packed/packedWeights";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";
import type { MemoryFiles } from "../../support/memoryFiles";
import { openTensors } from "../../support/openTensors";
import type { FormatRow } from "./formatRow";
import { fixture, fixtureJson, holds, oneFile, open, readsByRange, tells, type WantedTensor } from "./proof";
import { holdsValues } from "./statedValues";

type Tensors = Readonly<Record<string, WantedTensor>>;
const made = fixtureJson<Readonly<Record<string, Tensors>>>("formatTable/expected.json");
const ofH5py = fixtureJson<Readonly<Record<string, Tensors>>>("hdf5/expected.json");
const dtypes: Readonly<Record<string, string>> = { float32: "F32", int32: "I32", int64: "I64" };

/** A checkpoint by Keras itself, with what its own reader finds. */
async function holdsForeign(name: string): Promise<void> {
  const { [name]: entry } =
    fixtureJson<Readonly<Record<string, { tensors: Tensors }>>>("foreign/expected.json");
  const tensors = Object.entries(entry?.tensors ?? {}).map(([key, tensor]) => {
    return [key, { ...tensor, dtype: dtypes[tensor.dtype] ?? tensor.dtype }] as const;
  });
  await holds(oneFile(`foreign/${name}`), `/f/${name}`, Object.fromEntries(tensors));
}

/** Keras 1 to 3 write a model and its optimizer into one file of HDF5 of this layout. */
async function holdsOldLayout(): Promise<void> {
  const { tensors } = (await open(oneFile("formatTable/whole.h5"), "/f/whole.h5")).checkpoint;
  const wanted = Object.entries(made["whole.h5"] ?? {});
  expect(wanted.length).toBeGreaterThan(0);
  const found: Record<string, WantedTensor> = {};
  for (const [path, tensor] of wanted) {
    const name = tensors.find(
      (each) => each.name.startsWith("model_weights/") && each.name.endsWith(path),
    )?.name;
    found[name ?? path] = tensor;
  }
  await holds(oneFile("formatTable/whole.h5"), "/f/whole.h5", found);
}

/** What h5py reads of datasets whose names fit. */
async function holdsDatasets(pattern: RegExp): Promise<void> {
  for (const name of ["earliest.h5", "latest.h5"]) {
    const wanted = Object.entries(ofH5py[name] ?? {}).filter(
      ([key, { sha256 }]) => pattern.test(key) && sha256,
    );
    const session = await open(oneFile(`hdf5/${name}`), `/f/${name}`);
    // Of these files h5py also made a link that leads into another, which is told.
    expect(session.checkpoint.problems.every(({ code }) => code === "ExternalLink")).toBe(true);
    await holdsAmong(oneFile(`hdf5/${name}`), `/f/${name}`, Object.fromEntries(wanted));
  }
}

async function holdsAmong(files: MemoryFiles, path: string, wanted: Tensors): Promise<void> {
  expect(Object.keys(wanted).length).toBeGreaterThan(0);
  const { checkpoint } = await open(files, path);
  const names = Object.keys(wanted);
  expect(checkpoint.tensors.filter(({ name }) => names.includes(name)).map(({ name }) => name)).toHaveLength(
    names.length,
  );
  const { tensors } = await openTensors(files, path);
  for (const [name, { dtype, shape, sha256 }] of Object.entries(wanted))
    expect(tensors[name], name).toEqual({ dtype, shape, sha256 });
}

const filtered = (name: string) => {
  const { [name]: tensor } = made["filters.h5"] ?? {};
  return holds(oneFile("formatTable/filters.h5"), "/f/filters.h5", { [name]: tensor as WantedTensor });
};

/** Values as makeHdf5PluginFixtures.py states them, in chunks that hdf5plugin packed. */
async function holdsPlugin(pattern: RegExp): Promise<void> {
  const { tensors, checkpoint } = await openTensors(oneFile("hdf5/plugins.h5"), "/f/plugins.h5");
  const { bzip2 } = made["filters.h5"] ?? {};
  const names = Object.keys(tensors).filter((name) => pattern.test(name));
  expect(checkpoint.problems).toEqual([]);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(tensors[name], name).toEqual(bzip2);
}

async function optimizerIsInOrder(): Promise<void> {
  const session = await open(oneFile("formatTable/whole.h5"), "/f/whole.h5");
  const [optimizer] = session.inside?.optimizers ?? [];
  // As the attribute training_config says.
  expect(optimizer?.name).toBe("Adam (Keras)");
  expect(optimizer?.parameters.map(({ name, tensors }) => [name, [...tensors.keys()].sort()])).toHaveLength(
    4,
  );
  for (const { name, tensors, shape } of optimizer?.parameters ?? [])
    for (const tensor of tensors.values()) expect(tensor.shape, name).toEqual(shape);
}

const counts = fixtureJson<Readonly<Record<string, { parameters?: number }>>>("formatTable/expected.json");

/** As the model's own code counts them; float8 keeps its kernels as floats. */
async function countsQuantised(): Promise<void> {
  for (const mode of ["int8", "int4", "float8"]) {
    for (const name of [`${mode}.keras`, `${mode}.weights.h5`]) {
      const session = await open(oneFile(`formatTable/${name}`), `/f/${name}`);
      expect(session.summary().parameterCount, name).toBe(counts[`${mode}.keras`]?.parameters);
      const { weights, unknown } = await session.packedCodes();
      expect([weights.size, unknown.size], name).toEqual([mode === "float8" ? 0 : 2, 0]);
    }
  }
  const shapes = Object.values(fixtureJson<Tensors>("formatTable/kerasCodes.json")).map(({ shape }) => shape);
  const weights = shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
  const ofAll = await open(oneFile("formatTable/codes.keras"), "/f/codes.keras");
  // With the biases of makeKerasCodes.py: 12, 40, 40 and 6.
  expect(ofAll.summary().parameterCount).toBe(weights + 98);
}

const holdsQuantised = (pick: RegExp) => holdsValues("codes.keras", "kerasCodes.json", pick);

/** Keras packs what GPTQ and AWQ find in U8, along the outputs: shown as they are stored. */
async function unsignedAreShown(): Promise<void> {
  const vars = ["kernel", "kernel_scale", "kernel_zero", "g_idx"];
  const tensor = (name: string, dtype: string, shape: readonly number[]) => {
    return {
      name: `layers/dense/vars/${vars.indexOf(name)}`,
      dtype,
      shape,
      byteSize: 8,
      offset: 0,
      fileIndex: 0,
    };
  };
  const parts = [
    tensor("kernel", "U8", [4, 8]),
    tensor("kernel_scale", "F32", [8, 1]),
    tensor("kernel_zero", "U8", [8, 1]),
    tensor("g_idx", "F32", [8]),
  ];
  expect(withKerasCodes(parts)).toBe(parts);
  // Eight outputs of eight inputs, two in a byte.
  expect([...kerasStandsFor(parts).values()]).toEqual([64, 0, 0, 0]);
  // What comes of heads together may be as large as all of these, and cannot be one of them.
  const ofHeads = { ...tensor("kernel", "I8", [2, 4, 8]), byteSize: 64 };
  const [projection] = withKerasCodes([ofHeads, tensor("kernel_scale", "F32", [1, 1, 8])]);
  expect(projection?.codes).toMatchObject({ shape: [2, 4, 8], lastAxes: 1, block: [8, 1] });
  expect(withKerasCodes([ofHeads, tensor("kernel_scale", "F32", [1, 1, 4])])[0]?.codes).toBeUndefined();
  // Two codes of -7 to 7 in each byte of a Dense layer of 24 outputs, whose shapes are those of 8 bits.
  const codes = { ...tensor("kernel", "I8", [6, 24]), byteSize: 144 };
  const scales = { ...tensor("kernel_scale", "F32", [24]), byteSize: 96 };
  const [stated] = withKerasCodes([codes, scales]);
  const bytes = Uint8Array.from({ length: 144 }, (_, at) => (at * 5) % 256).map((byte) =>
    (byte & 15) === 8 || byte >>> 4 === 8 ? 0 : byte,
  );
  const packed = new PackedWeights([stated as Tensor, scales], {});
  let reason = "";
  const weight = await packed.of(
    stated as Tensor,
    async () => bytes,
    (why) => {
      reason = why;
    },
  );
  expect([weight, reason]).toEqual([undefined, expect.stringContaining("one code or two")]);
}

export const kerasRow: FormatRow = {
  alike: [
    [() => oneFile("foreign/classifier.keras"), "/f/classifier.keras"],
    [() => oneFile("hdf5/userBlock.h5"), "/f/userBlock.h5"],
  ],
  proofs: {
    format: {
      "Keras 1 to 3": async () => {
        await holdsOldLayout();
        await holdsForeign("classifier.keras");
        await holdsForeign("classifier.weights.h5");
      },
      HDF5: () => holds(oneFile("hdf5/userBlock.h5"), "/f/userBlock.h5", ofH5py["userBlock.h5"] ?? {}),
    },
    read: {
      "own reader": () => readsByRange(oneFile("formatTable/whole.h5"), "/f/whole.h5", 4096),
      chunks: () => holdsDatasets(/^chunks\/(?:plain|grows|bounded|sparse)/),
      gzip: () => holdsDatasets(/gzip/),
      shuffle: () => holdsDatasets(/shuffle/),
      szip: () => holdsDatasets(/szip/),
      lzf: () => holdsDatasets(/lzf/),
      "N-bit": () => holds(oneFile("formatTable/nbit.h5"), "/f/nbit.h5", made["nbit.h5"] ?? {}),
      bzip2: () => filtered("bzip2"),
      Blosc: () => holdsPlugin(/^squares (?:blosclz|lz4|lz4hc|snappy|zlib|zstd|stored)/),
      Bitshuffle: () => filtered("bitshuffle"),
      LZ4: () => holdsPlugin(/^squares LZ4$/),
      Zstandard: () => filtered("zstandard"),
      "layers that Keras quantised as their values": countsQuantised,
      int8: () => holdsQuantised(/dense\/|dense_[1-3]|embedding/),
      int4: () => holdsQuantised(/einsum|dense_[23]|embedding_2/),
      float8: countsQuantised,
    },
    joined: {
      "sharded weights": async () => {
        const files = fixture("formatTable");
        const session = await open(files, "/f/sharded.weights.json");
        expect(session.checkpoint.files.map(({ status }) => status)).toEqual(["ok", "ok", "ok", "ok"]);
        const wanted = Object.values(made["whole.h5"] ?? {});
        const names = ["dense/vars/0", "dense/vars/1", "dense_1/vars/0", "dense_1/vars/1"];
        const tensors = names.map((name, at) => [`layers/${name}`, wanted[at]]);
        await holds(files, "/f/sharded.weights.json", Object.fromEntries(tensors));
      },
      "the optimizer's variables by layer where only one order fits": async () => {
        await optimizerIsInOrder();
        // Keras 3 numbers them.
        const session = await open(fixture("formatTable"), "/f/sharded.weights.json");
        const [optimizer] = session.inside?.optimizers ?? [];
        expect(optimizer?.parameters.map(({ name }) => name)).toEqual(
          ["dense/vars/0", "dense/vars/1", "dense_1/vars/0", "dense_1/vars/1"].map(
            (name) => `layers/${name}`,
          ),
        );
      },
    },
    not: {
      "virtual datasets": () =>
        tells(oneFile("formatTable/virtual.h5"), "/f/virtual.h5", "UnreadableDataset"),
      Blosc2: () => tells(oneFile("formatTable/blosc2.h5"), "/f/blosc2.h5", "UnreadableDataset"),
      "external files": () =>
        tells(oneFile("formatTable/external.h5"), "/f/external.h5", "UnreadableDataset"),
      "layers that it quantised by GPTQ or AWQ or packed along the inputs": unsignedAreShown,
    },
  },
};
