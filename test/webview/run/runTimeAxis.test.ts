import { expect, test } from "vitest";
import { clockTicks, elapsedTicks, formatElapsed } from "../../../webview/charts/timeAxis";
import { progressText } from "../../../webview/run/progressText";
import { sortedRows } from "../../../webview/run/runSummary";
import { runSamples, sampleNowMs } from "../fakeHost/run/runSamples";

test.each([
  [0.4, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [125, "2 min 5 s"],
  [3600, "1 h"],
  [12_345, "3 h 25 min"],
  [200_000, "2 d 7 h"],
  [-5, "-5 s"],
  [Number.NaN, "–"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatElapsed(seconds)).toBe(text);
});

test.each([
  [{ min: 0, max: 50 }, 6, ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s"]],
  [{ min: 40, max: 130 }, 4, ["1:00 min", "1:30 min", "2:00 min"]],
  [{ min: 0, max: 1800 }, 4, ["0 min", "10 min", "20 min", "30 min"]],
  [{ min: 3000, max: 9000 }, 4, ["1:00 h", "1:30 h", "2:00 h", "2:30 h"]],
  [{ min: 0, max: 40_000 }, 5, ["0 h", "3 h", "6 h", "9 h"]],
  [{ min: 0, max: 500_000 }, 6, ["0 d", "1 d", "2 d", "3 d", "4 d", "5 d"]],
])("ticks of elapsed time between %j are counted as people do", (range, count, labels) => {
  expect(elapsedTicks(range, count).map(({ label }) => label)).toEqual(labels);
});

test("ticks of the time of day are whole hours of the reader's own clock, and say each new day", () => {
  const noon = new Date(2026, 0, 15, 12, 0).getTime() / 1000;
  const ticks = clockTicks({ min: noon - 60, max: noon + 13 * 3600 }, 6);
  expect(ticks.map(({ label }) => label)).toEqual(["15 Jan", "15:00", "18:00", "21:00", "16 Jan"]);
  expect(new Date((ticks[1]?.value ?? 0) * 1000).getHours()).toBe(15);
});

test("a range of nothing has at most one tick", () => {
  expect(elapsedTicks({ min: 5, max: 5 }, 5).length).toBeLessThanOrEqual(1);
});

test("where a training stands is said in words: how far, how fast, how long, and since when", () => {
  const progressOf = (name: string) => runSamples[name]?.()[0]?.run.progress() ?? { ended: false };
  expect(progressText(progressOf("live"), sampleNowMs)).toEqual({
    activity: "running",
    state: "Running",
    reason: expect.any(String),
    step: "step 480 of 600",
    share: 0.8,
    facts: ["2.13 steps/s", "4,362 tokens/s", "56 s left", "last written 12 s ago"],
  });
  const stalled = progressText(progressOf("stalled"), sampleNowMs);
  expect(stalled.state).toBe("Stalled");
  expect(stalled.facts.at(-1)).toBe("last written 25 min ago, an entry every 1 s before");
  expect(progressText({ ended: true, step: 10, stepsPerSecond: 0.05 }, sampleNowMs)).toMatchObject({
    state: "Ended",
    step: "step 10",
    share: undefined,
    facts: ["20 s/step"],
  });
  const old = progressText({ ended: false, lastWrittenMs: sampleNowMs - 3 * 86_400_000 }, sampleNowMs);
  expect([old.state, old.facts[0]]).toEqual(["Stopped", expect.stringMatching(/^last written 12 Jan 2026/)]);
});

test("rows are sorted by what they show, and those that show nothing come last either way", () => {
  const values = [2, undefined, 10, Number.NaN, 1];
  expect(sortedRows(values, false)).toEqual([4, 0, 2, 1, 3]);
  expect(sortedRows(values, true)).toEqual([2, 0, 4, 1, 3]);
  expect(sortedRows(["run 10", "run 9"], false)).toEqual([1, 0]);
});
