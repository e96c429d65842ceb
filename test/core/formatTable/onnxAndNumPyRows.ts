import { expect } from "vitest";
import { protoBytes, protoNumber } from "../../support/made/proto";
import { MemoryFiles } from "../../support/memoryFiles";
import { openTensors } from "../../support/openTensors";
import type { FormatRow } from "./formatRow";
import {
  f32,
  fixture,
  fixtureJson,
  holds,
  oneFile,
  open,
  readsByRange,
  sha256,
  tells,
  type WantedTensor,
} from "./proof";

type Hashes = Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;

async function holdsNumPy(name: string, pick = /./): Promise<void> {
  const { tensors, checkpoint } = await openTensors(oneFile(`numpy/${name}`), `/f/${name}`);
  expect(checkpoint.problems).toEqual([]);
  const wanted = Object.entries(fixtureJson<Hashes>("numpy/expected.json")).filter(([key]) => pick.test(key));
  expect(wanted.length).toBeGreaterThan(0);
  for (const [key, { shape, sha256: hash }] of wanted)
    expect(tensors[key], key).toMatchObject({ shape, sha256: hash });
}

/** An array of one axis as numpy.save writes it. */
function npy(descr: string, bytes: Uint8Array, count: number): MemoryFiles {
  const told = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${count},), }`;
  const text = `${told.padEnd(117)}\n`;
  const head = [0x93, ...Buffer.from("NUMPY"), 1, 0, text.length, 0, ...Buffer.from(text)];
  return new MemoryFiles({ "/f/w.npy": Uint8Array.from([...head, ...bytes]) });
}
const plain = () => npy("<f4", f32(1, -2, 3), 3);

export const numpyRow: FormatRow = {
  alike: [
    [plain, "/f/w.npy"],
    [() => oneFile("numpy/deflated.npz"), "/f/deflated.npz"],
  ],
  proofs: {
    format: { NumPy: () => holdsNumPy("stored.npz") },
    read: {
      "by range": () => readsByRange(plain(), "/f/w.npy"),
      "members of `npz` that are compressed": () => holdsNumPy("deflated.npz"),
    },
    joined: {},
    not: {
      "bytes without a type": () => tells(npy("|V1", Uint8Array.of(1, 2, 3), 3), "/f/w.npy", "VoidType"),
    },
  },
};

type Tensors = Readonly<Record<string, WantedTensor>>;

function wantedOnnx(): Tensors {
  const { "model.onnx": model } =
    fixtureJson<Readonly<Record<string, { tensors: Tensors }>>>("foreign/expected.json");
  const tensors = Object.entries(model?.tensors ?? {}).map(([key, tensor]) => {
    return [key, { ...tensor, dtype: "F32" }] as const;
  });
  return Object.fromEntries(tensors);
}

/** A model whose one initializer stands in another file. */
function external(location: string): Uint8Array {
  const words = (field: number, text: string) => protoBytes(field, [...Buffer.from(text)]);
  const entry = protoBytes(13, [...words(1, "location"), ...words(2, location)]);
  const tensor = [
    ...protoNumber(1, 2),
    ...protoNumber(2, 1),
    ...words(8, "w"),
    ...entry,
    ...protoNumber(14, 1),
  ];
  const head = [...protoNumber(1, 8), ...words(2, "pytorch")];
  return Uint8Array.from([
    ...head,
    ...protoBytes(7, protoBytes(5, tensor)),
    ...protoBytes(8, protoNumber(2, 17)),
  ]);
}
const beside = () => new MemoryFiles({ "/f/m.onnx": external("w.bin"), "/f/w.bin": f32(7, 8) });
const outside = () => new MemoryFiles({ "/f/m.onnx": external("../w.bin"), "/w.bin": f32(7, 8) });

async function codesAreShown(): Promise<void> {
  const session = await open(oneFile("formatTable/quantised.onnx"), "/f/quantised.onnx");
  const { "quantised.onnx": made } =
    fixtureJson<Readonly<Record<string, { parameters: number }>>>("formatTable/expected.json");
  // As the model's own code counts them: no scale, and the weights that codes stand for.
  expect(session.summary().parameterCount).toBe(made?.parameters);
  const dtypes = Object.fromEntries(session.checkpoint.tensors.map(({ name, dtype }) => [name, dtype]));
  expect(dtypes).toMatchObject({
    qdq: "I8",
    qdq_scale: "F32",
    qlinear: "U8",
    blocks: "U8",
    blocks_scale: "F32",
  });
}

export const onnxRow: FormatRow = {
  alike: [[() => fixture("foreign"), "/f/model.onnx"]],
  proofs: {
    format: { ONNX: () => holds(fixture("foreign"), "/f/model.onnx", wantedOnnx()) },
    read: { "by range": () => readsByRange(fixture("foreign"), "/f/model.onnx") },
    joined: {
      "data beside the file": () =>
        holds(beside(), "/f/m.onnx", { w: { dtype: "F32", shape: [2], sha256: sha256(f32(7, 8)) } }),
    },
    not: {
      "data outside its folder": () => tells(outside(), "/f/m.onnx", "PathOutside"),
      "sparse initializers": () =>
        tells(oneFile("formatTable/sparse.onnx"), "/f/sparse.onnx", "SparseInitializer"),
      "quantised weights": codesAreShown,
      QDQ: codesAreShown,
      QOperator: codesAreShown,
      MatMulNBits: codesAreShown,
      "shown as the codes and scales that they are": codesAreShown,
    },
  },
};
