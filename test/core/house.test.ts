import { describe, expect, test } from "vitest";
import { namesOfSeveral, sourceTexts, tooFull, tooLong, unusedExports } from "../support/house";
import { projectRoot } from "../support/projectRoot";

const source = sourceTexts(projectRoot, ["src", "webview"]);
const tests = sourceTexts(projectRoot, ["test"]);

describe("the house", () => {
  test("has no file too long to be read at once and no folder too full to be looked over", () => {
    expect([...tooLong([...source, ...tests]), ...tooFull([...source, ...tests])]).toEqual([]);
    const long = { file: "src/long.ts", text: "x\n".repeat(351) };
    const many = Array.from({ length: 26 }, (_, at) => ({ file: `src/full/f${at}.ts`, text: "" }));
    expect([...tooLong([long]), ...tooFull(many)]).toEqual([
      "src/long.ts has 351 lines: split it by question, at 350 at the latest.",
      "src/full has 26 files flat: give some a folder, from 25 on.",
    ]);
  });

  test("calls two things by two names", () => {
    expect(namesOfSeveral(source)).toEqual([]);
    const twice = ["a", "b"].map((name) => ({ file: `src/${name}.ts`, text: "export interface Thing {}" }));
    expect(namesOfSeveral(twice)).toEqual([
      "Thing is exported by src/a.ts and src/b.ts: one name for one thing.",
    ]);
  });

  test("exports nothing that nobody imports", () => {
    expect(unusedExports(source, [...source, ...tests])).toEqual([]);
    const alone = { file: "src/a.ts", text: "export const lonely = 1;\nexport type Shape = 1;" };
    expect(unusedExports([alone], [alone])).toEqual([
      "src/a.ts exports lonely, which nobody imports: delete it, or keep it to the file.",
    ]);
  });
});
