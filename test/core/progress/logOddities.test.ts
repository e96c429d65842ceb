import { describe, expect, it } from "vitest";
import { logOddities, stepsAgain } from "../../../src/core/progress/logOddities";

type Values = Readonly<Record<string, number>>;

const log = (rows: readonly (readonly [step: number, epoch: number, values: Values])[]) =>
  rows.map(([step, epoch, values]) => ({ step, epoch, values: new Map(Object.entries(values)) }));

const codes = (rows: Parameters<typeof log>[0]) => logOddities(log(rows)).map(({ code }) => code);

const rates = (...all: readonly number[]) =>
  codes(all.map((learning_rate, at) => [at + 1, at / 4, { loss: 1, learning_rate }]));

describe("a log that goes back", () => {
  it("says from where to where", () => {
    expect(stepsAgain([1, 2, 3, 4, 5])).toBeUndefined();
    // An evaluation at the same step is no way back.
    expect(stepsAgain([1, 2, 2, 3])).toBeUndefined();
    expect(stepsAgain([10, 20, 30, 15, 25])?.message).toMatch(
      /^The log goes back from step 30 to 15: steps from 15 on/,
    );
    expect(stepsAgain([1, 2, 1, 2, 1, 2])?.message).toContain("and later goes back once more");
    // A counter of batches that begins again with each epoch.
    expect(stepsAgain([1, 2, 1, 2, 1, 2, 1, 2, 1, 2])).toBeUndefined();
  });

  it("is told once, and not its epochs and rates as well", () => {
    expect(
      codes([
        [1, 0.1, { loss: 2 }],
        [2, 0.2, { loss: 2 }],
        [1, 0.1, { loss: 2 }],
        [2, 0.2, { loss: 2 }],
      ]),
    ).toEqual(["StepsAgain"]);
  });
});

describe("a log of which only the steps rise", () => {
  it("has epochs that go back", () => {
    expect(
      codes([
        [1, 1, { loss: 2 }],
        [2, 1.25, { loss: 2 }],
        [3, 0.5, { loss: 2 }],
      ]),
    ).toEqual(["EpochsBack"]);
    expect(
      codes([
        [1, 1, { loss: 2 }],
        [2, 0.999, { loss: 2 }],
      ]),
    ).toEqual([]);
  });

  it("has a rate that warms up again", () => {
    expect(rates(1, 2, 3, 4, 3.5, 0.1, 0.2, 0.3)).toEqual(["RateAgain"]);
    // Linear, cosine with restarts, one cycle, and a step that divides the rate by ten.
    expect(rates(1, 2, 3, 2, 1, 0)).toEqual([]);
    expect(rates(4, 3, 2, 1, 0.05, 4, 3, 2)).toEqual([]);
    expect(rates(1, 2, 3, 2, 1, 0.5, 0.2, 0.01, 0.1, 0.2)).toEqual([]);
    expect(rates(4, 4, 4, 0.4, 0.4, 0.4)).toEqual([]);
  });

  it("has a rate of one entry alone", () => {
    expect(rates(1, 1, 100, 1, 1)).toEqual(["RateSpike"]);
    expect(rates(1, 1, 100, 100, 1)).toEqual([]);
    expect(rates(1, 0, 1, 1)).toEqual([]);
  });
});
