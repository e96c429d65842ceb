import { describe, expect, it } from "vitest";
import { MemoryFiles } from "../../support/memoryFiles";

describe("MemoryFiles", () => {
  const files = new MemoryFiles({
    "/ws/a/one.txt": "héllo",
    "/ws/a/two.bin": Uint8Array.of(1, 2, 3),
    "/ws/empty": { folder: true },
    "/ws/big.safetensors": { bulk: 13_500_000_000 },
    "/ws/absolute": { link: "/ws/a" },
    "/ws/a/up": { link: "../a/two.bin" },
    "/ws/broken": { link: "/nowhere" },
    "/ws/self": { link: "/ws/self" },
  });

  it("lists folders and follows links, except broken ones", async () => {
    expect(await files.list("/ws")).toEqual([
      { name: "a", kind: "directory", link: false },
      { name: "empty", kind: "directory", link: false },
      { name: "big.safetensors", kind: "file", link: false },
      { name: "absolute", kind: "directory", link: true },
    ]);
    expect((await files.list("/ws/absolute")).map(({ name }) => name)).toEqual(["one.txt", "two.bin", "up"]);
    await expect(files.list("/ws/none")).rejects.toThrow("ENOENT");
    await expect(files.list("/ws/a/one.txt")).rejects.toThrow("ENOTDIR");
  });

  it("stats and reads through links", async () => {
    expect(await files.stat("/ws/absolute/one.txt")).toMatchObject({ kind: "file", size: 6 });
    expect(await files.stat("/ws/a/up")).toMatchObject({ size: 3 });
    expect(await files.stat("/ws/a")).toMatchObject({ kind: "directory" });
    expect(await files.stat("/ws/broken")).toBeUndefined();
    expect(await files.stat("/ws/self")).toBeUndefined();
    const source = await files.open("/ws/a/up");
    expect([...(await source.read(1, 2))]).toEqual([2, 3]);
    expect(await files.realPath("/ws/absolute/up")).toBe("/ws/a/two.bin");
  });

  it("has sizes without bytes", async () => {
    expect(await files.stat("/ws/big.safetensors")).toMatchObject({ size: 13_500_000_000 });
    await expect(files.open("/ws/big.safetensors")).rejects.toThrow("forbids");
  });

  it("forgets and refuses on request", async () => {
    const changing = new MemoryFiles({ "/x/a": "1" });
    changing.write("/x/b", "2", 5);
    expect(await changing.stat("/x/b")).toEqual({ kind: "file", size: 1, modifiedMs: 5 });
    changing.remove("/x/a");
    expect(await changing.stat("/x/a")).toBeUndefined();
    changing.unreadable.add("/x");
    await expect(changing.list("/x")).rejects.toThrow("EACCES");
  });
});
