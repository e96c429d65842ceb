import { describe, expect, it } from "vitest";
import { parseNpyHeader } from "../../../../src/core/formats/numpy/npyHeader";

function headOf(description: string): Uint8Array {
  const text = `{'descr': ${description}, 'fortran_order': False, 'shape': (1,), }\n`;
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00", "latin1"),
    Buffer.of(text.length & 255, text.length >> 8),
    Buffer.from(text, "latin1"),
  ]);
}

describe("a structured dtype", () => {
  // numpy.dtype(...).itemsize, of descriptions that numpy.lib.format.dtype_to_descr gave.
  it.each([
    ["[('a', '<i4'), ('b', '<f8', (2,))]", 20],
    ["[('x', '<f4'), ('f1', '|V4'), ('p', [('u', '<u2'), ('v', '|S3')], (2, 3))]", 38],
    ["[(('title', 'name'), '<U5'), ('t', '<M8[ns]'), ('k', '|b1', (3,))]", 31],
  ])("takes as many bytes as in NumPy: %s", (description, bytes) => {
    const header = parseNpyHeader(headOf(description));
    expect(header).toMatchObject({ dtype: "structured", itemBytes: bytes, isPickled: false });
  });

  it("that holds objects is a pickle, however deep they lie", () => {
    expect(parseNpyHeader(headOf("[('a', [('b', '|O', (2,))])]")).isPickled).toBe(true);
  });

  it.each([
    ["brackets without an end", `[${"[".repeat(30_000)}]`],
    ["a field without a type", "[('a',)]"],
    ["numbers in place of fields", "[1, 2]"],
    ["more bytes than there are numbers for", "[('a', '<f8', (9999999999999999,))]"],
  ])("is refused where it is none: %s", (_, description) => {
    expect(() => parseNpyHeader(headOf(description))).toThrow(
      expect.objectContaining({ code: "InvalidNpyHeader" }),
    );
  });
});
