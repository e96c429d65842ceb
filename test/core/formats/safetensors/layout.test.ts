import { describe, expect, it } from "vitest";
import { safetensorsDtypes } from "../../../../src/core/formats/safetensors/dtypes";
import { bitsOf, safetensorsFile } from "../../../support/made/safetensorsFile";
import { offsetOf, problemsOf, read, readBytes, readHeader } from "./readFile";

interface Entry {
  readonly name: string;
  readonly dtype?: string;
  readonly shape: readonly (number | bigint)[];
  readonly at: readonly [number | bigint, number | bigint];
}

/** A header with offsets that need not fit. */
function headerOf(...entries: readonly Entry[]): string {
  const texts = entries.map(
    ({ name, dtype = "U8", shape, at }) =>
      `"${name}":{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${at.join(",")}]}`,
  );
  return `{${texts.join(",")}}`;
}

describe("dtypes", () => {
  it("are the 22 of safetensors 0.8, with their widths", () => {
    expect(Object.keys(bitsOf)).toHaveLength(22);
    expect(Object.fromEntries([...safetensorsDtypes].sort())).toEqual(
      Object.fromEntries(Object.entries(bitsOf).sort()),
    );
  });

  it.each(Object.keys(bitsOf))("%s is read with the size that shape and width make", async (dtype) => {
    const { tensors, problems } = await read({ tensors: [{ name: "a", dtype, shape: [4, 3, 2] }] });
    expect(tensors[0]).toMatchObject({ dtype, shape: [4, 3, 2], byteSize: ((bitsOf[dtype] ?? 0) * 24) / 8 });
    expect(problems).toEqual([]);
  });

  it("that are not known are shown by their bytes, with a problem", async () => {
    const header = headerOf({ name: "a", dtype: "F128", shape: [2], at: [0, 32] });
    const { tensors, problems } = await readHeader(header, 32);
    expect(tensors[0]).toMatchObject({ dtype: "F128", shape: [2], byteSize: 32, offset: 8 + header.length });
    expect(problems).toEqual([
      {
        severity: "error",
        code: "InvalidHeaderDeserialization",
        message: expect.stringContaining('"F128"'),
        offset: offsetOf(header, '"a"'),
        tensor: "a",
      },
    ]);
  });

  it.each(["f32", "BF16 ", "", "F8_E4M3FN", "__proto__", "C128", "QINT8", "U4"])(
    "are exact: %j is none",
    async (dtype) => {
      const result = await readHeader(headerOf({ name: "a", dtype, shape: [1], at: [0, 1] }), 1);
      expect(problemsOf(result, "InvalidHeaderDeserialization")).toHaveLength(1);
      expect(result.tensors[0]?.dtype).toBe(dtype);
    },
  );
});

describe("sizes", () => {
  it("of scalars, empty tensors and a file without tensors are legal", async () => {
    const { tensors, problems } = await read({
      tensors: [
        { name: "empty", dtype: "F32", shape: [2, 0, 3] },
        { name: "scalar", dtype: "F64", shape: [] },
        { name: "empty at the end", dtype: "F4", shape: [0] },
      ],
    });
    expect(tensors.map(({ byteSize }) => byteSize)).toEqual([0, 8, 0]);
    expect(problems).toEqual([]);
    expect((await readHeader("{}")).problems).toEqual([]);
  });

  it("may leave tensors and the header unaligned", async () => {
    const spec = {
      tensors: [
        { name: "odd", dtype: "U8", shape: [3] },
        { name: "f32", dtype: "F32", shape: [1] },
      ],
    };
    for (const align of [1, 8]) {
      const file = safetensorsFile({ ...spec, align });
      const { tensors, problems } = await readBytes(file);
      expect(tensors.map(({ offset }) => offset - (file.length - 7))).toEqual([0, 3]);
      expect(problems).toEqual([]);
    }
  });

  it("come in the order of the bytes, not of the header", async () => {
    const { tensors, problems } = await readHeader(
      headerOf({ name: "b", shape: [4], at: [2, 6] }, { name: "a", shape: [2], at: [0, 2] }),
      6,
    );
    expect(tensors.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(problems).toEqual([]);
  });

  it.each([
    ["F4", [3], 1],
    ["F4", [1], 1],
    ["F6_E2M3", [3], 2],
    ["F6_E3M2", [2], 1],
    ["F6_E3M2", [5, 5], 18],
  ])("MisalignedSlice: %s of shape %j ends inside a byte", async (dtype, shape, size) => {
    const header = headerOf({ name: "a", dtype, shape, at: [0, size] });
    const { tensors, problems } = await readHeader(header, size);
    expect(problems).toEqual([
      expect.objectContaining({ severity: "error", code: "MisalignedSlice", offset: 9, tensor: "a" }),
    ]);
    expect(tensors).toHaveLength(1);
  });

  it("MisalignedSlice is exact beyond 2^53", async () => {
    const header = headerOf({ name: "a", dtype: "F4", shape: [2n ** 53n + 1n], at: [0, 1] });
    expect((await readHeader(header, 1)).problems.map(({ code }) => code)).toEqual(["MisalignedSlice"]);
  });

  it.each([
    ["too few bytes", "I32", [2, 2], 4],
    ["too many bytes", "I32", [2, 2], 17],
    ["no bytes", "U8", [1], 0],
    ["bytes for nothing", "U8", [0], 1],
    ["a scalar's bytes missing", "F64", [], 4],
    ["the sub-byte type counted as bytes", "F4", [8], 8],
  ])("TensorInvalidInfo: %s", async (_what, dtype, shape, size) => {
    const header = headerOf({ name: "a", dtype, shape, at: [0, size] });
    const { tensors, problems } = await readHeader(header, size);
    expect(problems).toEqual([
      expect.objectContaining({ severity: "error", code: "TensorInvalidInfo", offset: 9, tensor: "a" }),
    ]);
    expect(tensors[0]?.byteSize).toBe(size);
  });

  const huge = 2n ** 64n - 1n;
  it.each([
    ["the product of the sizes", "U8", [2n ** 32n, 2n ** 32n]],
    ["the product with the width", "I32", [2n, 2n ** 63n - 1n]],
    ["one size times the width", "F4", [huge]],
    ["a size beyond 2^53 in each axis", "U8", [2n ** 54n, 2n ** 54n, 2n ** 54n]],
    ["a product that a last 0 would hide", "U8", [2n ** 40n, 2n ** 40n, 0n]],
    ["more axes than a double can multiply", "U8", [...Array.from({ length: 100 }, () => huge), 0n]],
  ])("ValidationOverflow: %s", async (_what, dtype, shape) => {
    const { tensors, problems } = await readHeader(headerOf({ name: "a", dtype, shape, at: [0, 16] }), 16);
    expect(problems).toEqual([
      expect.objectContaining({ severity: "error", code: "ValidationOverflow", offset: 9, tensor: "a" }),
    ]);
    expect(tensors[0]?.byteSize).toBe(16);
  });

  it("that a 0 in front makes nothing are no overflow", async () => {
    const header = headerOf({ name: "a", dtype: "F64", shape: [0n, huge, huge], at: [0, 0] });
    expect((await readHeader(header)).problems).toEqual([]);
  });
});

describe("offsets", () => {
  it.each([
    [
      "a hole",
      4,
      [
        [0, 1],
        [2, 4],
      ],
      ["b"],
      "a hole of 1 byte",
    ],
    ["a start behind 0", 2, [[1, 2]], ["a"], "a hole of 1 byte"],
    [
      "an overlap",
      4,
      [
        [0, 3],
        [2, 4],
      ],
      ["b"],
      'overlaps "a", which ends at 3',
    ],
    [
      "the same bytes twice",
      2,
      [
        [0, 2],
        [0, 2],
      ],
      ["b"],
      'overlaps "a", which ends at 2',
    ],
    [
      "one inside another",
      9,
      [
        [0, 9],
        [3, 5],
      ],
      ["b"],
      'overlaps "a", which ends at 9',
    ],
    [
      "an empty one inside another",
      9,
      [
        [0, 9],
        [3, 3],
      ],
      ["b"],
      'overlaps "a", which ends at 9',
    ],
    [
      "several inside the first",
      9,
      [
        [0, 9],
        [1, 2],
        [2, 4],
        [5, 6],
      ],
      ["b", "c", "d"],
      'overlaps "a", which ends at 9',
    ],
    [
      "an end before the beginning",
      4,
      [
        [0, 4],
        [4, 0],
      ],
      ["b"],
      "ends at 0, before it begins at 4",
    ],
  ] as const)("InvalidOffset: %s", async (_what, size, ranges, wrong, fact) => {
    const entries = ranges.map(([begin, end], index): Entry => {
      return { name: "abcd"[index] ?? "", shape: [Math.max(0, end - begin)], at: [begin, end] };
    });
    const header = headerOf(...entries);
    const { tensors, problems } = await readHeader(header, size);
    expect(problems).toEqual(
      wrong.map((name) => ({
        severity: "error",
        code: "InvalidOffset",
        message: expect.stringContaining(fact),
        offset: offsetOf(header, `"${name}"`),
        tensor: name,
      })),
    );
    expect(tensors).toHaveLength(entries.length);
    expect(tensors.every(({ byteSize }) => byteSize >= 0)).toBe(true);
  });

  it("may have empty tensors at one place", async () => {
    const empty = (name: string, at: number): Entry => ({ name, shape: [0], at: [at, at] });
    const header = headerOf(
      empty("a", 0),
      { name: "b", shape: [4], at: [0, 4] },
      empty("c", 4),
      empty("d", 4),
    );
    const { problems, tensors } = await readHeader(header, 4);
    expect(problems).toEqual([]);
    expect(tensors.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
  });

  it("may list an empty tensor behind the one whose place it shares", async () => {
    const header = headerOf({ name: "a", shape: [4], at: [0, 4] }, { name: "b", shape: [0], at: [0, 0] });
    const { problems, tensors } = await readHeader(header, 4);
    expect(problems).toEqual([]);
    expect(tensors.map(({ name }) => name)).toEqual(["b", "a"]);
  });

  it("that overlap name the tensor that reaches furthest, not the first", async () => {
    const header = headerOf(
      { name: "a", shape: [2], at: [0, 2] },
      { name: "b", shape: [4], at: [2, 6] },
      { name: "c", shape: [3], at: [4, 7] },
    );
    const { problems } = await readHeader(header, 7);
    expect(problems.map(({ message }) => message)).toEqual([
      'Tensor "c" begins at 4 and overlaps "b", which ends at 6.',
    ]);
  });

  it("beyond 2^53 and beyond 64 bits are told, not computed with", async () => {
    const far = 2n ** 63n;
    const header = headerOf({ name: "a", shape: [1], at: [far, far + 1n] });
    const { problems } = await readHeader(header, 1);
    expect(problems.map(({ code }) => code)).toContain("InvalidOffset");
    expect(problems.map(({ code }) => code)).toContain("MetadataIncompleteBuffer");
  });
});

describe("the end of the file", () => {
  const header = headerOf(
    { name: "a", shape: [4], at: [0, 4] },
    { name: "b", shape: [4], at: [4, 8] },
    { name: "c", shape: [2], at: [8, 10] },
  );

  it.each([9, 8, 5, 4, 0])("MetadataIncompleteBuffer where %d of 10 bytes are there", async (size) => {
    const { tensors, problems } = await readHeader(header, size);
    expect(problems).toEqual([
      {
        severity: "error",
        code: "MetadataIncompleteBuffer",
        message: expect.stringContaining("The file is cut"),
        offset: 8 + header.length + size,
      },
    ]);
    const whole = [4, 8, 10].filter((end) => end <= size).length;
    expect(problems[0]?.message).toContain(`${whole} of 3 tensors are complete`);
    expect(tensors).toHaveLength(3);
  });

  it.each([11, 1000])("MetadataIncompleteBuffer where %d bytes are there instead of 10", async (size) => {
    const { problems } = await readHeader(header, size);
    expect(problems).toEqual([
      {
        severity: "error",
        code: "MetadataIncompleteBuffer",
        message: expect.stringContaining("follow the last tensor"),
        offset: 8 + header.length + 10,
      },
    ]);
  });

  it("MetadataIncompleteBuffer for data behind a header without tensors", async () => {
    expect((await readHeader("{}", 3)).problems.map(({ code }) => code)).toEqual([
      "MetadataIncompleteBuffer",
    ]);
  });

  it("is told also behind hundreds of other problems", async () => {
    const entries = Array.from({ length: 1000 }, (_, index): Entry => {
      return { name: `t${index}`, dtype: "X", shape: [1], at: [index, index + 1] };
    });
    const result = await readHeader(headerOf(...entries), 500);
    expect(problemsOf(result, "InvalidHeaderDeserialization")).toHaveLength(200);
    expect(problemsOf(result, "MetadataIncompleteBuffer")).toHaveLength(1);
    expect(problemsOf(result, "MoreProblems")[0]?.message).toContain("800 more problems");
  });
});
