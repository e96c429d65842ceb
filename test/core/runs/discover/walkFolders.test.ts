import { describe, expect, it } from "vitest";
import { type Folder, type WalkOptions, walkFolders } from "../../../../src/core/runs/discover/walkFolders";
import { type MemoryContent, MemoryFiles } from "../../../support/memoryFiles";

const root = { path: "/ws", name: "ws" };

function options(extra: Partial<WalkOptions> = {}): WalkOptions {
  return { exclude: () => false, maxDepth: 10, maxFolders: 1000, ...extra };
}

function paths(folders: readonly Folder[]): string[] {
  return folders.flatMap((folder) => [folder.path, ...paths(folder.folders)]);
}

async function walk(files: Record<string, MemoryContent>, extra: Partial<WalkOptions> = {}) {
  const memory = new MemoryFiles(files);
  const result = await walkFolders(memory, [root], options(extra));
  return { memory, ...result, found: paths(result.tops) };
}

describe("walkFolders", () => {
  it("lists folders in natural order and keeps the files that may be of a checkpoint", async () => {
    const { tops, found } = await walk({
      "/ws/run/checkpoint-1000/model.safetensors": "",
      "/ws/run/checkpoint-200/model.safetensors": "",
      "/ws/run/checkpoint-200/README.md": "",
      "/ws/src/main.py": "",
    });
    expect(found).toEqual(["/ws", "/ws/run", "/ws/run/checkpoint-200", "/ws/run/checkpoint-1000", "/ws/src"]);
    const [run, source] = tops[0]?.folders ?? [];
    expect(run?.folders[0]?.files.map(({ name }) => name)).toEqual(["README.md", "model.safetensors"]);
    expect(run?.folders[0]?.lineage).toEqual(["checkpoint-200", "run", "ws"]);
    expect(source?.files).toEqual([]);
  });

  it("leaves out what goes by a temporary name, whole or not", async () => {
    const { found, tops } = await walk({
      "/ws/merged.0a1b2c-4711-0123456789ab.tmp/model.safetensors": "",
      "/ws/one.safetensors.0a1b2c-4711-0123456789ab.tmp.safetensors": "",
      "/ws/one.safetensors": "",
      "/ws/two.tmp/model.safetensors": "",
    });
    expect(found).toEqual(["/ws", "/ws/two.tmp"]);
    expect(tops[0]?.files.map(({ name }) => name)).toEqual(["one.safetensors"]);
  });

  it("skips hidden folders and installed packages, unless one is the root", async () => {
    const files: Record<string, MemoryContent> = {};
    for (const name of [".git", "node_modules", "venv", ".venv", "__pycache__", "ok"]) {
      files[`/ws/${name}/x/y.pt`] = "";
    }
    expect((await walk(files)).found).toEqual(["/ws", "/ws/ok", "/ws/ok/x"]);
    const memory = new MemoryFiles({ "/home/.cache/hub/model.safetensors": "" });
    const hidden = await walkFolders(memory, [{ path: "/home/.cache", name: ".cache" }], options());
    expect(paths(hidden.tops)).toEqual(["/home/.cache", "/home/.cache/hub"]);
  });

  it("asks about folders and files relative to the root, with slashes", async () => {
    const asked: string[] = [];
    const exclude = (path: string) => {
      asked.push(path);
      return path === "a/b" || path === "c/x.pt";
    };
    const { found, tops } = await walk(
      { "/ws/a/b/z.pt": "", "/ws/c/x.pt": "", "/ws/c/y.pt": "" },
      { exclude },
    );
    expect(found).toEqual(["/ws", "/ws/a", "/ws/c"]);
    expect(tops[0]?.folders[1]?.files.map(({ name }) => name)).toEqual(["y.pt"]);
    expect(asked.sort()).toEqual(["a", "a/b", "c", "c/x.pt", "c/y.pt"]);
  });

  it("goes on past a folder that cannot be read", async () => {
    const memory = new MemoryFiles({ "/ws/a/x.pt": "", "/ws/b/y.pt": "" });
    memory.unreadable.add("/ws/a");
    const { tops, problems } = await walkFolders(memory, [root], options());
    expect(paths(tops)).toEqual(["/ws", "/ws/b"]);
    expect(problems).toMatchObject([{ severity: "warning", code: "FolderUnreadable", file: "/ws/a" }]);
  });

  it("tells a root that is not there as an error, and searches the others", async () => {
    const memory = new MemoryFiles({ "/ws/x.pt": "" });
    const gone = { path: "/gone", name: "gone" };
    const { tops, problems } = await walkFolders(memory, [gone, root], options());
    expect(paths(tops)).toEqual(["/ws"]);
    expect(problems).toMatchObject([{ severity: "error", code: "FolderUnreadable", file: "/gone" }]);
  });

  it("ends in loops of links", async () => {
    const { found } = await walk({
      "/ws/a/x.pt": "",
      "/ws/a/self": { link: "/ws/a" },
      "/ws/a/up": { link: "/ws" },
      "/ws/b/to-c": { link: "/ws/c" },
      "/ws/c/to-b": { link: "/ws/b" },
    });
    expect(found).toEqual(["/ws", "/ws/a", "/ws/b", "/ws/c"]);
  });

  it("follows a link out of the root once, and finds real folders under their own name", async () => {
    const { found } = await walk({
      "/ws/0-link": { link: "/data/run" },
      "/ws/1-link": { link: "/data/run" },
      "/ws/2-link": { link: "/ws/real" },
      "/ws/real/x.pt": "",
      "/data/run/checkpoint-1/x.pt": "",
      "/data/run/back": { link: "/ws/0-link/checkpoint-1" },
    });
    expect(found).toEqual(["/ws", "/ws/real", "/ws/0-link", "/ws/0-link/checkpoint-1"]);
  });

  it("does not follow a link to what holds the root", async () => {
    const { found } = await walk({ "/ws/x.pt": "", "/ws/slash": { link: "/" }, "/other/y.pt": "" });
    expect(found).toEqual(["/ws"]);
  });

  it("takes a root inside another root, and the same root twice", async () => {
    const memory = new MemoryFiles({ "/ws/sub/x.pt": "", "/ws/other/y.pt": "" });
    const roots = [root, { path: "/ws/sub", name: "sub" }, root];
    const { tops } = await walkFolders(memory, roots, options());
    expect(paths(tops)).toEqual(["/ws", "/ws/other", "/ws/sub"]);
    expect(memory.counts.list).toBe(3);
  });

  it("stops at the bound on folders with the deepest left out", async () => {
    const files: Record<string, MemoryContent> = {};
    for (let index = 0; index < 50; index++) files[`/ws/run${index}/deep/x.pt`] = "";
    const { memory, truncated, problems, foldersSearched } = await walk(files, { maxFolders: 20 });
    expect(truncated).toBe(true);
    expect(foldersSearched).toBe(20);
    expect(memory.counts.list).toBe(20);
    expect(problems).toMatchObject([{ code: "SearchTruncated" }]);
  });

  it("stops at the bound on depth and says so", async () => {
    const { found, truncated, problems } = await walk({ "/ws/a/b/c/x.pt": "" }, { maxDepth: 1 });
    expect(found).toEqual(["/ws", "/ws/a"]);
    expect(truncated).toBe(false);
    expect(problems).toMatchObject([{ severity: "info", code: "SearchDepth" }]);
  });

  it("reports progress and stops when it is aborted", async () => {
    const searched: number[] = [];
    const controller = new AbortController();
    const onProgress = ({ foldersSearched }: { foldersSearched: number }) => {
      searched.push(foldersSearched);
      if (foldersSearched > 1) controller.abort(new Error("enough"));
    };
    const files = { "/ws/a/b/c/x.pt": "", "/ws/d/e/y.pt": "" };
    await expect(walk(files, { onProgress, signal: controller.signal })).rejects.toThrow("enough");
    expect(searched).toEqual([1, 3]);
  });

  it("lists a few folders at once, not all", async () => {
    const files: Record<string, MemoryContent> = {};
    for (let index = 0; index < 100; index++) files[`/ws/run${index}/x.pt`] = "";
    const memory = new MemoryFiles(files);
    let running = 0;
    let most = 0;
    const list = memory.list.bind(memory);
    memory.list = async (folder) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 0));
      running--;
      return await list(folder);
    };
    await walkFolders(memory, [root], options());
    expect(most).toBe(8);
  });
});
