import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { projectRoot } from "../support/projectRoot";
import { coreImports, floors, wrongImports } from "../support/rooms";

describe("the rooms of core", () => {
  test("import only floors below their own", () => {
    expect(wrongImports(coreImports(projectRoot))).toEqual([]);
  });

  test("are all there", () => {
    const rooms = new Set(coreImports(projectRoot).map(({ file }) => file.split("/").slice(0, -1).join("/")));
    for (const room of floors.flat()) expect(rooms, room).toContain(room);
  });

  test.each([
    ["up", "bytes/inflate.ts", "session/checkpointSession", "below session"],
    ["to a neighbour", "compare/comparison.ts", "transform/reduce", "beside transform"],
    ["up within runs", "runs/series/sampling.ts", "runs/merge/runHead", "below runs/merge"],
  ])("a wrong import %s is named, with where the code should go", (_, file, target, says) => {
    const [sentence] = wrongImports([{ file, imports: [target] }]);
    expect(sentence).toContain(`src/core/${file} imports ${target}`);
    expect(sentence).toContain(says);
    expect(sentence).toContain("Move what both need down");
  });

  test("are drawn for newcomers as they are checked", () => {
    const graph = /```mermaid\n([^`]*)/.exec(readFileSync("CONTRIBUTING.md", "utf8"))?.[1] ?? "";
    const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
    const drawn = [...new Set(graph.match(/[\w/]+/g))].filter((word) => floorOf.has(word));
    expect([...drawn].sort()).toEqual([...floorOf.keys()].sort());
    const order = drawn.map((room) => floorOf.get(room) ?? 0);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  test("what knows pickles is open to the formats alone", () => {
    const imports = ["formats/pickle/unpickle"];
    expect(wrongImports([{ file: "formats/torch/torch.ts", imports }])).toEqual([]);
    const [sentence] = wrongImports([{ file: "optimizer/modelsInside.ts", imports }]);
    expect(sentence).toContain(
      "formats/pickle is open to formats alone; what a file holds is a ContentValue",
    );
  });

  test("a room without a floor is told", () => {
    expect(wrongImports([{ file: "attic/box.ts", imports: [] }])).toEqual([
      "src/core/attic/box.ts: the room attic has no floor. Give it one in test/support/rooms.ts.",
    ]);
  });
});
