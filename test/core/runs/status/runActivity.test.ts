import { describe, expect, it } from "vitest";
import { measureGrowth, measurePause, type RunProgress } from "../../../../src/core/runs/series/runProgress";
import { runActivity } from "../../../../src/core/runs/status/runActivity";

const now = 1_700_000_000_000;
const minute = 60_000;
const written = (ago: number, more: Partial<RunProgress> = {}): RunProgress => ({
  ended: false,
  step: 10,
  maxSteps: 100,
  lastWrittenMs: now - ago,
  ...more,
});

describe("runActivity", () => {
  it("tells a training that goes on from one whose next entry is overdue", () => {
    const logsOften = { usualPauseSeconds: 5 };
    expect(runActivity(written(2 * minute, logsOften), now)).toBe("running");
    expect(runActivity(written(4 * minute, logsOften), now)).toBe("stalled");
    const logsSeldom = { usualPauseSeconds: 600 };
    expect(runActivity(written(90 * minute, logsSeldom), now)).toBe("running");
    expect(runActivity(written(101 * minute, logsSeldom), now)).toBe("stalled");
  });

  it("does not claim to know how often a log is written where it tells no times", () => {
    expect(runActivity(written(10 * minute), now)).toBe("running");
    expect(runActivity(written(40 * minute), now)).toBe("silent");
    expect(runActivity(written(25 * 60 * minute), now)).toBe("stopped");
    expect(runActivity({ ended: false }, now)).toBe("unknown");
  });

  it("knows the end by the log and by the plan", () => {
    expect(runActivity(written(0, { ended: true }), now)).toBe("ended");
    expect(runActivity(written(0, { step: 100 }), now)).toBe("ended");
    expect(runActivity(written(0, { step: 5, maxSteps: 0 }), now)).toBe("running");
  });
});

describe("the last points of a log", () => {
  it("say how often one comes, whatever one evaluation took", () => {
    const seconds = Float64Array.of(0, 10, 20, 320, 330, Number.NaN, 350);
    const steps = seconds.map((_, index) => index);
    expect(measurePause({ steps, seconds })).toBe(10);
    expect(measurePause({ steps: Float64Array.of(1), seconds: Float64Array.of(1) })).toBeUndefined();
  });

  it("say how much a counter grows with a step", () => {
    const steps = Float64Array.from({ length: 100 }, (_, index) => index * 5);
    expect(measureGrowth({ steps, values: steps.map((step) => step * 2048) })).toBe(2048);
    expect(measureGrowth({ steps: steps.subarray(0, 1), values: steps.subarray(0, 1) })).toBeUndefined();
    expect(measureGrowth({ steps, values: steps.map(() => 7) })).toBeUndefined();
  });
});
