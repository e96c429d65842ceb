import { expect, test } from "vitest";
import { rowHeight } from "../../webview/ui/tables/rowHeight";
import { projectRoot } from "../support/projectRoot";
import { classesOfSeveral, pageTexts, unusedClasses } from "../support/styles";

const sheets = pageTexts(projectRoot, /\.css$/);

test("a class of the pages belongs to one sheet, and others style it behind a class of their own", () => {
  expect(classesOfSeveral(sheets)).toEqual([]);
  const own = { file: "charts/charts.css", text: ".plot { top: 0; } .plot:hover .dim { left: 0; }" };
  const below = { file: "charts/plot/plot.css", text: ".plot .axis { top: 0; }" };
  const behind = { file: "run/run.css", text: "/* .plot */ .run .plot, body.vscode-dark .run { top: 0; }" };
  expect(classesOfSeveral([own, below, behind])).toEqual([]);
  const stranger = { file: "run/run.css", text: ".run, .plot > .axis { top: 0; }" };
  expect(classesOfSeveral([own, stranger])).toEqual([
    ".plot belongs to charts/charts.css; run/run.css must put a class of its own before it.",
  ]);
});

test("every class of a sheet is on some page", () => {
  expect(unusedClasses(sheets, pageTexts(projectRoot, /\.tsx?$/))).toEqual([]);
  const sheet = { file: "a.css", text: ".plot .gone, .state-running { top: 0; }" };
  const page = { file: "a.tsx", text: 'class="plot" class={`state-$' + "{state}`}" };
  expect(unusedClasses([sheet], [page])).toEqual([".gone in a.css is on no page: delete it."]);
});

test("rows are drawn as high as they are counted", () => {
  const tokens = sheets.find(({ file }) => file === "styles/tokens.css")?.text ?? "";
  expect(/--row:\s*(\d+)px/.exec(tokens)?.[1]).toBe(String(rowHeight));
});
