import { describe, expect, it } from "vitest";
import { orderCheckpoints, orderRuns } from "../../../../src/core/runs/discover/checkpointOrder";
import { checkpoint, nowMs, run } from "../merge/runSamples";

const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

describe("checkpoints in order", () => {
  const list = [
    checkpoint(10, { loss: 3, evalLoss: 2.5, modifiedMs: nowMs - 30 }),
    checkpoint(20, { loss: Number.NaN, evalLoss: 2, modifiedMs: nowMs - 10 }),
    checkpoint(100, { loss: 1, modifiedMs: nowMs - 20 }),
    checkpoint(30, { modifiedMs: 0 }),
  ];

  it.each([
    ["step", [10, 20, 100, 30], [30, 100, 20, 10]],
    // NaN and nothing are last either way round, as they stand.
    ["loss", [100, 10, 20, 30], [10, 100, 20, 30]],
    ["evalLoss", [20, 10, 100, 30], [10, 20, 100, 30]],
    ["time", [20, 100, 10, 30], [10, 100, 20, 30]],
    ["name", [10, 20, 30, 100], [100, 30, 20, 10]],
  ] as const)("by %s", (order, usual, reversed) => {
    const named = (steps: readonly number[]) => steps.map((step) => `checkpoint-${step}`);
    expect(names(orderCheckpoints(list, order))).toEqual(named(usual));
    expect(names(orderCheckpoints(list, order, true))).toEqual(named(reversed));
  });

  it("leaves the list it was given as it is", () => {
    orderCheckpoints(list, "loss");
    expect(names(list)[0]).toBe("checkpoint-10");
  });
});

describe("runs in order", () => {
  const low = run([checkpoint(1, { evalLoss: 3 }), checkpoint(2, { evalLoss: 1 })], { name: "low" });
  const high = run([checkpoint(1, { evalLoss: 2 })], { name: "high" });
  const logOnly = run([], {
    name: "log",
    progress: { lastEvalLoss: 0.5, lastWrittenMs: nowMs, ended: false },
  });
  const unknown = run([checkpoint(1)], { name: "unknown" });

  it("go by their lowest loss, of the log too", () => {
    const runs = [unknown, high, low, logOnly];
    expect(names(orderRuns(runs, "evalLoss"))).toEqual(["log", "low", "high", "unknown"]);
    expect(names(orderRuns(runs, "evalLoss", true))).toEqual(["high", "low", "log", "unknown"]);
    expect(names(orderRuns(runs, "time"))[0]).toBe("log");
  });

  it("stay in the order of their folders by step and by name", () => {
    for (const order of ["step", "name"] as const)
      expect(names(orderRuns([low, high], order, true))).toEqual(["low", "high"]);
  });
});
