import { describe, expect, it } from "vitest";
import type { FileWriter } from "../../../../src/core/bytes/fileSink";
import { npyForm, writeNpy } from "../../../../src/core/formats/numpy/npyFile";
import type { Tensor } from "../../../../src/core/tensors/tensor";
import { tensor } from "../../tensors/tensors";

/** What `numpy.save` (1.24) writes of these arrays, as hexadecimal after the 10 bytes of the prefix. */
const header = (dict: string) => Buffer.from(`${dict.padEnd(117)}\n`, "latin1").toString("hex");
const prefix = "934e554d505901007600";

class MemoryWriter implements FileWriter {
  bytes = new Uint8Array();

  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    const grown = new Uint8Array(Math.max(this.bytes.length, offset + bytes.length));
    grown.set(this.bytes);
    grown.set(bytes, offset);
    this.bytes = grown;
  }

  async close(): Promise<void> {}
}

async function written(of: Partial<Tensor>, bytes: Uint8Array): Promise<string> {
  const writer = new MemoryWriter();
  const read = async (_: unknown, offset: number, length: number) => bytes.slice(offset, offset + length);
  await writeNpy(tensor("t", { byteSize: bytes.length, ...of }), read, writer, () => {});
  return Buffer.from(writer.bytes).toString("hex");
}

describe("a tensor as .npy", () => {
  it.each([
    [
      "F32",
      [2, 3],
      new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer),
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
      "000000000000803f0000004000004040000080400000a040",
    ],
    [
      "I64",
      [2],
      new Uint8Array(BigInt64Array.of(1n, -2n).buffer),
      "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }",
      "0100000000000000feffffffffffffff",
    ],
    ["F16", [], Uint8Array.of(0, 0x38), "{'descr': '<f2', 'fortran_order': False, 'shape': (), }", "0038"],
    [
      "C64",
      [1],
      new Uint8Array(Float32Array.of(1, 2).buffer),
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
      "0000803f00000040",
    ],
    ["BOOL", [2], Uint8Array.of(1, 0), "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "0100"],
  ])("of %s is what numpy.save writes", async (dtype, shape, bytes, dict, data) => {
    expect(await written({ dtype, shape }, bytes)).toBe(prefix + header(dict) + data);
  });

  it("of BF16 and 8-bit floats is float32, in which each value is exact", async () => {
    // 1 and -2 in BF16; 448, the largest F8_E4M3, and NaN.
    const bf16 = await written({ dtype: "BF16", shape: [2] }, Uint8Array.of(0x80, 0x3f, 0x00, 0xc0));
    expect(bf16.slice(256)).toBe("0000803f000000c0");
    expect(bf16).toContain(Buffer.from("'<f4'").toString("hex"));
    const f8 = await written({ dtype: "F8_E4M3", shape: [1] }, Uint8Array.of(0x7e));
    expect(f8.slice(256)).toBe(Buffer.from(Float32Array.of(448).buffer).toString("hex"));
    expect(npyForm("BF16")).toEqual({ descriptor: "<f4", isConverted: true });
  });

  it("of no values is a header, and of unknown types is refused", async () => {
    expect(await written({ dtype: "F32", shape: [0, 4] }, new Uint8Array())).toBe(
      prefix + header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }"),
    );
    await expect(written({ dtype: "Q4_K", shape: [4] }, new Uint8Array(4))).rejects.toThrow("not known");
  });
});
