import { checkpointOf } from "../../core/compare/computeTimeline";
import { moduleGrid } from "../../core/compare/modules/moduleGrid";
import type { Snapshot } from "../../core/compare/openSnapshots";
import { alignSnapshots } from "../../core/compare/tensors/alignSnapshots";
import type { DiffTable } from "../../core/compare/tensors/diffTable";
import type { Timeline, TimelineMetric } from "../../core/compare/timeline";
import { CheckpointError } from "../../core/problem/checkpointError";
import { maxTimelineCells } from "../../core/problem/limits";
import { formatCount } from "../../core/text/quantities";
import type { NumbersPool } from "../numbers/numbersPool";
import { type DiffRunOptions, TensorDiffing } from "./tensorDiffing";

/** What can be said of weights as such; the other metrics are those of an update. */
const weightMetrics: readonly TimelineMetric[] = ["fromFirst", "relativeChange"];

/**
 * How far the weights of every module drifted over a run: √Σ‖b − a‖² / √Σ‖a‖² over its tensors, against the first
 * checkpoint and against the one before. The rows of a module are its name without the tensor's.
 * @param snapshots in the order of their steps.
 * @throws CheckpointError when a file changes meanwhile, or there are more pairs of tensors than are kept.
 */
export async function weightTimeline(
  snapshots: readonly Snapshot[],
  pool: NumbersPool,
  options: DiffRunOptions,
): Promise<Timeline> {
  const alignment = alignSnapshots(snapshots);
  const cells = alignment.rows.length * snapshots.length;
  if (cells > maxTimelineCells) {
    const message = `${formatCount(alignment.rows.length)} tensors in ${formatCount(snapshots.length)} checkpoints are more than are followed at once. Compare some of the checkpoints.`;
    throw new CheckpointError("TimelineTooLarge", message);
  }
  const diffing = new TensorDiffing(
    snapshots.map(({ session }) => session),
    alignment,
  );
  await diffing.run(pool, options);
  const modules = new Map<string, number[]>();
  for (const [row, { name }] of alignment.rows.entries()) {
    const dot = name.lastIndexOf(".");
    const module = dot > 0 ? name.slice(0, dot) : name;
    const members = modules.get(module);
    if (members === undefined) modules.set(module, [row]);
    else members.push(row);
  }
  const columns = snapshots.length;
  const values = (pairOf: (column: number) => number) => {
    const table = new Float32Array(modules.size * columns).fill(Number.NaN);
    for (const [at, members] of [...modules.values()].entries()) {
      for (let column = 1; column < columns; column++) {
        table[at * columns + column] = driftOf(members, diffing.table, pairOf(column));
      }
    }
    return table;
  };
  const names = [...modules.keys()];
  return {
    checkpoints: snapshots.map(checkpointOf),
    modules: names,
    grid: moduleGrid(names),
    metrics: weightMetrics,
    values: {
      fromFirst: values((column) => column - 1),
      relativeChange: values((column) => (column === 1 ? 0 : columns - 1 + column - 2)),
    },
  };
}

function driftOf(rows: readonly number[], table: DiffTable, pair: number): number {
  let [squares, squaresA, known] = [0, 0, 0];
  for (const row of rows) {
    const norm = table.number(row, pair, "normDifference");
    if (Number.isNaN(norm)) continue;
    squares += norm ** 2;
    squaresA += table.number(row, pair, "normA") ** 2;
    known++;
  }
  if (known === 0) return Number.NaN;
  return squares === 0 ? 0 : Math.sqrt(squares / squaresA);
}
