import { expect, test } from "vitest";
import { moduleGrid } from "../../../../src/core/compare/modules/moduleGrid";
import { shownLabels } from "../../../../webview/cells/cellMatrix";
import { colorRamp, type RampKind, rampColor } from "../../../../webview/cells/colorRamp";
import { scaleTicks, shareOf, valueScale } from "../../../../webview/cells/valueScale";
import { moduleLines } from "../../../../webview/compare/compareMetrics";
import {
  comparedValues,
  emptyReason,
  heatLayout,
  moduleMatrix,
} from "../../../../webview/compare/heat/heatModel";
import { copiedValues, inGridOrder } from "../../../../webview/compare/heat/mapValues";
import { colorLimit } from "../../../../webview/editor/picture/weightColors";
import { compareSamples, compareView } from "../../fakeHost/compare/compareSamples";

/** Relative luminance after WCAG. */
function luminance(color: string): number {
  const channels = color.match(/\d+/g)?.map(Number) ?? [];
  const [r = 0, g = 0, b = 0] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test.each([true, false])(
  "a sequential ramp has an order to the eye without colour (dark ground: %s)",
  (isDark) => {
    const lights = colorRamp("sequential", isDark).map(luminance);
    const steps = lights.slice(1).map((light, at) => (light - (lights[at] as number)) * (isDark ? 1 : -1));
    expect(Math.min(...steps)).toBeGreaterThan(-1e-3);
    expect(Math.abs((lights.at(-1) ?? 0) - (lights[0] ?? 0))).toBeGreaterThan(0.6);
  },
);

test.each([true, false])(
  "both ends of a diverging ramp stand out alike, its middle not (dark ground: %s)",
  (isDark) => {
    const ramp = colorRamp("diverging", isDark);
    const [low, middle, high] = [0, 0.5, 1].map((share) => luminance(rampColor(ramp, share))) as [
      number,
      number,
      number,
    ];
    expect(Math.abs(low - high)).toBeLessThan(0.1);
    expect(Math.abs(low - middle)).toBeGreaterThan(0.4);
  },
);

test("a scale covers what there is; a spread one is logarithmic unless told otherwise", () => {
  expect(valueScale([1, Number.NaN, 3, Number.POSITIVE_INFINITY], "sequential", undefined)).toEqual({
    kind: "sequential",
    min: 1,
    max: 3,
    logarithmic: false,
  });
  expect(valueScale([0, 0.001, 100], "sequential", undefined)).toMatchObject({
    min: 0.001,
    logarithmic: true,
  });
  expect(valueScale([0.001, 100], "sequential", false)).toMatchObject({ min: 0.001, logarithmic: false });
  expect(valueScale([-1, 3], "diverging", undefined)).toMatchObject({ min: -3, max: 3 });
  expect(valueScale([Number.NaN], "sequential" as RampKind, undefined)).toBeUndefined();
});

test("a value's place on a scale", () => {
  const linear = { kind: "sequential", min: 1, max: 3, logarithmic: false } as const;
  expect([1, 2, 3, 9].map((value) => shareOf(linear, value))).toEqual([0, 0.5, 1, 1]);
  const decades = { kind: "sequential", min: 0.01, max: 100, logarithmic: true } as const;
  expect(shareOf(decades, 1)).toBeCloseTo(0.5, 12);
  expect([0, Number.POSITIVE_INFINITY].map((value) => shareOf(decades, value))).toEqual([0, 1]);
  expect(shareOf(linear, Number.NaN)).toBeNaN();
  expect(shareOf({ ...linear, max: 1 }, 1)).toBe(0.5);
  expect(scaleTicks(linear, 3).map(({ value }) => value)).toEqual([1, 2, 3]);
});

const kinds: readonly RampKind[] = ["sequential", "diverging"];

test("a ramp gives its end to what is outside of it", () => {
  for (const kind of kinds) {
    const ramp = colorRamp(kind, true);
    expect(rampColor(ramp, -1)).toBe(ramp[0]);
    expect(rampColor(ramp, 2)).toBe(ramp.at(-1));
  }
});

const fromFirst = { metric: "frobenius", from: 0 } as const;

function unlike() {
  const view = compareView(compareSamples.unlike?.() ?? [], []);
  const lines = moduleLines(view);
  return { view, lines, grid: moduleGrid(lines.map(({ module }) => module)) };
}

test("layers lie across where there is room, and down where there is none", () => {
  const { grid } = unlike();
  const wide = heatLayout(grid, 300);
  expect(wide.colLabels).toEqual(["0", "1", "2", "3", "4", "5"]);
  expect(wide.rowLabels).toEqual(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj"]);
  const narrow = heatLayout(grid, 20);
  expect(narrow.areLayersAcross).toBe(false);
  expect(narrow.moduleAt[1]).toBe(wide.moduleAt[6]);
});

test("a map tells values from what is not adapted and what could not be computed", () => {
  const { view, lines, grid } = unlike();
  const layout = heatLayout(grid, 300);
  const subject = { metric: "frobenius", from: undefined } as const;
  const matrix = moduleMatrix(comparedValues(view, lines, subject), layout, 1);
  // Layer 0: q_proj is gone in the second snapshot; layer 2: q_proj holds NaN.
  expect([...(matrix?.presence?.slice(0, 3) ?? [])]).toEqual([2, 1, 1]);
  expect(matrix?.values[2]).toBeNaN();
  expect(matrix?.values[1]).toBe(Math.fround(view.modules[4]?.cells[1]?.frobenius ?? 0));
  const difference = moduleMatrix(comparedValues(view, lines, fromFirst), layout, 1);
  const [before, after] = view.modules[4]?.cells ?? [];
  expect(difference?.values[1]).toBeCloseTo((after?.frobenius ?? 0) - (before?.frobenius ?? 0), 6);
  expect(moduleMatrix(comparedValues(view, lines, fromFirst), layout, 0)).toBeUndefined();
  expect(emptyReason(view, 0, { metric: "change", from: undefined })).toBe("the others are held against it");
});

test("the twin of a map says the same in words and numbers", () => {
  const { view, lines, grid } = unlike();
  const ordered = inGridOrder(grid, lines.length);
  expect(ordered).toHaveLength(25);
  const { table } = copiedValues(comparedValues(view, lines, fromFirst), ordered, "Markdown");
  expect(table.headers).toEqual(["Module", "first", "second"]);
  const row = (module: string) => table.rows.find(([name]) => name === module);
  expect(row("model.layers.0.self_attn.q_proj")).toEqual([
    "model.layers.0.self_attn.q_proj",
    "–",
    "not adapted",
  ]);
  expect(row("model.layers.0.mlp.gate_proj")?.[2]).toBe("added");
  expect(row("model.layers.2.self_attn.q_proj")?.[2]).toBe("n/a");
  expect(row("model.layers.3.self_attn.q_proj")?.[2]).toMatch(/^[+−]\d/);
});

test("labels that would touch are left out evenly", () => {
  expect(shownLabels(4, 100, 15)).toEqual([0, 1, 2, 3]);
  expect(shownLabels(10, 50, 12)).toEqual([0, 4, 8]);
  expect(shownLabels(0, 50, 12)).toEqual([]);
  expect(shownLabels(100_000, 1, 12)).toEqual([0]);
});

test("a few weights that are far larger than all others do not take the colours from them", () => {
  const cells = Float64Array.from({ length: 1000 }, (_, at) => (at % 2 === 0 ? 1 : -1) * (at / 1000));
  expect(colorLimit(cells)).toEqual({ limit: 0.999, largest: 0.999 });
  cells[10] = -80;
  cells[20] = 60;
  cells[30] = Number.NaN;
  const { limit, largest } = colorLimit(cells);
  expect(largest).toBe(80);
  expect(limit).toBeCloseTo(0.996, 2);
  // Of few cells each is worth its colour.
  expect(colorLimit([0, 0, 5])).toEqual({ limit: 5, largest: 5 });
  expect(colorLimit([Number.NaN, 0])).toEqual({ limit: 0, largest: 0 });
  expect(colorLimit([])).toEqual({ limit: 0, largest: 0 });
});
