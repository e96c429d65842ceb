import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { protoBytes, protoNumber } from "../../support/made/proto";
import { MemoryFiles } from "../../support/memoryFiles";
import { openTensors } from "../../support/openTensors";

const words = (field: number, text: string) => protoBytes(field, [...new TextEncoder().encode(text)]);

/** An ONNX model with one F32 tensor of two values (onnx.proto: TensorProto 13 external_data, 14 data_location). */
function model(entries: Readonly<Record<string, string>>): Uint8Array {
  const pairs = Object.entries(entries).flatMap(([key, value]) =>
    protoBytes(13, [...words(1, key), ...words(2, value)]),
  );
  const tensor = [
    ...protoNumber(1, 2),
    ...protoNumber(2, 1),
    ...words(8, "w"),
    ...pairs,
    ...protoNumber(14, 1),
  ];
  return Uint8Array.from([
    ...protoNumber(1, 8),
    ...words(2, "test"),
    ...protoBytes(7, protoBytes(5, tensor)),
    ...protoBytes(8, protoNumber(2, 17)),
  ]);
}

const data = new Uint8Array(Float32Array.of(9, 1, 2, 9).buffer);
const wanted = createHash("sha256").update(data.slice(4, 12)).digest("hex");
const open = (
  entries: Readonly<Record<string, string>>,
  more: Record<string, Uint8Array | { link: string }>,
) => openTensors(new MemoryFiles({ "/m/m.onnx": model(entries), ...more }), "/m/m.onnx");

describe("values of an ONNX model in another file", () => {
  test.each(["w.data", "data/w.bin"])("are read from %s", async (location) => {
    const place = { location, offset: "4", length: "8" };
    const { checkpoint, tensors } = await open(place, { [`/m/${location}`]: data });
    expect(checkpoint.problems).toEqual([]);
    expect(tensors.w).toEqual({ dtype: "F32", shape: [2], sha256: wanted });
    expect(checkpoint.files.map(({ name, status }) => [name, status])).toEqual([
      ["m.onnx", "ok"],
      [location, "ok"],
    ]);
  });

  test.each([
    ["above the folder", "../secret"],
    ["at an absolute path", "/secret"],
    ["at a path of Windows", "C:\\secret"],
    ["in no file", ""],
  ])("%s are not looked for", async (_, location) => {
    const files = new MemoryFiles({ "/m/m.onnx": model({ location }), "/secret": data });
    const { checkpoint, tensors } = await openTensors(files, "/m/m.onnx");
    expect(checkpoint.problems).toMatchObject([{ severity: "error", code: "PathOutside" }]);
    expect(tensors.w?.sha256).toBeUndefined();
    expect(files.opened).not.toContain("/secret");
  });

  test("behind a link that leads out of the folder are not followed", async () => {
    const { checkpoint } = await open({ location: "w" }, { "/m/w": { link: "/secret" }, "/secret": data });
    expect(checkpoint.problems).toMatchObject([{ code: "PathOutside" }]);
  });

  test.each([
    ["missing", {}, "MissingFile"],
    ["beyond the end of it", { offset: "12" }, "TensorBeyondEnd"],
    ["of another length", { length: "7" }, "TensorSizeMismatch"],
    ["before its beginning", { offset: "-4" }, "InvalidOffset"],
    ["at no place", { offset: "x" }, "InvalidOffset"],
  ])("that are %s are told", async (what, place, code) => {
    const more: Record<string, Uint8Array> = what === "missing" ? {} : { "/m/w": data };
    const { checkpoint, tensors } = await open({ location: "w", ...place }, more);
    expect(checkpoint.problems.map((problem) => problem.code)).toEqual([code]);
    expect(tensors.w?.sha256).toBeUndefined();
  });
});
