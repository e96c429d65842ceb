import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { isTar, readTarDirectory } from "../../../../src/core/formats/tar/tarDirectory";
import { CountingSource } from "../../../support/countingSource";
import { type TarEntry, tarFile } from "../../../support/made/tarFile";

const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251);
const read = (entries: readonly TarEntry[]) => readTarDirectory(new MemoryByteSource(tarFile(entries)));

describe("a tar archive", () => {
  test("lists its files with the places of their contents", async () => {
    const archive = tarFile([
      { name: "./", type: "5" },
      { name: "./model_config.yaml", content: bytes(700) },
      { name: "model_weights.ckpt", content: bytes(10) },
    ]);
    expect(isTar(archive)).toBe(true);
    const { members, others, problems } = await readTarDirectory(new MemoryByteSource(archive));
    expect(members).toEqual([
      { name: "model_config.yaml", offset: 1024, size: 700 },
      { name: "model_weights.ckpt", offset: 1024 + 1024 + 512, size: 10 },
    ]);
    expect([others, problems]).toEqual([[], []]);
    expect(archive.slice(1024, 1724)).toEqual(bytes(700));
  });

  test("takes long names of GNU and of pax, and the size that pax gives", async () => {
    const long = `${"folder/".repeat(30)}weights.ckpt`;
    const pax = (key: string, value: string) => {
      const rest = ` ${key}=${value}\n`;
      // In bytes, its own digits included.
      let length = Buffer.byteLength(rest) + 1;
      while (String(length).length + Buffer.byteLength(rest) !== length) length++;
      return new TextEncoder().encode(`${length}${rest}`);
    };
    const { members } = await read([
      { name: "././@LongLink", type: "L", content: new TextEncoder().encode(`${long}\0`) },
      { name: long.slice(0, 100), content: bytes(3) },
      { name: "PaxHeader", type: "x", content: pax("path", "ein/Gewicht ü.bin") },
      { name: "short", content: bytes(4) },
      { name: "after", content: bytes(5) },
    ]);
    expect(members.map(({ name, size }) => [name, size])).toEqual([
      [long, 3],
      ["ein/Gewicht ü.bin", 4],
      ["after", 5],
    ]);
  });

  test("reads sizes of base 256 and the prefix of a POSIX name", async () => {
    const archive = tarFile([{ name: "w", prefix: "a/b", content: bytes(600), base256: true }]);
    expect((await readTarDirectory(new MemoryByteSource(archive))).members).toEqual([
      { name: "a/b/w", offset: 512, size: 600 },
    ]);
  });

  test("follows no link", async () => {
    const { members, others } = await read([{ name: "out", type: "2", link: "/etc/passwd" }]);
    expect([members, others]).toEqual([[], ["out"]]);
  });

  test("reads a header for each member, and none of the contents", async () => {
    const archive = tarFile([1, 2, 3].map((at) => ({ name: `m${at}`, content: bytes(100_000) })));
    const source = new CountingSource(new MemoryByteSource(archive));
    await readTarDirectory(source);
    expect(source.bytesRead).toBe(4 * 512);
  });

  test("that is cut says so and gives what is before", async () => {
    const archive = tarFile([
      { name: "a", content: bytes(20) },
      { name: "b", content: bytes(2000) },
    ]);
    const { members, problems } = await readTarDirectory(new MemoryByteSource(archive.slice(0, 2000)));
    expect(members.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(problems.map(({ code, offset }) => [code, offset])).toEqual([["TarMemberCut", 1024]]);
  });

  test("without its end mark may be cut behind a member, and says so", async () => {
    const archive = tarFile([
      { name: "a", content: bytes(20) },
      { name: "b", content: bytes(20) },
    ]);
    const { members, problems } = await readTarDirectory(new MemoryByteSource(archive.slice(0, 1024)));
    expect(members.map(({ name }) => name)).toEqual(["a"]);
    expect(problems.map(({ code, severity, offset }) => [code, severity, offset])).toEqual([
      ["TarWithoutEnd", "warning", 1024],
    ]);
  });

  test("with a damaged header says where", async () => {
    const archive = tarFile([{ name: "a", content: bytes(20) }, { name: "b" }]);
    archive[1024] = 0x58;
    const { members, problems } = await readTarDirectory(new MemoryByteSource(archive));
    expect(members.map(({ name }) => name)).toEqual(["a"]);
    expect(problems.map(({ code, offset }) => [code, offset])).toEqual([["DamagedTar", 1024]]);
  });
});
