import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { atomicWrite } from "../../src/host/files/atomicWrite";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atomic-"));
  path = join(folder, "label.json");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("writes a new file and leaves nothing else behind", async () => {
  await atomicWrite(path, "new", false);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(readdirSync(folder)).toEqual(["label.json"]);
});

test("never replaces a file unasked", async () => {
  writeFileSync(path, "old");
  await expect(atomicWrite(path, "new", false)).rejects.toMatchObject({ code: "EEXIST" });
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["label.json"]);
});

test("replaces a file when asked", async () => {
  writeFileSync(path, "old");
  await atomicWrite(path, "new", true);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(readdirSync(folder)).toEqual(["label.json"]);
});

test("fails where the folder is missing", async () => {
  await expect(atomicWrite(join(folder, "missing", "label.json"), "new", false)).rejects.toMatchObject({
    code: "ENOENT",
  });
});
