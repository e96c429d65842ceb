import { describe, expect, it } from "vitest";
import { recogniseLogFile } from "../../../../src/core/runs/merge/recogniseLogFile";
import { MemoryFiles } from "../../../support/memoryFiles";
import { trainerState } from "../discover/trainerFiles";
import { eventFile, scalarEvent } from "../logs/eventFile";
import { readRunLog } from "./readLogs";

const files = new MemoryFiles({
  "/ws/trainer_state.json": trainerState({ step: 20 }),
  "/ws/renamed": eventFile(scalarEvent("loss", 1, 2)),
  "/ws/any.csv": "epoch,loss\n1,2\n",
  "/ws/notes.md": "# Notes\n",
  "/ws/mlruns/0/abc/meta.yaml": "run_id: abc\nstatus: 3\n",
  "/ws/mlruns/0/abc/metrics/loss": "1700000000000 2 1\n",
  "/ws/empty": { folder: true },
});

describe("a log that someone opens", () => {
  it.each([
    ["/ws/trainer_state.json", "trainer-state"],
    ["/ws/renamed", "tensorboard"],
    ["/ws/any.csv", "csv"],
    ["/ws/mlruns/0/abc", "mlflow"],
    ["/ws/mlruns/0/abc/meta.yaml", "mlflow"],
  ])("%s is known", async (path, format) => {
    const log = await recogniseLogFile(files, path);
    expect(log).toEqual({ path, format });
    expect((await readRunLog(files, [log])).series[0]).toMatchObject({ key: "loss" });
  });

  it.each(["/ws/notes.md", "/ws/empty"])("%s is none", async (path) => {
    await expect(recogniseLogFile(files, path)).rejects.toMatchObject({ code: "UnknownLog" });
  });

  it("gives series, settings and facts as one, and says what it read", async () => {
    const log = await readRunLog(files, [{ path: "/ws/mlruns/0/abc", format: "mlflow" }]);
    expect(log).toMatchObject({
      summary: [["status", "finished"]],
      sources: [{ format: "mlflow", label: "MLflow run", metrics: 1, points: 1, otherTraining: false }],
      problems: [],
    });
    expect([...(log.series[0]?.wallTimes ?? [])]).toEqual([1_700_000_000]);
    for (const { steps, values, epochs } of log.series) {
      for (const column of [steps, values, epochs]) expect(column.buffer.byteLength).toBe(column.byteLength);
    }
  });
});
