import { describe, expect, it } from "vitest";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import type { FormatId } from "../../../src/core/formats/format";
import { readCheckpointFile } from "../../../src/core/formats/readFile";
import { recogniseKind } from "../../../src/core/formats/recognise";
import { formatOfHead } from "../../../src/core/formats/registry";
import { CountingSource } from "../../support/countingSource";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { errorOf, readBytes } from "./safetensors/readFile";

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** ustar (POSIX.1-1988): blocks of 512 bytes; name at 0, size in octal at 124, magic at 257. */
function tarFile(members: readonly string[]): Uint8Array {
  const blocks = members.flatMap((name) => {
    const header = new Uint8Array(512);
    header.set(latin1(name), 0);
    header.set(latin1("00000000700\0"), 124);
    header.set(latin1("ustar\x0000"), 257);
    return [header, new Uint8Array(512)];
  });
  return Uint8Array.from(blocks.flatMap((block) => [...block]));
}

const names = ["model.safetensors", "pytorch_model.bin", "adapter"];

describe("a file that only has the name of a checkpoint", () => {
  const pointer = `version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 13476839424
`;

  it.each([
    [
      "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT)CREATE TABLE configs (id INTEGER)",
      "as trackio",
    ],
    ["CREATE TABLE experiments (a)CREATE TABLE runs (a)CREATE TABLE metrics (a)", "of MLflow"],
    ["CREATE TABLE other (a)", "is recognised"],
  ])("is told to be a database, with whose it is: %s", async (tables, words) => {
    const file = latin1(`SQLite format 3\0${"\0".repeat(100)}${tables}`);
    const error = await errorOf(readBytes(file, "project.db"));
    expect(error).toMatchObject({ code: "SqliteDatabase" });
    expect(error.message).toContain(words);
  });

  it.each([
    ["git-annex", "/annex/objects/SHA256E-s123456--4d7a.safetensors\n", "`git annex get`"],
    ["git-annex in a link", "../../.git/annex/objects/a/b/SHA256E-s1--4d7a\n", "`git annex get`"],
    [
      "DVC",
      "outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 1\n  path: model.safetensors\n",
      "`dvc pull`",
    ],
    [
      "HTTP",
      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n",
      "headers of an HTTP answer",
    ],
  ])("is told to be a pointer of %s, or what stands in front of one", async (_, text, words) => {
    const error = await errorOf(readBytes(bytesOf(text), "model.safetensors"));
    expect(error).toMatchObject({ code: "PointerFile" });
    expect(error.message).toContain(words);
  });

  it.each(names)("is told to be a Git LFS pointer, with the size of the real file: %s", async (name) => {
    const error = await errorOf(readBytes(bytesOf(pointer), name));
    expect(error).toMatchObject({ code: "GitLfsPointer", offset: 0 });
    expect(error.message).toMatch(/Git LFS pointer.*13\.5 GB.*git lfs pull/);
  });

  it.each([
    [["sys_info", "pickle", "storages", "tensors"], "OldTorchTar", /torch before 0\.1\.10/],
    [["storages"], "OldTorchTar", /save it again/],
    [["weights/model.pt", "config.json"], "TarArchive", /first member is "weights\/model\.pt"/],
  ] as const)("is told to be a tar archive, by what is in it: %j", async (members, code, message) => {
    for (const name of ["model.pt", "pytorch_model.bin", "model.pkl"]) {
      const error = await errorOf(readBytes(tarFile(members), name));
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    }
  });

  it("is told to be a tar archive by the member behind the settings of pax", async () => {
    const tar = tarFile(["././@PaxHeader", "mod.so", "mod.params"]);
    tar[156] = "x".charCodeAt(0);
    expect((await errorOf(readBytes(tar, "model.tar"))).message).toContain('first member is "mod.so"');
  });

  it("is told to be a tar archive where its sizes are damaged", async () => {
    const tar = tarFile(["sys_info", "pickle"]);
    tar.fill(0x39, 124, 136);
    expect((await errorOf(readBytes(tar, "model.pt"))).code).toBe("OldTorchTar");
  });

  it("is told to be a Git LFS pointer where its lines are damaged", async () => {
    for (const text of [
      "version https://git-lfs",
      pointer.replace("size ", "sise "),
      pointer.replaceAll("\n", "\r\n"),
    ]) {
      expect((await errorOf(readBytes(bytesOf(text)))).code).toBe("GitLfsPointer");
    }
  });

  it.each([
    "<!DOCTYPE html><html><head><title>Sign in to continue</title></head></html>",
    "<!doctype html>\n<title>Sign in to continue</title>",
    '\n  <html lang="en"><title> Sign in to continue </title>',
    "\ufeff<!DOCTYPE html><title>Sign in to continue</title>",
    '<?xml version="1.0"?><Error><title>Sign in to continue</title></Error>',
  ])("is told to be a web page, with its title: %j", async (text) => {
    for (const name of names) {
      const error = await errorOf(readBytes(bytesOf(text), name));
      expect(error.code).toBe("WebPage");
      expect(error.message).toContain('web page ("Sign in to continue")');
    }
  });

  it("is told to be a web page without a title", async () => {
    expect((await errorOf(readBytes(bytesOf(`<html>${"x".repeat(100_000)}`)))).code).toBe("WebPage");
  });

  it.each([
    '{"error":"Entry not found"}',
    '{"message": "Repository not found"}',
    '{ "detail" : "Not authenticated" }',
    "Entry not found",
    "404: Not Found\n",
    "400: Invalid request",
    "Access to model some/model is restricted. You must be authenticated to access it.",
    "Invalid username or password.",
  ])("is told to be a server's answer: %s", async (text) => {
    for (const name of names) {
      const error = await errorOf(readBytes(bytesOf(text), name));
      expect(error.code).toBe("ServerError");
      expect(error.message).toContain(text.trim());
    }
  });

  it.each([
    ["a.bin", "tjgg\x03\0\0\0", "a GGML file of llama.cpp before GGUF (2023)"],
    ["a.tflite", "\x1c\0\0\0TFL3", "a TensorFlow Lite model"],
    ["a.pt", "Rar!\x1a\x07\x01\0", "a RAR archive"],
    ["model.t7", "\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0d", "a file of Lua's Torch 7"],
    ["bootloader.bin", "\x7fELF\x01\x01\x01", "a program or library for Linux"],
    ["yolo.weights", "\0\0\0\0\x02\0\0\0\x05\0\0\0", "a file of Darknet weights"],
    ["a.mlmodel", "\x08\x05\x12\x20", "a Core ML model"],
    ["a.xml", '<?xml version="1.0"?>\n<net name="x" version="11">', "an OpenVINO network"],
    ["a.xml", '<?xml version="1.0"?><plist>', "an XML file"],
  ])("is told to be of a kind that is not read: %s %j", async (name, start, told) => {
    const error = await errorOf(readBytes(latin1(start.padEnd(64, "\0")), name));
    expect(error.code).toBe("UnsupportedFormat");
    expect(error.message).toContain(`This is ${told}`);
  });

  it("is told to be room that was never filled", async () => {
    for (const name of names) {
      expect((await errorOf(readBytes(new Uint8Array(5000), name))).code).toBe("ZeroFilled");
    }
  });

  it("is told to have lost the page that it begins with, where its kind begins with a header", async () => {
    const lost = new Uint8Array(9000).fill(7, 4096);
    for (const name of ["model.safetensors", "model.gguf", "model.h5", "optimizer.pt", "pytorch_model.bin"]) {
      const error = await errorOf(readBytes(lost, name));
      expect(error.code).toBe("ZeroFilled");
      expect(error.message).toContain("first 4,096 bytes");
    }
    // Tokens and other data may begin with zeros.
    expect((await errorOf(readBytes(lost, "train.bin"))).code).not.toBe("ZeroFilled");
  });

  it("is told to be empty or blank", async () => {
    expect(await errorOf(readBytes(new Uint8Array(), "pytorch_model.bin"))).toMatchObject({
      code: "EmptyFile",
      message: expect.stringContaining("empty (0 bytes)"),
    });
    expect(await errorOf(readBytes(bytesOf("\r\n"), "pytorch_model.bin"))).toMatchObject({
      code: "BlankFile",
      message: expect.stringContaining("2 bytes of white space"),
    });
    // Of a file named safetensors the reference reader's name for it is kept, in the same words.
    expect(await errorOf(readBytes(new Uint8Array()))).toMatchObject({
      code: "HeaderTooSmall",
      message: expect.stringContaining("empty (0 bytes)"),
    });
  });

  it("is shown by its first bytes when nothing is known of it", async () => {
    const error = await errorOf(readBytes(Uint8Array.of(1, 2, 0xab, 4, 5, 6, 7, 8, 9, 10), "weights.bin"));
    expect(error.code).toBe("UnknownFormat");
    expect(error.message).toContain("01 02 ab 04 05 06 07 08");
  });

  it("is not taken for an impostor when it is a checkpoint whose first tensor is called error", async () => {
    const file = safetensorsFile({ tensors: [{ name: "error", dtype: "U8", shape: [1] }] });
    expect((await readBytes(file, "anything.bin")).tensors.map(({ name }) => name)).toEqual(["error"]);
  });
});

describe("the name of a file", () => {
  const torchMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  const zip = (member: string) => `PK\x03\x04${"\0".repeat(26)}${member}`;

  it.each<[FormatId, string]>([
    ["torch-zip", zip("archive/data.pkl")],
    ["torch-zip", zip("archive/byteorderlittle")],
    ["torch-zip", zip("archive/version3")],
    ["torchscript", zip("model/data.pklPK\x03\x04model/code/__torch__.py")],
    ["torchscript", zip("model/constants.pkl")],
    ["npz", zip("weight.npy")],
    ["zip", zip("readme.txt")],
    ["torch-legacy", `\x80\x02${torchMagic}`],
    ["torch-legacy", `\x80\x03${torchMagic}`],
    ["torch-legacy", `\x80\x04\x95\x0d${"\0".repeat(7)}${torchMagic}`],
    ["torch-legacy", "L119547037146038801333356L\n."],
    ["pickle", "\x80\x02}q\0."],
    ["pickle", "\x80\x03}q\0."],
    ["pickle", "\x80\x04}\x94."],
    ["pickle", "\x80\x05}\x94."],
    ["gguf", "GGUF\x03\0\0\0"],
    ["hdf5", "\x89HDF\r\n\x1a\n"],
    ["hdf5", `${"\0".repeat(512)}\x89HDF\r\n\x1a\n`],
    ["hdf5", `${"\0".repeat(2048)}\x89HDF\r\n\x1a\n`],
    ["npy", "\x93NUMPY\x01\0"],
    ["unknown", "\x80\x06}q\0."],
    ["unknown", "\x80"],
    ["unknown", `${"\0".repeat(100)}\x89HDF\r\n\x1a\n`],
    ["unknown", "GGU"],
    ["unknown", ""],
  ])("does not decide the kind: %s (%#)", (kind, head) => {
    for (const name of names) expect(recogniseKind(latin1(head), name)).toBe(kind);
  });

  it.each([
    ["torch-zip", zip("archive/data.pkl")],
    ["torch-legacy", `\x80\x02${torchMagic}`],
    ["pickle", "\x80\x04}\x94."],
  ])("does not decide the reader: %s", (id, head) => {
    for (const name of names) expect(formatOfHead(latin1(head), name)?.id).toBe(id);
  });

  it.each([
    ["NumPy archive", zip("weight.npy"), "UnsupportedFormat", "a NumPy archive"],
    ["HDF5", "\x89HDF\r\n\x1a\n", "DamagedHdf5", "superblock"],
    ["HDF5", `${"\0".repeat(512)}\x89HDF\r\n\x1a\n`, "DamagedHdf5", "superblock"],
  ])("does not hide a broken %s file (%#)", async (_, head, code, words) => {
    for (const name of names) {
      const error = await errorOf(readBytes(latin1(`${head}${"\0".repeat(20)}`), name));
      expect(error.code).toBe(code);
      expect(error.message).toContain(words);
    }
  });

  it("is believed before two bytes that a header's length may have as well", async () => {
    // 0x0280 = 640 bytes of header, or a pickle of protocol 2.
    const bytes = Uint8Array.of(0x80, 2, 0, 0, 0, 0, 0, 0, 0x2e, 0);
    expect((await errorOf(readBytes(bytes, "a.safetensors"))).code).toBe("InvalidHeaderLength");
    const whole = safetensorsFile({ header: "{}".padEnd(0x280) });
    expect([...whole.subarray(0, 2)]).toEqual([0x80, 2]);
    expect((await readBytes(whole, "a.bin")).format).toBe("safetensors");
  });

  it("is a hint for a zip that says nothing", () => {
    expect(recogniseKind(latin1(zip("")), "A.NPZ")).toBe("npz");
    expect(recogniseKind(latin1(zip("")), "a.pt")).toBe("zip");
  });

  it("needs no ending for safetensors", async () => {
    const file = safetensorsFile({ tensors: [{ name: "a", dtype: "U8", shape: [1] }] });
    expect((await readBytes(file, "weights")).format).toBe("safetensors");
  });

  it("stands for the format where the bytes are damaged, in either case", async () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    expect((await errorOf(readBytes(bytes, "A.SafeTensors"))).code).toBe("HeaderTooLarge");
    expect((await errorOf(readBytes(bytes, "a.safetensors.bak"))).code).toBe("UnknownFormat");
  });
});

/** What a text conversion does: bytes that are no UTF-8 become U+FFFD. */
function mangle(bytes: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}

describe("a file that went through a text conversion", () => {
  const data = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 37) & 0xff);
  const weights = (count: number, size: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `layers.${index}.weight`,
      dtype: "F32",
      shape: [size],
    }));

  it("is told so where the header is intact", async () => {
    const file = safetensorsFile({ tensors: weights(1, 64), data: data(256) });
    const { tensors, problems } = await readBytes(mangle(file));
    expect(tensors).toHaveLength(1);
    expect(problems.map(({ code }) => code)).toEqual(["TextMangled", "MetadataIncompleteBuffer"]);
    expect(problems[0]?.message).toContain(".gitattributes");
  });

  it("is told so where the header is longer than the first read", async () => {
    const tensors = weights(2000, 8);
    const file = safetensorsFile({ tensors, align: 65_536, data: data(2000 * 32) });
    expect(file.length - 2000 * 32).toBeGreaterThan(65_536);
    // The length must not hold a byte from 0x80 on, so that the header stays readable.
    expect(file.subarray(0, 8).every((byte) => byte < 0x80)).toBe(true);
    const { problems } = await readBytes(mangle(file));
    expect(problems[0]?.code).toBe("TextMangled");
  });

  it("is told so where the length of the header was hit", async () => {
    const file = safetensorsFile({ tensors: weights(3, 64), data: data(768) });
    expect(file[0]).toBeGreaterThanOrEqual(0x80);
    expect((await errorOf(readBytes(mangle(file)))).code).toBe("TextMangled");
  });

  it("is told so for a format that has no reader", async () => {
    const pickle = mangle(
      latin1(`\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.${"\xff".repeat(50)}`),
    );
    expect((await errorOf(readBytes(pickle, "model.bin"))).code).toBe("TextMangled");
  });

  it("is not suspected where the data hold U+FFFD but are no UTF-8", async () => {
    const file = safetensorsFile({
      tensors: weights(1, 4),
      data: Uint8Array.of(0xef, 0xbf, 0xbd, 0xff, 0xfe),
    });
    expect((await readBytes(file)).problems.map(({ code }) => code)).toEqual(["MetadataIncompleteBuffer"]);
  });

  it("is not suspected of a file that is merely cut, and costs one small read more", async () => {
    const file = safetensorsFile({ tensors: weights(1, 100_000), data: new Uint8Array(300_000) });
    const source = new CountingSource(new MemoryByteSource(file));
    const { problems } = await readCheckpointFile(source, "a.safetensors", "/a.safetensors");
    expect(problems.map(({ code }) => code)).toEqual(["MetadataIncompleteBuffer"]);
    expect(source.reads.map(({ length }) => length)).toEqual([65_536, 65_536]);
  });
});
