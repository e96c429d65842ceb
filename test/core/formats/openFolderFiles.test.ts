import { expect, test } from "vitest";
import { openFolderFiles } from "../../../src/core/formats/openFolderFiles";
import { MemoryFiles } from "../../support/memoryFiles";

test("problems of a folder's files are told in the order of their names, whichever was read first", async () => {
  const names = ["a.pt", "b.pt", "c.pt"];
  const files = new MemoryFiles(Object.fromEntries(names.map((name) => [`/run/${name}`, "no torch file"])));
  const late = new MemoryFiles();
  const told: (string | undefined)[] = [];
  // The first one is opened last.
  const slow = Object.assign(late, {
    open: async (path: string) => {
      for (let turns = path.endsWith("a.pt") ? 50 : path.endsWith("b.pt") ? 25 : 0; turns > 0; turns--)
        await Promise.resolve();
      return files.open(path);
    },
  });
  const opened = await openFolderFiles(
    { files: slow, path: "/run" },
    names,
    () => undefined,
    ({ file }) => told.push(file),
  );
  expect(opened.map(({ file }) => file.name)).toEqual(names);
  expect(told).toEqual(names.map((name) => `/run/${name}`));
});
