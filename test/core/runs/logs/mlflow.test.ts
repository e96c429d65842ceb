import { describe, expect, it } from "vitest";
import { mlflowFormat, readMlflowFacts } from "../../../../src/core/runs/logs/mlflow/mlflow";
import { type MemoryContent, MemoryFiles } from "../../../support/memoryFiles";
import { pointsOf } from "./readings";

const run = "/ws/mlruns/0/abc";

function store(extra: Readonly<Record<string, MemoryContent>> = {}): MemoryFiles {
  return new MemoryFiles({
    [`${run}/meta.yaml`]: "run_id: abc\nrun_name: gentle-sun-7\nstatus: 1\nend_time: null\n",
    [`${run}/metrics/loss`]: "1700000000000 2.5 10\n1700000001500 NaN 20\n",
    [`${run}/metrics/eval/acc`]: "1700000000000 0.5\n1700000001000 0.75\n",
    [`${run}/params/lr`]: "0.1",
    [`${run}/params/notes`]: "two\nlines",
    [`${run}/params/api_key`]: "secret",
    [`${run}/tags/mlflow.user`]: "me",
    [`${run}/tags/mlflow.log-model.history`]: "[]",
    ...extra,
  });
}

describe("an MLflow run", () => {
  it("gives metrics with times, parameters, tags, name and status", async () => {
    const files = store();
    const read = await mlflowFormat.read({ files, path: run }, undefined, { atRest: true });
    expect(pointsOf(read)).toEqual({
      "eval/acc": [
        [0, 0.5],
        [1, 0.75],
      ],
      loss: [
        [10, 2.5],
        [20, Number.NaN],
      ],
    });
    expect([...(read.points.columns.get("loss")?.wallTimes ?? [])]).toEqual([1_700_000_000, 1_700_000_001.5]);
    expect(read).toMatchObject({
      config: [
        ["api_key", "••••••••"],
        ["lr", "0.1"],
        ["notes", "two\nlines"],
        ["tag.mlflow.user", "me"],
      ],
      summary: [["status", "running"]],
      facts: { name: "gentle-sun-7", ended: false },
      problems: [],
    });
    expect(await readMlflowFacts(files, run)).toEqual({ name: "gentle-sun-7", ended: false });
    const byFile = await mlflowFormat.read({ files, path: `${run}/meta.yaml` }, undefined, { atRest: true });
    expect(pointsOf(byFile)).toEqual(pointsOf(read));
  });

  it("is read on, metric by metric, opening only what grew", async () => {
    const files = store();
    const first = await mlflowFormat.read({ files, path: run }, undefined, {});
    files.write(`${run}/metrics/loss`, "1700000000000 2.5 10\n1700000001500 NaN 20\n1700000002000 1 30\n", 2);
    files.write(`${run}/metrics/new`, "1700000002000 7 30\n", 2);
    files.opened.length = 0;
    const next = await mlflowFormat.read({ files, path: run }, first.cursor, {});
    expect(next.restarted).toBe(false);
    expect(pointsOf(next)).toEqual({ loss: [[30, 1]], new: [[30, 7]] });
    expect(files.opened.filter((path) => path.includes("/metrics/"))).toEqual([
      `${run}/metrics/loss`,
      `${run}/metrics/new`,
    ]);
    expect(next.config).toEqual(first.config);
  });

  it("is read anew when a metric was deleted or replaced", async () => {
    const files = store();
    const first = await mlflowFormat.read({ files, path: run }, undefined, {});
    files.remove(`${run}/metrics/eval/acc`);
    const next = await mlflowFormat.read({ files, path: run }, first.cursor, {});
    expect(next.restarted).toBe(true);
    expect(Object.keys(pointsOf(next))).toEqual(["loss"]);
    files.write(`${run}/metrics/loss`, "1700000000000 9 10\n", 3);
    const replaced = await mlflowFormat.read({ files, path: run }, next.cursor, {});
    expect(replaced.restarted).toBe(true);
    expect(pointsOf(replaced)).toEqual({ loss: [[10, 9]] });
  });

  it("may lack everything but its folder", async () => {
    const files = new MemoryFiles({ [`${run}/metrics`]: { folder: true } });
    const read = await mlflowFormat.read({ files, path: run }, undefined, {});
    expect(read).toMatchObject({ config: [], summary: [], problems: [] });
  });
});
