import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTrainerState } from "../../../src/core/progress/trainerState";
import { trainerState } from "../runs/discover/trainerFiles";

function withLog(log: string, rest = ""): string {
  return `{"epoch": 2, "global_step": 20, "log_history": ${log}, "max_steps": 40${rest}}`;
}

describe("parseTrainerState", () => {
  it("reads every field that the Trainer writes", () => {
    const state = parseTrainerState(
      trainerState({ step: 80, maxSteps: 500, epochs: 3, best: "/gpu/out/checkpoint-40", bestMetric: 0.25 }),
    );
    expect(state).toMatchObject({
      globalStep: 80,
      epoch: 0.8,
      maxSteps: 500,
      numTrainEpochs: 3,
      bestMetric: 0.25,
      bestModelCheckpoint: "/gpu/out/checkpoint-40",
      bestGlobalStep: undefined,
      totalFlos: 1e15,
      saveSteps: 100,
      problems: [],
    });
    expect(state.log).toHaveLength(10);
    const [first] = state.log;
    expect(first?.step).toBe(10);
    expect(first?.epoch).toBe(0.1);
    expect([...(first?.values ?? [])].map(([key]) => key)).toEqual(["grad_norm", "learning_rate", "loss"]);
  });

  it("reads bare NaN and Infinity, which Python writes", () => {
    const state = parseTrainerState(
      withLog(
        '[{"loss": NaN, "grad_norm": Infinity, "eval_loss": -Infinity, "step": 10}]',
        ', "best_metric": NaN',
      ),
    );
    expect([...(state.log[0]?.values ?? [])]).toEqual([
      ["loss", Number.NaN],
      ["grad_norm", Number.POSITIVE_INFINITY],
      ["eval_loss", Number.NEGATIVE_INFINITY],
    ]);
    expect(state.bestMetric).toBeNaN();
    expect(state.problems).toEqual([]);
  });

  it("keeps integers beyond 2^53 as rounded numbers, with and without NaN in the file", () => {
    for (const extra of ["", ', "best_metric": NaN']) {
      const state = parseTrainerState(withLog("[]", `, "total_flos": 12345678901234567890${extra}`));
      expect(state.totalFlos).toBe(Number("12345678901234567890"));
    }
  });

  it("takes the summary out of the log", () => {
    const state = parseTrainerState(
      withLog('[{"loss": 3, "step": 10}, {"epoch": 2, "step": 20, "train_runtime": 1.5, "train_loss": 3}]'),
    );
    expect(state.log).toHaveLength(1);
    expect([...state.summary]).toEqual([
      ["train_runtime", 1.5],
      ["train_loss", 3],
    ]);
  });

  it("keeps a metric of somebody's own that is called train_loss", () => {
    const state = parseTrainerState(withLog('[{"train_loss": 3, "step": 10}]'));
    expect(state.log).toHaveLength(1);
    expect(state.summary.size).toBe(0);
  });

  it("takes the newest of several summaries", () => {
    const state = parseTrainerState(
      withLog(
        '[{"step": 10, "train_runtime": 1}, {"loss": 1, "step": 11}, {"step": 20, "train_runtime": 2}]',
      ),
    );
    expect(state.summary.get("train_runtime")).toBe(2);
  });

  it("takes numbers that were logged as text and flattens nested dicts", () => {
    const row = {
      step: "10",
      loss: "0.125",
      a: " 1e-3 ",
      b: "nan",
      c: "-inf",
      d: "Infinity",
      rewards: { chosen: 1, deep: { x: "2" } },
      note: "0x10",
      version: "1.2.3",
      empty: "",
      flag: true,
      list: [1, 2],
      nothing: null,
    };
    const [entry] = parseTrainerState(withLog(JSON.stringify([row]))).log;
    expect(entry?.step).toBe(10);
    expect(Object.fromEntries(entry?.values ?? [])).toEqual({
      loss: 0.125,
      a: 0.001,
      b: Number.NaN,
      c: Number.NEGATIVE_INFINITY,
      d: Number.POSITIVE_INFINITY,
      "rewards/chosen": 1,
      "rewards/deep/x": 2,
    });
  });

  it("places entries without a step by their epoch, then by their neighbour, and says so", () => {
    const state = parseTrainerState(
      withLog('[{"loss": 4, "epoch": 1}, {"loss": 3, "step": 15}, {"eval_loss": 2}]'),
    );
    expect(state.log.map(({ step }) => step)).toEqual([10, 15, 15]);
    expect(state.problems).toMatchObject([{ severity: "info", code: "LogStepsMissing" }]);
  });

  it("keeps what a cut file holds and gives the offset in bytes", () => {
    const whole = withLog('[{"loss": 3, "note": "é", "step": 10}, {"loss": 2, "step": 20}]');
    const cut = whole.slice(0, whole.indexOf(', "step": 20'));
    const state = parseTrainerState(cut, "/out/trainer_state.json");
    expect(state.globalStep).toBe(20);
    // The entry that was cut has lost its step.
    expect(state.log.map(({ step }) => step)).toEqual([10]);
    expect(state.problems).toMatchObject([
      {
        severity: "error",
        code: "TrainerStateTruncated",
        file: "/out/trainer_state.json",
        offset: new TextEncoder().encode(cut).length,
      },
    ]);
  });

  it("keeps what stands before a mistake", () => {
    const text = '{"global_step": 7, "log_history": [{"loss": 1, "step": 5}, {"loss": oops}]}';
    const state = parseTrainerState(text);
    expect(state.globalStep).toBe(7);
    expect(state.log).toHaveLength(1);
    expect(state.problems).toMatchObject([
      { severity: "error", code: "TrainerStateNotJson", offset: text.indexOf("oops") },
    ]);
  });

  it("reads a whole state that is followed by something else", () => {
    const state = parseTrainerState(`${withLog('[{"loss": 1, "step": 5}]')}garbage`);
    expect(state.maxSteps).toBe(40);
    expect(state.problems).toMatchObject([{ code: "TrainerStateNotJson" }]);
  });

  it("counts a byte order mark in offsets", () => {
    const text = "\uFEFF{]";
    expect(parseTrainerState(text).problems[0]?.offset).toBe(4);
    expect(parseTrainerState(`\uFEFF${withLog("[]")}`)).toMatchObject({ globalStep: 20, problems: [] });
  });

  it.each([
    ["", "TrainerStateNotJson"],
    ["  \n", "TrainerStateNotJson"],
    ["<html>", "TrainerStateNotJson"],
    ["[1, 2]", "TrainerStateShape"],
    ['"text"', "TrainerStateShape"],
    ["null", "TrainerStateShape"],
  ])("says what is wrong with %j", (text, code) => {
    const state = parseTrainerState(text);
    expect(state.problems.map((problem) => problem.code)).toEqual([code]);
    expect(state.log).toEqual([]);
  });

  it("treats hostile names as data", () => {
    const row = '{"__proto__": {"polluted": 1}, "constructor": 2, "toString": 3, "1": 4, "step": 1}';
    for (const extra of ["", ', "best_metric": NaN']) {
      const [entry] = parseTrainerState(withLog(`[${row}]`, extra)).log;
      expect(new Set(entry?.values.keys())).toEqual(
        new Set(["__proto__/polluted", "constructor", "toString", "1"]),
      );
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("survives nesting without end", () => {
    const deep = `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`;
    expect(() => parseTrainerState(withLog(`[${deep}]`))).not.toThrow();
    expect(() => parseTrainerState(withLog(`[NaN, ${deep}]`))).not.toThrow();
  });

  it("reads the same with both parsers", () => {
    const value = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
    );
    const row = fc.dictionary(fc.string(), fc.oneof(value, fc.dictionary(fc.string(), value)));
    fc.assert(
      fc.property(fc.array(row), (log) => {
        const text = withLog(JSON.stringify(log));
        // A bare NaN in a field nobody reads sends the text to our own parser.
        const python = `${text.slice(0, -1)}, "unused": NaN}`;
        expect(parseTrainerState(python)).toEqual(parseTrainerState(text));
      }),
    );
  });

  it("never throws, wherever a file is cut", () => {
    const text = trainerState({ step: 40 }).replace("0.25", "NaN");
    fc.assert(
      fc.property(fc.nat(text.length), (end) => {
        const { log, problems } = parseTrainerState(text.slice(0, end));
        expect(log.length).toBeLessThanOrEqual(5);
        expect(problems.length > 0 || end >= text.length - 1).toBe(true);
      }),
    );
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseTrainerState(text)));
    fc.assert(fc.property(fc.json(), (text) => void parseTrainerState(text)));
  });
});
