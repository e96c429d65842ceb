import { expect } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { alignSnapshots } from "../../../src/core/compare/tensors/alignSnapshots";
import { ggmlBlocks } from "../../../src/core/tensors/ggmlBlocks";
import { rowsOf } from "../../../src/core/tensors/packed/packedWeight";
import { planConversion } from "../../../src/core/transform/model/convert";
import { ggufFile } from "../../support/made/ggufFile";
import { MemoryFiles } from "../../support/memoryFiles";
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

/** A file of each version and byte order, with one tensor of F32, or of Q8_0. */
function headed(version: number, littleEndian = true, type = 0): MemoryFiles {
  const bytes: number[] = [];
  const number = (value: number, width: number) => {
    const view = new DataView(new ArrayBuffer(8));
    if (width === 8) view.setBigUint64(0, BigInt(value), littleEndian);
    else view.setUint32(0, value, littleEndian);
    bytes.push(...new Uint8Array(view.buffer, 0, width));
  };
  const count = version === 1 ? 4 : 8;
  bytes.push(...Buffer.from("GGUF"));
  number(version, 4);
  number(1, count);
  number(0, count);
  number(1, count);
  bytes.push(0x77);
  number(1, 4);
  number(type === 0 ? 3 : 32, count);
  number(type, 4);
  number(0, 8);
  while (bytes.length % 32 !== 0) bytes.push(0);
  const values = new DataView(new ArrayBuffer(36));
  for (const [at, value] of [1, 2.5, -3].entries()) values.setFloat32(4 * at, value, littleEndian);
  bytes.push(...new Uint8Array(values.buffer));
  return new MemoryFiles({ "/f/m.gguf": Uint8Array.from(bytes) });
}

async function holdsVersions(): Promise<void> {
  const w = { dtype: "F32", shape: [3], sha256: sha256(f32(1, 2.5, -3)) };
  for (const version of [1, 2, 3]) await holds(headed(version), "/f/m.gguf", { w });
  await holds(headed(3, false), "/f/m.gguf", { w });
}

/** Blocks of every type that is known here have the values that gguf-py and ggml's own code make of them. */
async function blocksAreDequantised(): Promise<void> {
  const { types } = fixtureJson<{ types: Readonly<Record<string, string>> }>("ggufPy/blocks.json");
  expect(Object.keys(types).sort()).toEqual([...ggmlBlocks.keys()].sort());
  const session = await open(oneFile("ggufPy/blocks.gguf"), "/f/blocks.gguf");
  const reader = session.tensorReader();
  for (const tensor of session.checkpoint.tensors) {
    const weight = await session.packedWeight(tensor);
    const { rows } = rowsOf(tensor.shape);
    const values = await weight?.readRows(0, rows, (...range) => reader.readRange(...range));
    expect(values && sha256(new Uint8Array(values.buffer)), tensor.dtype).toBe(types[tensor.dtype]);
  }
  await reader.close();
}

const ofGgufPy =
  fixtureJson<Readonly<Record<string, { readonly tensors: Readonly<Record<string, WantedTensor>> }>>>(
    "ggufPy/files.json",
  );
const holdsGgufPy = (name: string) =>
  holds(oneFile(`ggufPy/${name}`), `/f/${name}`, ofGgufPy[name]?.tensors ?? {});

async function splitIsJoined(): Promise<void> {
  const names = ["split-00001-of-00002.gguf", "split-00002-of-00002.gguf"];
  const tensors = Object.assign({}, ...names.map((name) => ofGgufPy[name]?.tensors));
  for (const name of names) await holds(fixture("ggufPy"), `/f/${name}`, tensors);
}

async function twinsAlign(...names: readonly string[]): Promise<Comparison> {
  const comparison = await Comparison.compute(
    fixture("ggufTwins"),
    names.map((name) => `/f/${name}`),
    () => undefined,
    { pairing: "all" },
  );
  return comparison;
}

async function namesAreThoseOfTransformers(): Promise<void> {
  for (const name of ["gemma2", "gpt2", "falcon", "gptneox", "llama"]) {
    const { snapshots } = await twinsAlign(`${name}.safetensors`, `${name}.gguf`);
    const { rows } = alignSnapshots(snapshots);
    expect(
      rows.every(({ tensors }) => tensors.every((tensor) => tensor !== undefined)),
      name,
    ).toBe(true);
  }
}

async function adapterHasItsTwin(): Promise<void> {
  const { modules } = await twinsAlign("peft", "adapter.gguf");
  expect(modules).toHaveLength(4);
  for (const { module, pairs } of modules) expect(pairs[0]?.cosine, module).toBeCloseTo(1, 6);
}

async function otherNamesAreRefused(): Promise<void> {
  const keys = { "general.architecture": "other" };
  const file = ggufFile({ keys, tensors: [{ name: "blk.0.attn_q.weight", values: [1] }] });
  const session = await open(new MemoryFiles({ "/f/m.gguf": file }), "/f/m.gguf");
  const asked = planConversion(session, { only: "all", names: "transformers" });
  await expect(asked).rejects.toMatchObject({ code: "NotConvertible" });
}

export const ggufRow: FormatRow = {
  alike: [
    [() => oneFile("ggufTwins/llama.gguf"), "/f/llama.gguf", "F32"],
    [() => headed(3, false), "/f/m.gguf"],
  ],
  proofs: {
    format: { "GGUF 1 to 3": holdsVersions, "in both byte orders": () => holdsGgufPy("big.gguf") },
    read: {
      "by range": () => readsByRange(oneFile("ggufTwins/gemma2.gguf"), "/f/gemma2.gguf"),
      "blocks of all types dequantised": blocksAreDequantised,
    },
    joined: {
      "split files": splitIsJoined,
      "names of transformers by architecture": namesAreThoseOfTransformers,
      "a LoRA with its PEFT twin": adapterHasItsTwin,
    },
    not: {
      "names of other architectures": otherNamesAreRefused,
      "the byte order of scales in big-endian files": () =>
        tells(headed(3, false, 8), "/f/m.gguf", "BlockOrderUnknown"),
    },
  },
};
