import { describe, expect, it } from "vitest";
import { UnreadableTensorError } from "../../../../src/core/checkpoint/tensorReader";
import { pythonText } from "../../../../src/core/formats/pythonText";
import { zipFile } from "../../../support/made/zipFile";
import { latin1, little, text } from "../pickle/latin1";
import { byName, fixture, read, readerOf, readTensor } from "./torchFixtures";

/** A tensor of `count` floats as torch pickles it, in storage `key`. */
function tensor(
  count: number,
  { key = "0", offset = 0, stride = 1, size = count, location = "cpu" } = {},
): string {
  const number = (value: number) => `J${little(value, 4)}`;
  const storage = `(${text("storage")}ctorch\nFloatStorage\n${text(key)}${text(location)}${number(count)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${number(offset)}${number(size)}\x85${number(stride)}\x85\x89ccollections\nOrderedDict\n)RtR`;
}

const floats = (count: number) => new Uint8Array(new Float32Array(count).fill(1.5).buffer);

function archive(pickle: string, storages: Readonly<Record<string, Uint8Array>> = {}, byteorder?: string) {
  return zipFile([
    { name: "m/data.pkl", data: latin1(`\x80\x02${pickle}.`) },
    ...(byteorder === undefined ? [] : [{ name: "m/byteorder", data: latin1(byteorder) }]),
    ...Object.entries(storages).map(([key, data]) => ({ name: `m/data/${key}`, data, padding: 17 })),
    { name: "m/version", data: latin1("3\n") },
  ]);
}

const codes = ({ problems }: Awaited<ReturnType<typeof read>>) =>
  problems.map(({ severity, code }) => `${severity} ${code}`);

describe("a torch archive that is damaged", () => {
  it("by a missing storage lists the tensor, and says why it cannot be read", async () => {
    const bytes = archive(`}${text("w")}${tensor(4)}s`);
    const parsed = await read(bytes);
    expect(codes(parsed)).toEqual(["error TensorWithoutBytes"]);
    expect(parsed.tensors).toMatchObject([{ name: "w", dtype: "F32", shape: [4], byteSize: 16 }]);
    await expect(readTensor(bytes, parsed.tensors[0])).rejects.toBeInstanceOf(UnreadableTensorError);
    expect(parsed.problems[0]?.message).toContain("m/data/0");
  });

  it.each([
    ["a storage that is too short", tensor(4), floats(3)],
    ["an offset beyond the storage", tensor(4, { offset: 1 }), floats(4)],
    ["a stride beyond the storage", tensor(4, { stride: 2 }), floats(4)],
    ["a size beyond the storage", tensor(4, { size: 5 }), floats(4)],
    ["a size of two billion", tensor(4, { size: 2_000_000_000 }), floats(4)],
  ])("by %s never reads beyond it", async (_what, pickle, storage) => {
    const bytes = archive(pickle, { 0: storage });
    const parsed = await read(bytes);
    expect(codes(parsed)).toEqual(["error TensorWithoutBytes"]);
    await expect(readerOf(bytes).readRange(parsed.tensors[0] as never, 0, 4)).rejects.toBeInstanceOf(
      RangeError,
    );
  });

  it("by negative sizes shows an object and no tensor", async () => {
    const parsed = await read(archive(tensor(4, { size: -1 }), { 0: floats(4) }));
    expect(parsed.tensors).toEqual([]);
    expect(pythonText(parsed.content?.root ?? null)).toContain("_rebuild_tensor_v2(");
  });

  it("reads a view with stride 0 from one element", async () => {
    const bytes = archive(tensor(1, { size: 5, stride: 0 }), { 0: floats(1) });
    expect(await readTensor(bytes, (await read(bytes)).tensors[0])).toEqual(floats(5));
  });

  it("names a tensor on the meta device without calling it an error", async () => {
    const parsed = await read(archive(tensor(4, { location: "meta" })));
    expect(codes(parsed)).toEqual([]);
    expect(parsed.tensors[0]?.layout?.storage.absent).toContain("meta");
  });

  it("reads big-endian storages", async () => {
    const bytes = archive(tensor(1), { 0: Uint8Array.of(0x3f, 0xc0, 0, 0) }, "big");
    expect(await readTensor(bytes, (await read(bytes)).tensors[0])).toEqual(floats(1));
  });

  it("without data.pkl says that saving failed", async () => {
    const bytes = zipFile([{ name: "m/version", data: latin1("3\n") }]);
    await expect(read(bytes)).rejects.toMatchObject({ code: "NoDataPickle" });
  });

  it("without its directory still tells what was being saved", async () => {
    const whole = fixture("training.pt");
    const parsed = await read(whole.slice(0, whole.length - 30));
    expect(codes(parsed)).toEqual(["error NoZipDirectory"]);
    expect(parsed.problems[0]?.message).toContain("interrupted");
    expect(byName(parsed).has("model.fc1.weight")).toBe(true);
    await expect(readTensor(whole, parsed.tensors[0])).rejects.toBeInstanceOf(UnreadableTensorError);
  });

  it("behind other bytes is read, with a warning", async () => {
    const bytes = Buffer.concat([Buffer.from("X".repeat(64)), fixture("dtypes.pt")]);
    const parsed = await read(new Uint8Array(bytes));
    expect(codes(parsed)).toEqual(["warning PrefixedArchive"]);
    expect(await readTensor(new Uint8Array(bytes), byName(parsed).get("scalar"))).toHaveLength(4);
  });

  it("that GPT-SoVITS marked with its version is read", async () => {
    const bytes = fixture("dtypes.pt").slice();
    bytes.set(latin1("05"));
    const parsed = await read(bytes);
    expect(codes(parsed)).toEqual(["info MarkedArchive"]);
    expect(await readTensor(bytes, byName(parsed).get("scalar"))).toHaveLength(4);
  });

  it("by a storage that is compressed and damaged says so when it is read", async () => {
    const members = [
      { name: "m/data.pkl", data: latin1(`\x80\x02${tensor(4)}.`) },
      { name: "m/data/0", data: floats(4), method: 8 },
    ];
    const bytes = zipFile(members);
    const parsed = await read(bytes);
    await expect(readTensor(bytes, parsed.tensors[0])).rejects.toThrow(/compressed data/);
  });

  it("with 500 bytes of pickle for a million tensors lists no more than it may", async () => {
    // Ten lists of ten lists … of one tensor: 10^8 tensors on paper.
    const levels = Array.from({ length: 8 }, (_, at) => {
      const get = `h${String.fromCharCode(at)}`;
      return `](${get.repeat(10)}eq${String.fromCharCode(at + 1)}`;
    });
    const pickle = `${tensor(1)}q\0${levels.join("")}`;
    const parsed = await read(archive(pickle, { 0: floats(1) }));
    expect(parsed.tensors.length).toBeLessThanOrEqual(1_000_000);
    expect(codes(parsed)).toEqual(["warning TooManyTensors"]);
  });
});

describe("a legacy file that is damaged", () => {
  const whole = fixture("dtypes-legacy.pt");

  it("by its end tells how many bytes are missing and reads what is there", async () => {
    const bytes = whole.slice(0, whole.length - 10);
    const parsed = await read(bytes);
    expect(parsed.format).toBe("torch-legacy");
    expect(parsed.problems[0]).toMatchObject({ severity: "error", code: "TruncatedLegacy" });
    expect(parsed.problems[0]?.message).toContain("10 bytes");
    expect(parsed.tensors).toHaveLength(17);
    const reader = readerOf(bytes);
    const results = await Promise.allSettled(parsed.tensors.map((one) => reader.read(one)));
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
  });

  it("at any byte is refused or shown with a problem", async () => {
    for (let length = 0; length < whole.length; length += 13) {
      const outcome = await read(whole.slice(0, length)).catch((error: Error) => error);
      if (outcome instanceof Error) expect(outcome.name).toBe("CheckpointError");
      else expect(outcome.problems.length).toBeGreaterThan(0);
    }
  });

  it("by other bytes behind it says so", async () => {
    const parsed = await read(new Uint8Array(Buffer.concat([whole, Buffer.from("more")])));
    expect(codes(parsed)).toEqual(["info TrailingBytes"]);
  });
});

describe("a name that says torch", () => {
  it.each([
    ["nothing", new Uint8Array(), "EmptyFile"],
    ["white space", latin1("\r\n"), "BlankFile"],
    ["a picture", latin1("\x89PNG\r\n\x1a\n"), "NotTorch"],
    ["a Git LFS pointer", latin1("version https://git-lfs.github.com/spec/v1\nsize 123\n"), "GitLfsPointer"],
    ["a web page", latin1("<!DOCTYPE html><html></html>"), "WebPage"],
    ["a 7z archive", latin1("7z\xbc\xaf\x27\x1c\0\x04"), "SevenZip"],
  ])("before %s is told what it is", async (_what, bytes, code) => {
    await expect(read(bytes, "model.pt")).rejects.toMatchObject({ code });
  });

  it("before a pickle of protocol 0 is read as one", async () => {
    const parsed = await read(latin1("(dS'a'\nI1\ns."), "model.pt");
    expect(parsed.format).toBe("pickle");
    expect(pythonText(parsed.content?.root ?? null)).toBe("{'a': 1}");
  });
});
