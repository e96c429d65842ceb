import { expect, it } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { importsIn } from "../../../../src/core/formats/torch/joblibArrays";

async function found(text: string) {
  const imports = await importsIn(new MemoryByteSource(Buffer.from(text, "latin1")), 0);
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
