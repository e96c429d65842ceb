import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeSink, removeUnfinished } from "../../src/worker/nodeSink";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "node-sink-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const files = ["a", "a.txt", "new"];
const bytes = (text: string) => new TextEncoder().encode(text);

describe("nodeSink", () => {
  it("shows a folder only when it is whole", async () => {
    const path = join(root, "new", "folder");
    const folder = await nodeSink.createFolder(path, { replace: false, files });
    const file = await folder.create("a.txt");
    await file.writeAt(4, bytes("late"));
    await file.writeAt(0, bytes("soon"));
    await file.close();
    expect(await readdir(join(root, "new"))).not.toContain("folder");
    await folder.commit();
    await folder.discard();
    expect(await readdir(join(root, "new"))).toEqual(["folder"]);
    expect(await readFile(join(path, "a.txt"), "utf8")).toBe("soonlate");
  });

  it("leaves nothing of what was discarded", async () => {
    const folder = await nodeSink.createFolder(join(root, "x"), { replace: false, files });
    await (await folder.create("a")).close();
    await folder.discard();
    const file = await nodeSink.createFile(join(root, "y.bin"), { replace: false });
    await file.writer.close();
    await file.discard();
    expect(await readdir(root)).toEqual([]);
  });

  it("never takes a name that is taken, unless told", async () => {
    const path = join(root, "x");
    await mkdir(path);
    await writeFile(join(path, "a"), "old");
    await expect(nodeSink.createFolder(path, { replace: false, files })).rejects.toMatchObject({
      code: "Exists",
    });
    await expect(nodeSink.createFile(path, { replace: false })).rejects.toMatchObject({ code: "Exists" });
    const folder = await nodeSink.createFolder(path, { replace: true, files });
    await (await folder.create("new")).close();
    await folder.commit();
    expect(await readdir(root)).toEqual(["x"]);
    expect(await readdir(path)).toEqual(["new"]);
  });

  it("never replaces what holds anything else, however it is asked", async () => {
    const path = join(root, "home");
    await mkdir(join(path, "a"), { recursive: true });
    await writeFile(join(root, "file"), "theirs");
    const replaced = { replace: true, files };
    for (const place of [path, join(root, "file"), root]) {
      await expect(nodeSink.createFolder(place, replaced)).rejects.toMatchObject({ code: "HoldsOthers" });
    }
    await expect(nodeSink.createFile(path, { replace: true })).rejects.toMatchObject({ code: "HoldsOthers" });
    const folder = await nodeSink.createFolder(join(root, "new"), replaced);
    await (await folder.create("a")).close();
    await mkdir(join(root, "new"));
    await writeFile(join(root, "new", "notes.txt"), "theirs");
    await expect(folder.commit()).rejects.toThrow("It also holds notes.txt, and is not replaced.");
    await folder.discard();
    expect((await readdir(root)).sort()).toEqual(["file", "home", "new"]);
    expect(await readdir(join(root, "new"))).toEqual(["notes.txt"]);
  });

  it("looks again before the last step: somebody else may have been faster", async () => {
    const path = join(root, "x.safetensors");
    const file = await nodeSink.createFile(path, { replace: false });
    expect(file.temporaryPath.endsWith(".safetensors")).toBe(true);
    await file.writer.writeAt(0, bytes("ours"));
    await file.writer.close();
    await writeFile(path, "theirs");
    await expect(file.commit()).rejects.toMatchObject({ code: "Exists" });
    await file.discard();
    expect(await readdir(root)).toEqual(["x.safetensors"]);
    expect(await readFile(path, "utf8")).toBe("theirs");
  });
});

describe("what an interrupted write leaves", () => {
  const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 6);
  const old = new Date(Date.now() - 60_000);

  async function leave(name: string, when = old): Promise<void> {
    await mkdir(join(root, name));
    await writeFile(join(root, name, "a"), "half");
    await utimes(join(root, name, "a"), when, when);
    await utimes(join(root, name), when, when);
  }

  it("is removed by the next write of the same place, where its process is gone", async () => {
    // No process has a number above the limit of the kernel.
    const gone = `x.${machine}-4194399-0123456789ab.tmp`;
    const kept = [
      `x.${machine}-${process.pid}-0123456789ab.tmp`,
      "x.ffffff-4194399-0123456789ab.tmp",
      `y.${machine}-4194399-0123456789ab.tmp`,
      "x.notes.tmp",
    ];
    for (const name of [gone, ...kept]) await leave(name);
    await leave(`x.${machine}-4194399-ba9876543210.tmp`, new Date());
    const folder = await nodeSink.createFolder(join(root, "x"), { replace: false, files });
    await folder.discard();
    expect((await readdir(root)).sort()).toEqual([...kept, `x.${machine}-4194399-ba9876543210.tmp`].sort());
  });

  it("is removed at once by a process that ends", async () => {
    const folder = await nodeSink.createFolder(join(root, "x"), { replace: false, files });
    await (await folder.create("a")).close();
    const done = await nodeSink.createFolder(join(root, "z"), { replace: false, files });
    await done.commit();
    removeUnfinished();
    expect(await readdir(root)).toEqual(["z"]);
  });
});
