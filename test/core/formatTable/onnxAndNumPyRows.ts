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
  isReadAlike,
  oneFile,
  open,
  readsByRange,
  sha256,
  tells,
  type WantedTensor,
} from "./proof";
import { holdsValues } from "./statedValues";

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

/** As the model's own code counts them: no scale, and the weights that codes stand for. */
async function countsQuantised(): Promise<void> {
  const session = await open(oneFile("formatTable/quantised.onnx"), "/f/quantised.onnx");
  const { "quantised.onnx": made } =
    fixtureJson<Readonly<Record<string, { parameters: number }>>>("formatTable/expected.json");
  expect(session.summary().parameterCount).toBe(made?.parameters);
}

const holdsCodes = (pick: RegExp) => holdsValues("codes.onnx", "codes.json", pick);

/** The scale of a MatMulInteger is another node's: its weight stays the integers that it is. */
async function codesAreShown(): Promise<void> {
  const session = await open(oneFile("formatTable/codes.onnx"), "/f/codes.onnx");
  const tensor = session.checkpoint.tensors.find(({ name }) => name === "later");
  expect([tensor?.dtype, tensor?.codes]).toEqual(["I8", undefined]);
}

async function readsStoredCodes(): Promise<void> {
  const session = await open(oneFile("formatTable/codes.onnx"), "/f/codes.onnx");
  const tensor = session.checkpoint.tensors.find(({ name }) => name === "four");
  expect([tensor?.dtype, tensor?.shape]).toEqual(["U8", [9, 3, 16]]);
}

export const onnxRow: FormatRow = {
  alike: [[() => fixture("foreign"), "/f/model.onnx"]],
  proofs: {
    format: { ONNX: () => holds(fixture("foreign"), "/f/model.onnx", wantedOnnx()) },
    read: {
      "by range": () => readsByRange(fixture("foreign"), "/f/model.onnx"),
      "weights of QDQ": async () => {
        await countsQuantised();
        await isReadAlike(oneFile("formatTable/codes.onnx"), "/f/codes.onnx", "F32");
        await holdsCodes(/^(?:whole|columns|rows|kernels|blocks|bias|wide)/);
      },
      QOperator: () => holdsCodes(/^qlinear/),
      MatMulNBits: () => holdsCodes(/^(?:two|four|eight)/),
      "MatMulBnb4 and GatherBlockQuantized as their values": () => holdsCodes(/^(?:nf4|fp4|embed)/),
      "or stored codes": readsStoredCodes,
    },
    joined: {
      "data beside the file": () =>
        holds(beside(), "/f/m.onnx", { w: { dtype: "F32", shape: [2], sha256: sha256(f32(7, 8)) } }),
    },
    not: {
      "data outside its folder": () => tells(outside(), "/f/m.onnx", "PathOutside"),
      "sparse initializers": () =>
        tells(oneFile("formatTable/sparse.onnx"), "/f/sparse.onnx", "SparseInitializer"),
      "codes whose scale another node multiplies": codesAreShown,
      MatMulInteger: codesAreShown,
    },
  },
};
