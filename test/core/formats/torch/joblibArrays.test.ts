import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { importsIn } from "../../../../src/core/formats/torch/joblibArrays";
import { projectRoot } from "../../../support/projectRoot";
import { latin1 } from "../pickle/latin1";
import { read, readerOf } from "./torchFixtures";

const f32 = (bytes: Uint8Array) => [...new Float32Array(bytes.slice().buffer)];
const f64 = (bytes: Uint8Array) => [...new Float64Array(bytes.slice().buffer)];

async function found(text: string) {
  const imports = await importsIn(new MemoryByteSource(Buffer.from(text, "latin1")), 0, text.length);
  return imports.map(({ module, name, offset }) => `${module}.${name} at ${offset}`);
}

it("finds imports among other bytes, by the first of their opcodes", async () => {
  expect(await found("12cos\nsystem\n34")).toEqual(["os.system at 2"]);
  expect(await found("12ios\r\nsystem\r\n34")).toEqual(["os.system at 2"]);
  expect(await found("1\x8c\x02os\x94\x8c\x06system\x94\x934")).toEqual(["os.system at 1"]);
  expect(await found("X\x02\0\0\0osX\x06\0\0\0system\x93")).toEqual(["os.system at 0"]);
});

it("is not led past one by a line before it that looks like one", async () => {
  expect(await found("cab\ncos\nsystem\n")).toContain("os.system at 4");
});

it("takes no time over bytes of which each could be an opcode", async () => {
  // Once eight seconds for a megabyte, of which there may be 64: the limit of the test is the assertion.
  expect(await found("c".repeat(8_000_000))).toEqual([]);
});

// What test/fixtures/makeJoblibFixtures.py gave to joblib.
it.each(["arrays.joblib", "arrays2.joblib", "compressed.joblib"])(
  "reads all arrays of %s, and what lies between them",
  async (name) => {
    const bytes = new Uint8Array(readFileSync(join(projectRoot, "test/fixtures/joblib", name)));
    const { tensors, problems } = await read(bytes, name);
    expect(tensors.map((tensor) => `${tensor.name} ${tensor.dtype} ${tensor.shape}`)).toEqual([
      "weight F32 3,4",
      "fortran F64 2,3",
      "empty F64 0,3",
      "behind F64 ",
    ]);
    expect(problems.filter(({ severity }) => severity !== "info")).toEqual([]);
    const reader = readerOf(bytes);
    const valuesOf = async (at: number) => reader.read(tensors[at] as (typeof tensors)[0]);
    expect(f32(await valuesOf(0))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(f64(await valuesOf(1))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(f64(await valuesOf(3))).toEqual([3.5]);
  },
);

it("finds imports in the bytes of an array, which only joblib passes over", async () => {
  const word = (text: string) => `\x8c${String.fromCharCode(text.length)}${text}`;
  const dtype = `${word("numpy")}${word("dtype")}\x93${word("u1")}\x85R(K\x03${word("|")}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb`;
  const command = "cos\nsystem\n(X\x01\0\0\0xtR0.";
  const state = `}(${word("shape")}K${String.fromCharCode(command.length)}\x85${word("order")}${word("C")}${word("dtype")}${dtype}u`;
  const wrapper = `${word("joblib.numpy_pickle")}${word("NumpyArrayWrapper")}\x93)\x81${state}b`;
  const { tensors, problems } = await read(latin1(`\x80\x04${wrapper}${command}.`), "a.joblib");
  expect(tensors.map(({ shape }) => shape)).toEqual([[command.length]]);
  expect(problems.map(({ code }) => code)).toContain("DangerousImport");
});
