import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { TensorStatistics } from "../../../src/core/analysis/statisticColumns";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import {
  optimizerViews,
  readOptimizerPage,
  readQuantisedState,
} from "../../../src/core/session/optimizerQuestions";
import { MemoryFiles } from "../../support/memoryFiles";
import { bytesAt, trainingFixtures } from "../resume/resumeFiles";

interface Expected {
  readonly block: number;
  readonly stats: Omit<TensorStatistics, "nan" | "inf">;
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** What numpy makes of the same codes, tables and scales: test/fixtures/makeTrainingFixtures.py. */
const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(trainingFixtures, "expected.json"), "utf8"),
);

let session: CheckpointSession;

beforeAll(async () => {
  const files = new MemoryFiles({ "/run/optimizer.pt": bytesAt(trainingFixtures, "adam8bit.pt") });
  session = await CheckpointSession.open(files, "/run/optimizer.pt", () => undefined);
});

test("it is told to be bitsandbytes', and the moments are marked", async () => {
  const [view] = optimizerViews(session);
  expect(view).toMatchObject({ name: "bitsandbytes Adam 8-bit", parameterCount: 3 });
  const { rows } = await readOptimizerPage(session, 0, 0);
  const marked = rows.map(({ state }) => state.filter(({ quantised }) => quantised).map(({ key }) => key));
  expect(marked).toEqual([["state1", "state2"], ["state1", "state2"], []]);
});

describe.each(Object.keys(expected))("%s", (name) => {
  test("statistics and values agree with numpy", async () => {
    const [index = "", key = ""] = name.split(".");
    const own = expected[name];
    const state = await readQuantisedState(session, { optimizer: 0, parameter: Number(index), key });
    expect(state?.blockSize).toBe(own?.block);
    expect(state?.first.slice(0, 8)).toEqual(own?.first);
    for (const [statistic, value] of Object.entries(own?.stats ?? {})) {
      expect(state?.statistics[statistic as keyof TensorStatistics], statistic).toBeCloseTo(value, 10);
    }
    expect(state?.statistics).toMatchObject({ nan: 0, inf: 0 });
  });
});

test("what is not quantised, or not there, has no such values", async () => {
  expect(await readQuantisedState(session, { optimizer: 0, parameter: 2, key: "state1" })).toBeUndefined();
  expect(await readQuantisedState(session, { optimizer: 0, parameter: 0, key: "step" })).toBeUndefined();
  expect(await readQuantisedState(session, { optimizer: 3, parameter: 0, key: "state1" })).toBeUndefined();
});
