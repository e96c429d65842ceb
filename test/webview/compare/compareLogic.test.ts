import { expect, test } from "vitest";
import type { CompareStep } from "../../../src/core/compare/compareSteps";
import type { CompareView, SnapshotColumn } from "../../../src/core/compare/compareView";
import { arrangedView } from "../../../webview/compare/arrangedView";
import { columnWidths, fittingMetrics } from "../../../webview/compare/columnWidths";
import {
  formatChange,
  formatCosine,
  formatDifference,
  formatNorm,
} from "../../../webview/compare/compareFormat";
import { moduleLines } from "../../../webview/compare/compareMetrics";
import { startViewState, viewStateFrom } from "../../../webview/compare/compareViewState";
import {
  heatScale,
  isInSubset,
  type ModuleSort,
  queryModules,
} from "../../../webview/compare/modules/moduleRows";
import { moduleText } from "../../../webview/compare/modules/moduleText";
import { bestColumn, snapshotFacts } from "../../../webview/compare/snapshots/snapshotFacts";
import { inStageOrder, isInStageOrder } from "../../../webview/compare/snapshots/stageOrder";
import { stepSummaries } from "../../../webview/compare/snapshots/stepSummaries";
import { compareSamples, compareView, tensorSample } from "../fakeHost/compare/compareSamples";

function sample(name: string): CompareView {
  const snapshots = compareSamples[name]?.();
  if (snapshots === undefined) throw new Error(`No sample ${name}`);
  return compareView(snapshots, []);
}

const byName: ModuleSort = { by: "module", descending: false };
const names = (view: CompareView, query: Partial<Parameters<typeof queryModules>[1]>) =>
  queryModules(view, { filter: "", subset: "all", sort: byName, ...query }).map(({ module }) => module);

test("modules are filtered by all words in any order and any case", () => {
  const found = names(sample("stages"), { filter: " V_proj layers.3 " });
  expect(found).toEqual(["model.layers.3.self_attn.v_proj"]);
  expect(names(sample("stages"), { filter: "mlp" })).toEqual([]);
});

test("sorting by a number of a snapshot: largest first, modules without it last in both directions", () => {
  const view = sample("unlike");
  const sort: ModuleSort = { by: "change", path: "/runs/second", descending: true };
  const change = (module: string) =>
    view.modules.find((row) => row.module === module)?.cells[1]?.relativeChange;
  const down = names(view, { sort });
  const known = down.map(change).filter((value) => value !== undefined);
  expect(known).toEqual([...known].sort((a, b) => b - a));
  const up = names(view, { sort: { ...sort, descending: false } });
  const withoutChange = view.modules.filter(({ cells }) => cells[1]?.relativeChange === undefined).length;
  expect(withoutChange).toBe(3);
  for (const order of [down, up])
    expect(order.slice(-withoutChange).map(change)).toEqual([undefined, undefined, undefined]);
  expect(names(view, { sort: { by: "largestChange", descending: true } })[0]).toBe(
    "model.layers.1.self_attn.q_proj",
  );
});

test("a sort by a snapshot that was removed leaves the order of names", () => {
  const view = sample("stages");
  expect(names(view, { sort: { by: "cosine", path: "/gone", descending: true } })).toEqual(names(view, {}));
});

test("subsets: added, missing, of another rank, not computable, in all", () => {
  const view = sample("unlike");
  const count = (subset: Parameters<typeof isInSubset>[1]) =>
    view.modules.filter((row) => isInSubset(row, subset, view.columns)).length;
  expect({
    all: count("all"),
    common: count("common"),
    added: count("added"),
    missing: count("missing"),
  }).toEqual({
    all: 25,
    common: 23,
    added: 1,
    missing: 2,
  });
  expect(count("rank")).toBe(1);
  expect(count("unavailable")).toBe(1);
});

test("a snapshot that can't be read makes no module a missing one", () => {
  const view = sample("withFailure");
  expect(view.modules.filter((row) => isInSubset(row, "missing", view.columns))).toEqual([]);
});

test("the tint is 0 for what is as in the first snapshot and 1 for the largest, also of a cosine", () => {
  const scale = heatScale(sample("stages"), ["rank", "frobenius", "change", "cosine"]);
  expect(scale("change", 0)).toBe(0);
  expect(scale("change", 100)).toBe(1);
  expect(scale("cosine", 1)).toBe(0);
  expect(scale("cosine", -1)).toBe(1);
  expect(scale("cosine", 0.9)).toBeGreaterThan(scale("cosine", 0.95));
  expect(scale("frobenius", Number.NaN)).toBe(0);
  expect(scale("rank", 32)).toBe(0);
});

test("stages in pipeline order, whatever the order of the columns", () => {
  const { columns } = sample("stages");
  const mixed = [columns[2], columns[0], columns[1]] as SnapshotColumn[];
  expect(isInStageOrder(mixed)).toBe(false);
  expect(inStageOrder(mixed)).toEqual(columns);
  // Within a stage by step.
  const { columns: checkpoints } = sample("wide");
  expect(inStageOrder([...checkpoints].reverse())).toEqual(checkpoints);
});

const step = (from: number, part: Partial<CompareStep>): CompareStep => ({
  from,
  to: from + 1,
  sentence: "",
  change: undefined,
  region: undefined,
  ...part,
});

const change = { relativeChange: 0.4123, cosine: 0.91, energyKept: 0.83, newShare: 0, sameness: undefined };

test("a step tells what became of the update, and the numbers between the two that its sentence leaves out", () => {
  const steps = [
    step(0, { sentence: "rank 32 → 4 kept 83.0 % of the energy (error 41.2 %)", change }),
    step(1, { sentence: "fine-tuning moved the update by 41.2 %", change }),
  ];
  expect(stepSummaries({ ...sample("stages"), steps })).toEqual([
    {
      from: "01-svd",
      to: "02-rank-reduction",
      sentence: "rank 32 → 4 kept 83.0 % of the energy (error 41.2 %)",
      facts: ["ΔW changed by 41.2 %, cosine 0.9100", "eval loss 1.9142 → 2.0311 (+6.1 %)"],
    },
    {
      from: "02-rank-reduction",
      to: "checkpoint-240",
      sentence: "fine-tuning moved the update by 41.2 %",
      facts: ["cosine 0.9100", "eval loss 2.0311 → 1.6534 (−18.6 %)"],
    },
  ]);
  const same = step(0, {
    sentence: "the same update in other factors",
    change: { ...change, sameness: "gauge" },
  });
  expect(stepSummaries({ ...sample("stages"), steps: [same] })[0]?.facts).toEqual([
    "rank 32 → 4",
    "eval loss 1.9142 → 2.0311 (+6.1 %)",
  ]);
  expect(stepSummaries(sample("withFailure")).map(({ sentence }) => sentence)).toEqual([
    "02-rank-reduction could not be read",
    "02-rank-reduction could not be read",
  ]);
});

test("tensors of models: what differs is counted", () => {
  const view = compareView(compareSamples.models?.() ?? [], tensorSample());
  expect(stepSummaries(view)[0]?.facts).toEqual([
    "1 tensor added",
    "1 tensor removed",
    "2 tensors of another shape or dtype",
  ]);
  const same = { ...view, tensors: view.tensors.slice(0, 300) };
  expect(stepSummaries(same)[0]?.facts).toEqual(["all 300 tensors of the same layout"]);
  const one = { ...view, tensors: view.tensors.slice(0, 1) };
  expect(stepSummaries(one)[0]?.facts).toEqual(["the one tensor has the same layout"]);
});

test("columns that only move keep their numbers; another first one takes new numbers", () => {
  const view = sample("stages");
  const [a, b, c] = view.columns.map(({ path }) => path) as [string, string, string];
  const moved = arrangedView(view, [a, c, b]);
  expect(moved?.columns.map(({ path }) => path)).toEqual([a, c, b]);
  expect(moved?.modules[0]?.cells[1]).toBe(view.modules[0]?.cells[2]);
  expect(arrangedView(view, [a, c])?.columns).toHaveLength(2);
  expect(arrangedView(view, [b, a, c])).toBeUndefined();
  expect(arrangedView(view, [a, "/new"])).toBeUndefined();
});

test("what was counted against a left neighbour stays only where the neighbour does", () => {
  const plain = sample("stages");
  const [a, b, c] = plain.columns.map(({ path }) => path) as [string, string, string];
  const count = plain.modules.length;
  const table = (row: number) => Float32Array.from({ length: 3 * count }, (_, at) => 10 * row + at);
  const view: CompareView = {
    ...plain,
    columns: plain.columns.map((column, at) => (at === 0 ? column : { ...column, previous: change })),
    metrics: { frobenius: table(0), changePrevious: table(1) },
    steps: [step(0, { sentence: "first" }), step(1, { sentence: "second" })],
    story: "first; second",
    initialColumn: 2,
  };
  const moved = arrangedView(view, [a, c, b]);
  expect(Array.from(moved?.metrics?.frobenius?.slice(3, 6) ?? [])).toEqual([3, 5, 4]);
  expect(Array.from(moved?.metrics?.changePrevious?.slice(3, 6) ?? [])).toEqual([13, Number.NaN, Number.NaN]);
  expect([moved?.steps, moved?.story, moved?.initialColumn]).toEqual([undefined, undefined, 1]);
  expect(moved?.columns.map(({ previous }) => previous)).toEqual([undefined, undefined, undefined]);
  const shortened = arrangedView(view, [a, b]);
  expect(shortened?.steps).toEqual([step(0, { sentence: "first" })]);
  expect(shortened?.columns[1]?.previous).toBe(change);
  expect([shortened?.story, shortened?.initialColumn]).toEqual([undefined, undefined]);
  expect(arrangedView(view, [a, b, c])?.story).toBe("first; second");
});

test("the best of a row is the lowest loss that is known, and there is none without two different ones", () => {
  const { columns } = sample("stages");
  const fact = (title: string) => {
    const found = snapshotFacts(columns).find((each) => each.title === title);
    if (found === undefined) throw new Error(`No row ${title}`);
    return found;
  };
  expect(bestColumn(fact("Eval loss"), columns)?.label).toBe("checkpoint-240");
  expect(bestColumn(fact("Loss"), columns)).toBeUndefined();
  expect(bestColumn(fact("Rank"), columns)).toBeUndefined();
});

test("column widths fill the room, and never fall below what the numbers need", () => {
  const metrics = startViewState.metrics;
  const roomy = columnWidths(1800, 3, metrics);
  expect(roomy.total).toBeLessThanOrEqual(1800);
  expect(roomy.total).toBeGreaterThan(1795);
  // Long names take half of the room that the numbers leave, and none that they need.
  const spacious = columnWidths(1800, 2, ["rank"], { wantedName: 200, roomyName: 400 });
  expect([spacious.name, spacious.total]).toEqual([400, 1800]);
  expect(columnWidths(700, 3, metrics, { wantedName: 200, roomyName: 400 }).name).toBe(200);
  const narrow = columnWidths(400, 8, metrics);
  expect(narrow.total).toBeGreaterThan(400);
  expect(Math.min(...narrow.snapshots)).toBeGreaterThanOrEqual(176);
});

test("where there is no room for all numbers of all snapshots, the less important ones give way", () => {
  const { metrics } = startViewState;
  expect(fittingMetrics(1800, 3, metrics)).toEqual(metrics);
  expect(fittingMetrics(820, 3, metrics)).toEqual(["frobenius", "change"]);
  expect(fittingMetrics(900, 3, metrics)).toEqual(["frobenius", "change", "cosine"]);
  expect(fittingMetrics(820, 3, metrics, "cosine")).toEqual(["frobenius", "cosine"]);
  expect(fittingMetrics(300, 8, ["normA", "rank", "frobenius"])).toEqual(["rank", "frobenius"]);
  expect(fittingMetrics(0, 8, ["similarityPrevious"])).toEqual(["similarityPrevious"]);
});

test("the table as text: words for what is not there, all digits for a spreadsheet", () => {
  const view = sample("unlike");
  const rows = queryModules(view, { filter: "layers.0.", subset: "missing", sort: byName });
  const { table } = moduleText(view, rows, ["frobenius", "change"], "all");
  expect(table.headers).toEqual(["Module", "first ‖ΔW‖", "second ‖ΔW‖", "second Change"]);
  expect(table.rows.map((cells) => [cells[0], cells[2], cells[3]])).toEqual([
    ["model.layers.0.self_attn.q_proj", "not adapted", "not adapted"],
    ["model.layers.0.mlp.gate_proj", String(view.modules.at(-1)?.cells[1]?.frobenius), "added"],
  ]);
});

test("a copied table of thousands of modules ends before the message gets too long, and says so", () => {
  const view = sample("long");
  const { table, what } = moduleText(
    view,
    [...moduleLines(view), ...moduleLines(view)],
    startViewState.metrics,
    "all",
  );
  expect(JSON.stringify(table.rows).length).toBeLessThan(1_000_000);
  expect(what).toMatch(/^the first \d+ modules$/);
});

test.each([
  [0.353, "35.3 %"],
  [0, "0 %"],
  [0.00004, "< 0.01 %"],
  [12.3, "1,230 %"],
  [Number.POSITIVE_INFINITY, "from zero"],
])("a change of %d is %s", (change, text) => {
  expect(formatChange(change)).toBe(text);
});

test.each([
  [1, "1"],
  [0.99999, "> 0.9999"],
  [0.98765, "0.9877"],
  [-0.00001, "0.0000"],
])("a cosine of %d is %s", (cosine, text) => {
  expect(formatCosine(cosine)).toBe(text);
});

test("numbers in a column keep their digits, differences their sign", () => {
  expect([1.35, 0.8454, 10.034, 1e-7].map(formatNorm)).toEqual(["1.350", "0.8454", "10.03", "1e-7"]);
  expect(formatDifference(2, 1.9)).toBe("−5.0 %");
  expect(formatDifference(0, 1)).toBe("");
});

test("a place that another version of the page wrote is read as far as it makes sense", () => {
  const odd = { metrics: ["rank", "nonsense"], subset: "gone", sort: { by: "nonsense", path: "/a" } };
  expect(viewStateFrom(odd as never)).toMatchObject({ metrics: ["rank"], subset: "all", sort: byName });
  expect(viewStateFrom({})).toEqual(startViewState);
});
