import { resolve } from "node:path";
import { Comparison } from "../core/compare/comparison";
import { alignSnapshots } from "../core/compare/tensors/alignSnapshots";
import { CheckpointError } from "../core/problem/checkpointError";
import type { Problem } from "../core/problem/problem";
import { compareReport } from "../core/report/compareReport";
import { compareText } from "../core/report/reportText";
import type { TensorFindings } from "../core/report/tensorReport";
import { byteProgressText } from "../core/text/byteProgress";
import { TensorDiffing } from "../worker/diff/tensorDiffing";
import { nodeFiles } from "../worker/nodeFiles";
import { defaultThreads } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";
import { defineCommand, jsonFlag, noUserStage } from "./command";
import { compareGraph } from "./compareGraph";
import { UsageError } from "./usageError";

/** Where a line that tells how far it is may be drawn again and again; undefined where nobody looks. */
const terminal = process.stderr.isTTY ? process.stderr : undefined;

export const compareCommand = defineCommand({
  usage: "compare A B [C …] [--graph] [--json] [--no-values]",
  // Without values, only names, shapes and dtypes are compared.
  options: {
    ...jsonFlag,
    "no-values": { type: "boolean", default: false },
    // Where they come from, in place of how they differ; of one folder all its runs.
    graph: { type: "boolean", default: false },
  },
  async run(paths, { "no-values": noValues, graph }) {
    const absolute = paths.map((path) => resolve(path));
    if (graph && paths.length > 0) return compareGraph(absolute);
    if (paths.length < 2) throw new UsageError("compare needs two or more checkpoints.");
    const pool = new NumbersPool({ threads: defaultThreads() });
    const comparison = await Comparison.compute(nodeFiles, absolute, noUserStage, {
      pairing: "all",
      compareModules: pool.compareModules(absolute),
    });
    const alignment = alignSnapshots(comparison.snapshots);
    const diffing = new TensorDiffing(
      comparison.snapshots.map(({ session }) => session),
      alignment,
    );
    const failure = noValues ? undefined : await compareValues(diffing, pool);
    await pool.dispose();
    const findings: TensorFindings = {
      alignment,
      table: noValues || failure !== undefined ? undefined : diffing.table,
    };
    const problems = [...diffing.problems.toArray(), ...(failure ?? [])];
    const isUnread = comparison.snapshots.some((snapshot) => snapshot.failure !== undefined);
    const failed = isUnread || problems.length > 0;
    return {
      failed,
      report: () => compareReport(comparison, { paths, findings, problems }),
      text: () => compareText(comparison.view, findings, problems),
    };
  },
});

/** @returns why the numbers cannot be had; those that were found before are dropped then. */
async function compareValues(
  diffing: TensorDiffing,
  pool: NumbersPool,
): Promise<readonly Problem[] | undefined> {
  const start = performance.now();
  try {
    await diffing.run(pool, {
      report: (doneBytes, totalBytes) => {
        const progress = { doneBytes, totalBytes, elapsedMs: performance.now() - start };
        terminal?.write(`\r\u001b[KComparing values: ${byteProgressText(progress)}`);
      },
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return [error.toProblem()];
  } finally {
    terminal?.write("\r\u001b[K");
  }
}
