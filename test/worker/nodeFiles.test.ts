import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { UnexpectedEndError } from "../../src/core/bytes/byteSource";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { JobFiles } from "../../src/worker/numbers/jobFiles";
import { projectRoot } from "../support/projectRoot";

const posix = process.platform !== "win32";
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkpoint-explorer-files-"));
  await writeFile(
    join(folder, "a.bin"),
    Uint8Array.from({ length: 1000 }, (_, index) => index & 0xff),
  );
  await writeFile(join(folder, "empty.bin"), "");
  await mkdir(join(folder, "sub"));
  if (!posix) return;
  await symlink("a.bin", join(folder, "link.bin"));
  await symlink("sub", join(folder, "linked sub"));
  await symlink("nowhere", join(folder, "broken"));
  await symlink("loop", join(folder, "loop"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

describe.runIf(posix)("nodeFiles", () => {
  it("lists files and folders, follows links, leaves out what is neither", async () => {
    const entries = [...(await nodeFiles.list(folder))].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(entries).toEqual([
      { name: "a.bin", kind: "file", link: false },
      { name: "empty.bin", kind: "file", link: false },
      { name: "link.bin", kind: "file", link: true },
      { name: "linked sub", kind: "directory", link: true },
      { name: "sub", kind: "directory", link: false },
    ]);
    await expect(nodeFiles.list(join(folder, "gone"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(nodeFiles.list(join(folder, "a.bin"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it("stats what is there, through links, and nothing else", async () => {
    expect(await nodeFiles.stat(join(folder, "a.bin"))).toMatchObject({ kind: "file", size: 1000 });
    expect(await nodeFiles.stat(join(folder, "link.bin"))).toMatchObject({ kind: "file", size: 1000 });
    expect(await nodeFiles.stat(join(folder, "linked sub"))).toMatchObject({ kind: "directory" });
    const modified = (await nodeFiles.stat(join(folder, "a.bin")))?.modifiedMs ?? 0;
    expect(Math.abs(Date.now() - modified)).toBeLessThan(600_000);
    for (const name of ["gone", "broken", "loop", "pipe", "a.bin/x"]) {
      expect(await nodeFiles.stat(join(folder, name)), name).toBeUndefined();
    }
  });

  it("refuse a pipe that was put in a file's place, and do not wait for it, in threads that count as well", async () => {
    await expect(nodeFiles.open(join(folder, "pipe"))).rejects.toMatchObject({ code: "NotAFile" });
    expect(new JobFiles([join(folder, "pipe")]).read(0, 0, new Uint8Array(4), 4)).toMatch(/no file/);
  });

  it("have no other way of opening beside them: what is opened to be read may be a stranger's", () => {
    const source = join(projectRoot, "src");
    const calls = readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(join(source, name), "utf8"))
      .filter((text) => /from "node:fs(?:\/promises)?"/.test(text))
      .flatMap(
        (text) => text.match(/(?<![.\w]|async )(?:open|openSync|createReadStream|readFile)\([^)]*\)/g) ?? [],
      );
    expect(calls.filter((call) => !/(?:readFlags|"wx")(?: \})?\)$/.test(call))).toEqual([]);
  });

  it("gives one path to two names of one file", async () => {
    expect(await nodeFiles.realPath(join(folder, "link.bin"))).toBe(
      await nodeFiles.realPath(join(folder, "a.bin")),
    );
    await expect(nodeFiles.realPath(join(folder, "broken"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("a file that nodeFiles opened", () => {
  it("is read by range", async () => {
    const source = await nodeFiles.open(join(folder, "a.bin"));
    try {
      expect(source.size).toBe(1000);
      expect([...(await source.read(254, 4))]).toEqual([254, 255, 0, 1]);
      expect(await source.read(1000, 0)).toHaveLength(0);
      const parts = await Promise.all([0, 100, 500].map((offset) => source.read(offset, 2)));
      expect(parts.map((part) => [...part])).toEqual([
        [0, 1],
        [100, 101],
        [244, 245],
      ]);
    } finally {
      await source.close();
    }
  });

  it.each([
    [0, 1001],
    [1000, 1],
    [-1, 1],
    [0, -1],
    [0.5, 1],
  ])("refuses the range at %d with %d bytes", async (offset, length) => {
    const source = await nodeFiles.open(join(folder, "a.bin"));
    await expect(source.read(offset, length)).rejects.toThrow(RangeError);
    await source.close();
  });

  it("that is empty has no bytes", async () => {
    const source = await nodeFiles.open(join(folder, "empty.bin"));
    expect(source.size).toBe(0);
    expect(await source.read(0, 0)).toHaveLength(0);
    await source.close();
  });

  it("that became shorter says where it ends", async () => {
    const path = join(folder, "shrinking.bin");
    await writeFile(path, new Uint8Array(500));
    const source = await nodeFiles.open(path);
    await truncate(path, 300);
    const error: unknown = await source.read(200, 200).catch((reason) => reason);
    expect(error).toBeInstanceOf(UnexpectedEndError);
    expect(error).toMatchObject({ offset: 300 });
    expect(await source.read(0, 300)).toHaveLength(300);
    await source.close();
  });

  it("is not read once the signal was given", async () => {
    const source = await nodeFiles.open(join(folder, "a.bin"));
    await expect(source.read(0, 10, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
    await source.close();
  });

  it("cannot be read after it was closed", async () => {
    const source = await nodeFiles.open(join(folder, "a.bin"));
    await source.close();
    await expect(source.read(0, 1)).rejects.toMatchObject({ code: "EBADF" });
  });

  it("must be there, and may be refused", async () => {
    await expect(nodeFiles.open(join(folder, "gone"))).rejects.toMatchObject({ code: "ENOENT" });
    if (!posix || process.getuid?.() === 0) return; // root may read everything
    const path = join(folder, "secret.bin");
    await writeFile(path, "x");
    await chmod(path, 0);
    await expect(nodeFiles.open(path)).rejects.toMatchObject({ code: "EACCES" });
  });

  it("is opened for reading only", async () => {
    const path = join(folder, "readonly.bin");
    await writeFile(path, "abc", { mode: 0o444 });
    const source = await nodeFiles.open(path);
    expect(new TextDecoder().decode(await source.read(0, 3))).toBe("abc");
    await source.close();
  });
});

describe("a read that comes in pieces", () => {
  /** Has the system give at most `most` bytes a read, as network file systems do. */
  async function limitReads(most: number): Promise<{ offset: number; length: number }[]> {
    const probe = await open(join(folder, "a.bin"));
    const prototype = Object.getPrototypeOf(probe) as typeof probe;
    await probe.close();
    const asked: { offset: number; length: number }[] = [];
    const read = prototype.read as unknown as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(prototype, "read").mockImplementation(function (this: unknown, ...args: unknown[]) {
      const [buffer, at, length, position] = args as [Uint8Array, number, number, number];
      asked.push({ offset: position, length });
      return read.call(this, buffer, at, Math.min(length, most), position) as never;
    });
    return asked;
  }

  it("is whole in the end", async () => {
    const asked = await limitReads(300);
    const source = await nodeFiles.open(join(folder, "a.bin"));
    const bytes = await source.read(10, 900);
    await source.close();
    expect([...bytes]).toEqual(Array.from({ length: 900 }, (_, index) => (index + 10) & 0xff));
    expect(asked).toEqual([
      { offset: 10, length: 900 },
      { offset: 310, length: 600 },
      { offset: 610, length: 300 },
    ]);
  });

  it("stops between pieces when the signal is given", async () => {
    const controller = new AbortController();
    const asked = await limitReads(100);
    const source = await nodeFiles.open(join(folder, "a.bin"));
    const reading = source.read(0, 1000, controller.signal);
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(asked.length).toBeLessThan(10);
    await source.close();
  });

  it("never asks for 2 GiB at once, which would end the process", async () => {
    const path = join(folder, "sparse.bin");
    await writeFile(path, "");
    await truncate(path, 5 * 2 ** 30);
    const asked = await limitReads(0); // the end of the file, so that nothing is really read
    const source = await nodeFiles.open(path);
    await expect(source.read(0, 2.5 * 2 ** 30)).rejects.toThrow(UnexpectedEndError);
    await source.close();
    expect(asked).toEqual([{ offset: 0, length: 2 ** 30 }]);
  });
});
