import { expect, test } from "vitest";
import type { OpenByteSource } from "../../../src/core/bytes/byteSource";
import type { Files } from "../../../src/core/bytes/files";
import { SeenFiles } from "../../../src/core/bytes/seenFiles";
import { MemoryFiles } from "../../support/memoryFiles";

/** Counts what is open, and what is read. */
function counted(files: Files) {
  const counts = { open: 0, most: 0, opened: 0, read: 0 };
  const open = async (path: string): Promise<OpenByteSource> => {
    const source = await files.open(path);
    counts.opened++;
    counts.most = Math.max(counts.most, ++counts.open);
    return {
      size: source.size,
      read: (offset, length, signal) => {
        counts.read += length;
        return source.read(offset, length, signal);
      },
      close: async () => {
        counts.open--;
        await source.close();
      },
    };
  };
  const { list, stat, realPath } = files;
  const plain = { list: list.bind(files), stat: stat.bind(files), realPath: realPath.bind(files) };
  return { counts, seen: new SeenFiles({ ...plain, open }) };
}

const large = new Uint8Array(300_000).map((_, at) => at % 251);

async function readOf(seen: SeenFiles, path: string, offset: number, length: number): Promise<Uint8Array> {
  const source = await seen.open(path);
  try {
    return await source.read(offset, length);
  } finally {
    await source.close();
  }
}

test("a file that is opened again is open still, and its start is read once; each reader has bytes of its own", async () => {
  const files = new MemoryFiles();
  files.write("/a", large);
  const { counts, seen } = counted(files);
  const first = await readOf(seen, "/a", 0, 65_536);
  first.fill(0);
  expect(await readOf(seen, "/a", 8, 1000)).toEqual(large.slice(8, 1008));
  expect(await readOf(seen, "/a", 200_000, 90_000)).toEqual(large.slice(200_000, 290_000));
  expect(counts).toEqual({ open: 1, most: 1, opened: 1, read: 65_536 + 90_000 });
  await expect(readOf(seen, "/a", 299_999, 2)).rejects.toThrow(RangeError);
  await seen.close();
  expect(counts.open).toBe(0);
});

test("a small file is read whole and closed; of many large ones some stay open; after the end none does", async () => {
  const files = new MemoryFiles();
  files.write("/small", large.slice(0, 4096));
  for (let at = 0; at < 100; at++) files.write(`/large-${at}`, large);
  const { counts, seen } = counted(files);
  expect(await readOf(seen, "/small", 4, 2)).toEqual(large.slice(4, 6));
  expect(counts.open).toBe(0);
  for (let at = 0; at < 100; at++) await readOf(seen, `/large-${at}`, 0, 8);
  expect(counts.most).toBeLessThan(40);
  const still = await seen.open("/large-99");
  await seen.close();
  expect(counts.open).toBe(1);
  expect(await still.read(1, 2)).toEqual(large.slice(1, 3));
  await still.close();
  await still.close();
  expect(counts.open).toBe(0);
  await readOf(seen, "/large-0", 0, 1);
  expect(counts.open).toBe(0);
});

test("what cannot be opened is asked for again, by all who wait for it too", async () => {
  const files = new MemoryFiles();
  const { seen } = counted(files);
  const both = await Promise.allSettled([seen.open("/later"), seen.open("/later")]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  files.write("/later", large);
  expect(await readOf(seen, "/later", 5, 1)).toEqual(large.slice(5, 6));
  await seen.close();
});
