import { describe, expect, it } from "vitest";
import { offsetOf, path, problemsOf, read, readHeader } from "./readFile";

/** formats.md §1, step 3: what an entry must look like. The viewer leaves a wrong one out and shows the rest. */
describe("an entry of a safetensors header", () => {
  const good = '"good":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}';

  it.each([
    ["is no object", "[1,2]", "must be an object"],
    ["is null", "null", "must be an object"],
    ["has no dtype", '{"shape":[1],"data_offsets":[2,3]}', "no dtype"],
    ["has no shape", '{"dtype":"U8","data_offsets":[2,3]}', "no shape"],
    ["has no data_offsets", '{"dtype":"U8","shape":[1]}', "no data_offsets"],
    ["is empty", "{}", "no dtype"],
    [
      "has a dtype that is no string",
      '{"dtype":5,"shape":[1],"data_offsets":[2,3]}',
      "dtype must be a string",
    ],
    [
      "has a shape that is no array",
      '{"dtype":"U8","shape":1,"data_offsets":[2,3]}',
      "shape must be an array",
    ],
    ["has a negative size", '{"dtype":"U8","shape":[-1],"data_offsets":[2,3]}', "holds -1"],
    ["has a negative zero", '{"dtype":"U8","shape":[-0],"data_offsets":[2,2]}', "holds -0"],
    ["has a fraction as size", '{"dtype":"U8","shape":[1.0],"data_offsets":[2,3]}', "holds 1.0"],
    ["has an exponent in a size", '{"dtype":"U8","shape":[1e0],"data_offsets":[2,3]}', "holds 1e0"],
    ["has a string as size", '{"dtype":"U8","shape":["1"],"data_offsets":[2,3]}', "integers only"],
    [
      "has a size of 65 bits",
      '{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[2,3]}',
      "64 bits",
    ],
    ["has a fraction as offset", '{"dtype":"U8","shape":[1],"data_offsets":[2.0,3]}', "holds 2.0"],
    ["has one offset", '{"dtype":"U8","shape":[1],"data_offsets":[2]}', "no data_offsets [begin, end]"],
    ["has three offsets", '{"dtype":"U8","shape":[1],"data_offsets":[2,3,3]}', "must be [begin, end]"],
    [
      "has offsets that are null",
      '{"dtype":"U8","shape":[1],"data_offsets":null}',
      "data_offsets must be an array",
    ],
  ])("is left out and reported when it %s", async (_what, entry, fact) => {
    for (const header of [`{${good},"bad":${entry}}`, `{"bad":${entry},${good}}`]) {
      const { tensors, problems } = await readHeader(header, 3);
      expect(tensors.map(({ name }) => name)).toEqual(["good"]);
      // Its bytes now look like a hole, which must not be told as a second problem.
      expect(problems).toEqual([
        {
          severity: "error",
          code: "InvalidHeaderDeserialization",
          message: expect.stringContaining(fact),
          offset: offsetOf(header, '"bad"'),
          tensor: "bad",
        },
      ]);
    }
  });

  it("that is left out makes no hole before the next", async () => {
    const last = '"last":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}';
    const { tensors, problems } = await readHeader(`{${good},"bad":{"data_offsets":[2,3]},${last}}`, 4);
    expect(tensors.map(({ name }) => name)).toEqual(["good", "last"]);
    expect(problems.map(({ code, tensor }) => [code, tensor])).toEqual([
      ["InvalidHeaderDeserialization", "bad"],
    ]);
  });

  it.each([
    ["[01]", "[0,1]"],
    ["[1,01]", "[0,1]"],
    ["[1]", "[00,1]"],
    ["[1]", "[0,01]"],
    ["[,1]", "[0,1]"],
    ["[1,]", "[0,1]"],
    ["[1 1]", "[0,1]"],
  ])("with shape %s and offsets %s is no JSON, however usual it looks", async (shape, offsets) => {
    const header = `{"a":{"dtype":"U8","shape":${shape},"data_offsets":${offsets}}}`;
    await expect(readHeader(header, 1)).rejects.toMatchObject({ code: "InvalidHeaderDeserialization" });
  });

  it("may have fields that are not known", async () => {
    const { tensors, problems } = await readHeader(
      '{"a":{"x":{"y":[1.5,null,true]},"dtype":"U8","zz":"","shape":[1],"data_offsets":[0,1],"q":{}}}',
      1,
    );
    expect(tensors[0]).toMatchObject({ name: "a", dtype: "U8", shape: [1], byteSize: 1 });
    expect(problems).toEqual([]);
  });

  it("may have its fields in any order, and white space anywhere", async () => {
    const { tensors, problems } = await readHeader(
      ' \t\r\n{ "a" : { "data_offsets" : [ 0 , 1 ] , "shape" : [ ] , "dtype" : "U8" } } \t\r\n',
      1,
    );
    expect(tensors[0]).toMatchObject({ name: "a", shape: [], byteSize: 1 });
    expect(problems).toEqual([]);
  });

  it("is reported when it has a field twice, which the reference reader refuses; the last counts", async () => {
    const header = '{"a":{"dtype":"I8","shape":[1],"dtype":"U8","data_offsets":[0,1]}}';
    const { tensors, problems } = await readHeader(header, 1);
    expect(tensors[0]?.dtype).toBe("U8");
    expect(problems).toEqual([
      expect.objectContaining({
        code: "InvalidHeaderDeserialization",
        message: 'Tensor "a" has dtype twice.',
        offset: offsetOf(header, '"dtype":"U8"'),
      }),
    ]);
  });

  it("counts in its last form when it is listed twice, with a warning", async () => {
    const header =
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}';
    const { tensors, problems } = await readHeader(header, 2);
    expect(tensors.map(({ shape }) => shape)).toEqual([[2]]);
    expect(problems).toEqual([
      {
        severity: "warning",
        code: "DuplicateKey",
        message: expect.stringContaining('"a" is listed twice'),
        offset: 8 + header.lastIndexOf('"a"'),
        tensor: "a",
      },
    ]);
  });

  it("keeps every name as it is, whatever it means to JavaScript, in the order of the bytes", async () => {
    const names = [
      "__proto__",
      "constructor",
      "hasOwnProperty",
      "10",
      "9",
      "",
      " ",
      "模型.权重",
      "😀.weight",
      "e\u0301",
      "\u00e9",
      'quote " back \\ slash',
      "line\nbreak\u0000",
      "<img src=x onerror=alert(1)>",
      "../../etc/passwd",
      "__metadata",
    ];
    const { tensors, problems } = await read({
      tensors: names.map((name) => ({ name, dtype: "U8", shape: [2] })),
    });
    expect(tensors.map(({ name }) => name)).toEqual(names);
    expect(tensors.map(({ offset }) => offset)).toEqual(
      names.map((_, index) => (tensors[0]?.offset ?? 0) + 2 * index),
    );
    expect(problems).toEqual([]);
    expect(({} as { dtype?: string }).dtype).toBeUndefined();
  });

  it("has the byte offset of its key also behind characters of many bytes", async () => {
    const header = '{"模型😀":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{}}';
    const { problems } = await readHeader(header, 1);
    expect(problems.map(({ offset }) => offset)).toEqual([offsetOf(header, '"b"')]);
    expect(offsetOf(header, '"b"')).toBe(8 + header.indexOf('"b"') + 4 + 2); // 2 × 2 and 4 - 2 more bytes than units
  });

  it("cuts a hostile name in messages", async () => {
    const name = "x".repeat(1_000_000);
    const { problems } = await readHeader(`{"${name}":{}}`);
    expect(problems[0]?.message.length).toBeLessThan(400);
    expect(problems[0]?.tensor).toBe("x".repeat(2000));
  });

  it("is refused with a dtype that is no name any more", async () => {
    const { tensors, problems } = await readHeader(
      `{"a":{"dtype":"${"F".repeat(100_000)}","shape":[1],"data_offsets":[0,1]}}`,
      1,
    );
    expect(tensors).toEqual([]);
    expect(problems[0]?.message).toContain("100000 characters");
  });
});

describe("__metadata__", () => {
  it("is free text by key, in the order of the file", async () => {
    const header = '{"__metadata__":{"format":"pt","10":"x","__proto__":"y","9":"é","empty":""}}';
    const { metadata, problems, tensors } = await readHeader(header);
    expect([...metadata]).toEqual([
      ["format", "pt"],
      ["10", "x"],
      ["__proto__", "y"],
      ["9", "é"],
      ["empty", ""],
    ]);
    expect(tensors).toEqual([]);
    expect(problems).toEqual([]);
  });

  it.each(["{}", '{"__metadata__":null}', '{"__metadata__":{}}'])("may be absent: %s", async (header) => {
    const { metadata, problems } = await readHeader(header);
    expect(metadata.size).toBe(0);
    expect(problems).toEqual([]);
  });

  it.each([
    ["a number", '"step":5', "5"],
    ["null", '"step":null', "null"],
    ["true", '"step":true', "true"],
    ["an object", '"step":{"y":"z"}', '{"y":"z"}'],
    ["an array", '"step":[1]', "[1]"],
  ])("is reported where a value is %s, which is shown as it is written", async (_what, member, text) => {
    const header = `{"__metadata__":{"a":"b",${member},"c":"d"}}`;
    const { metadata, problems } = await readHeader(header);
    expect([...metadata]).toEqual([
      ["a", "b"],
      ["step", text],
      ["c", "d"],
    ]);
    expect(problems).toEqual([
      {
        severity: "error",
        code: "InvalidHeaderDeserialization",
        message: `Metadata "step" is ${text}, but only strings are allowed.`,
        offset: offsetOf(header, '"step"'),
      },
    ]);
  });

  it.each(["5", '"pt"', "[]", "true"])(
    "is reported when it is %s, and the tensors are shown",
    async (value) => {
      const header = `{"__metadata__":${value},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`;
      const { tensors, problems } = await readHeader(header, 1);
      expect(tensors).toHaveLength(1);
      expect(problems).toEqual([
        {
          severity: "error",
          code: "InvalidHeaderDeserialization",
          message: expect.stringContaining("__metadata__"),
          offset: 8 + 1,
        },
      ]);
    },
  );

  it("is reported when it comes twice; the last counts", async () => {
    const header = '{"__metadata__":{"a":"1"},"__metadata__":{"b":"2"}}';
    const { metadata, problems } = await readHeader(header);
    expect([...metadata]).toEqual([["b", "2"]]);
    expect(problems).toEqual([
      expect.objectContaining({
        code: "InvalidHeaderDeserialization",
        offset: 8 + header.lastIndexOf('"__metadata__"'),
      }),
    ]);
  });

  it("names the tensors that were saved as another, where the other is there", async () => {
    const { aliases } = await read({
      metadata: {
        "lm_head.weight": "embed.weight",
        format: "pt",
        "embed.weight": "embed.weight",
        gone: "nowhere",
      },
      tensors: [{ name: "embed.weight", dtype: "F32", shape: [2, 2] }],
    });
    expect([...aliases]).toEqual([["lm_head.weight", "embed.weight"]]);
  });

  it("is the file's only problem where it is the only thing wrong", async () => {
    const result = await readHeader('{"__metadata__":{"x":1}}');
    expect(problemsOf(result, "MetadataIncompleteBuffer")).toEqual([]);
    expect(path).toBe("/run/model.safetensors");
  });
});
