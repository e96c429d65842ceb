import { expect, test } from "vitest";
import type { CompareModuleRow, CompareView } from "../../src/core/compare/compareView";
import { headOf, joinPieces, pieceOf } from "../../src/protocol/comparePieces";
import { encodeForWebview } from "../../src/protocol/webviewWire";

const columnCount = 8;

function column(index: number): CompareView["columns"][number] {
  return {
    path: `/runs/${index}`,
    label: String(index),
    stage: undefined,
    step: index,
    epoch: undefined,
    loss: undefined,
    evalLoss: undefined,
    rank: "8",
    alpha: "8",
    baseModel: undefined,
    moduleCount: 1,
    parameterCount: 1,
    fileBytes: 1,
    frobenius: 1,
    relativeChange: undefined,
    cosine: undefined,
    failure: undefined,
  };
}

function comparison(moduleCount: number, tensorCount: number): CompareView {
  const cell = (value: number) => ({
    rank: 8,
    alpha: 16,
    scale: 2,
    frobenius: value / 3,
    spectral: value / 7,
    stableRank: value / 11,
    effectiveRank: value / 13,
    relativeChange: value / 17,
    cosine: value / 19,
  });
  return {
    columns: Array.from({ length: columnCount }, (_, index) => column(index)),
    modules: Array.from(
      { length: moduleCount },
      (_, row): CompareModuleRow => ({
        module: `model.layers.${row}.self_attn.q_proj`,
        cells: Array.from({ length: columnCount }, (_each, at) => (at === 3 ? null : cell(row + at))),
      }),
    ),
    tensors: Array.from({ length: tensorCount }, (_, row) => ({
      name: `tensor.${row}`,
      cells: ["F32 [2, 2]", null],
      status: "removed" as const,
    })),
    problems: [],
    grid: { rows: [], columns: [], cells: new Int32Array() },
    metrics: {
      frobenius: Float32Array.from({ length: moduleCount * columnCount }, (_, at) => at),
      cosinePrevious: Float32Array.from({ length: moduleCount * columnCount }, (_, at) => -at),
    },
    steps: [],
    story: "rank 64 → 8 kept 97.2 % of the energy",
  };
}

function allPieces(view: CompareView) {
  const pieces = [pieceOf(view, 0)];
  for (let next = pieces[0]?.next; next !== undefined; next = pieces.at(-1)?.next)
    pieces.push(pieceOf(view, next));
  return pieces;
}

/** What VS Code carries: JSON with the buffers beside it. */
function messageBytes(value: unknown): number {
  let buffers = 0;
  const json = JSON.stringify(encodeForWebview(value), (_key, member: unknown) => {
    if (!ArrayBuffer.isView(member)) return member;
    buffers += member.byteLength;
    return 0;
  });
  return json.length + buffers;
}

test("thousands of modules in eight columns cross in messages of less than a megabyte, and arrive whole", () => {
  const view = comparison(5000, 700);
  const pieces = allPieces(view);
  expect(pieces.length).toBeGreaterThan(10);
  for (const piece of pieces) expect(messageBytes(piece)).toBeLessThan(1_000_000);
  const { grid: _grid, ...expected } = view;
  expect(joinPieces(headOf(view), pieces)).toEqual(expected);
});

test("a small comparison is one piece", () => {
  const view = comparison(3, 2);
  const [piece, ...more] = allPieces(view);
  expect(more).toEqual([]);
  expect(piece?.next).toBeUndefined();
  expect(joinPieces(headOf(view), [pieceOf(view, 0)]).tensors).toEqual(view.tensors);
});

test("a row larger than a message should be is sent alone, and a start beyond the end is empty", () => {
  const view = comparison(2, 0);
  const [first] = view.modules;
  const long = {
    ...view,
    modules: [{ ...first, module: "m".repeat(600_000) } as CompareModuleRow, ...view.modules],
  };
  expect(pieceOf(long, 0).modules).toHaveLength(1);
  expect(pieceOf(long, 0).next).toBe(1);
  expect(pieceOf(view, 99)).toEqual({
    modules: [],
    tensors: [],
    metrics: { frobenius: new Float32Array(), cosinePrevious: new Float32Array() },
    next: undefined,
  });
});

test("a comparison of nothing joins to nothing", () => {
  const view = comparison(0, 0);
  const joined = joinPieces(headOf(view), allPieces(view));
  expect([joined.modules, joined.tensors]).toEqual([[], []]);
});
