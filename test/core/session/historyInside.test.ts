import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ChartedRun } from "../../../src/core/runs/merge/chartedRun";
import { LogStore } from "../../../src/core/runs/merge/logStore";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

async function charted(name: string): Promise<ChartedRun> {
  const path = `/m/${name}`;
  const bytes = new Uint8Array(readFileSync(join(projectRoot, "test", "fixtures", "ordinary", name)));
  const files = new MemoryFiles({ [path]: bytes });
  const session = await CheckpointSession.open(files, path, () => undefined);
  expect(session.summary().hasTraining).toBe(true);
  const source = await session.trainingSource();
  if (source === undefined) throw new Error("Nothing to chart");
  return ChartedRun.follow(new LogStore(files), source);
}

/** Of the values that makeOrdinaryFiles.py saved. */
const saved: readonly (readonly [string, Readonly<Record<string, readonly number[]>>])[] = [
  ["hist1.pt", { "history/train_loss": [1, 0.5, 0.25], "history/train_acc": [0.3, 0.4, 0.5] }],
  ["hist2.pt", { "history/loss": [0.9, 0.7], "history/val_loss": [0.8, 0.6] }],
  ["hist3.pt", { train_losses: [0.9, 0.7], val_losses: [0.8, 0.625], loss_list: [0.5, 0.375] }],
  ["gan.pt", { G_losses: [1.5, 1.25], D_losses: [0.5, 0.25] }],
  ["history.pt", { train_loss: [1, 0.5, 0.25] }],
];

describe("a history inside a checkpoint", () => {
  it.each(saved)("is charted: %s", async (name, series) => {
    const run = await charted(name);
    const { metrics, problems } = run.head();
    expect(problems).toEqual([]);
    for (const [key, values] of Object.entries(series)) {
      const head = metrics.find((metric) => metric.key === key);
      expect(head, key).toBeDefined();
      const at = run.valuesAt(values.map((_, index) => ({ key, step: index + 1 })));
      values.forEach((value, index) => {
        expect(at[index]).toBeCloseTo(value, 6);
      });
    }
  });

  it("is none where the file keeps single values", async () => {
    const bytes = new Uint8Array(
      readFileSync(join(projectRoot, "test", "fixtures", "ordinary", "m_cifar.pth")),
    );
    const files = new MemoryFiles({ "/m/a.pth": bytes });
    const session = await CheckpointSession.open(files, "/m/a.pth", () => undefined);
    expect(session.summary().hasTraining).toBe(false);
    expect(await session.trainingSource()).toBeUndefined();
  });
});
