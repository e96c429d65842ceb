import { describe, expect, it } from "vitest";
import { baseName, isPlainFileName, joinPath, parentPath, relativePath } from "../../../src/core/bytes/paths";

describe("paths", () => {
  it.each([
    ["/runs/a", "b.pt", "/runs/a/b.pt"],
    ["/runs/a/", "b.pt", "/runs/a/b.pt"],
    ["/", "b.pt", "/b.pt"],
    ["C:\\runs", "b.pt", "C:\\runs\\b.pt"],
    ["C:\\", "b.pt", "C:\\b.pt"],
    ["C:/runs", "b.pt", "C:/runs/b.pt"],
    ["\\\\server\\share", "b.pt", "\\\\server\\share\\b.pt"],
  ])("joins %s and %s", (folder, name, joined) => {
    expect(joinPath(folder, name)).toBe(joined);
  });

  it("joins several names", () => {
    expect(joinPath("/runs", "a", "b")).toBe("/runs/a/b");
  });

  it.each([
    ["/runs/a/b.pt", "b.pt", "/runs/a"],
    ["/runs/a/", "a", "/runs"],
    ["/a", "a", "/"],
    ["/", "", "/"],
    ["C:\\runs\\b.pt", "b.pt", "C:\\runs"],
    ["C:\\b.pt", "b.pt", "C:\\"],
    ["C:\\", "C:", "C:\\"],
    ["C:/b.pt", "b.pt", "C:/"],
    ["\\\\server\\share\\b.pt", "b.pt", "\\\\server\\share"],
    ["b.pt", "b.pt", ""],
  ])("takes %s apart", (path, name, parent) => {
    expect(baseName(path)).toBe(name);
    expect(parentPath(path)).toBe(parent);
  });

  it.each(["model-00001-of-00003.safetensors", "..a", "a..b", "…", "名前.bin", "a b", "CON"])(
    "takes %s for a plain name",
    (name) => expect(isPlainFileName(name)).toBe(true),
  );

  it.each([
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "\\\\server\\x",
    "C:x",
    "c:\\x",
    "a\0b",
    "x/..",
  ])("takes %j for none", (name) => expect(isPlainFileName(name)).toBe(false));

  it("makes paths relative to a folder that holds them, and no other", () => {
    expect(relativePath("/runs", "/runs/a/b")).toBe("a/b");
    expect(relativePath("/runs/", "/runs/a")).toBe("a");
    expect(relativePath("/runs", "/runs2/a")).toBe("/runs2/a");
    expect(relativePath("C:\\runs", "C:\\runs\\a")).toBe("a");
  });
});
