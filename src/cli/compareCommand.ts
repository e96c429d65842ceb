import { resolve } from "node:path";
import { Comparison } from "../core/compare/comparison";
import { alignSnapshots } from "../core/compare/tensors/alignSnapshots";
import { CheckpointError } from "../core/problem/checkpointError";
import type { Problem } from "../core/problem/problem";
import { compareReport } from "../core/report/compareReport";
import { toJsonText } from "../core/report/reportJson";
import { compareText } from "../core/report/reportText";
import type { TensorFindings } from "../core/report/tensorReport";
import { byteProgressText } from "../core/text/byteProgress";
import { TensorDiffing } from "../worker/diff/tensorDiffing";
import { nodeFiles } from "../worker/nodeFiles";
import { defaultThreads } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";

export interface CompareFlags {
  readonly json: boolean;
  /** Reads the values too; without, only names, shapes and dtypes are compared. */
  readonly values: boolean;
  /** Where a line that tells how far it is may be drawn again and again; undefined where nobody looks. */
  readonly terminal: { write(text: string): unknown } | undefined;
}

/** What `compare` of the command line prints, and whether something could not be read. */
export async function compareCommand(
  paths: readonly string[],
  { json, values, terminal }: CompareFlags,
): Promise<{ readonly text: string; readonly failed: boolean }> {
  const absolute = paths.map((path) => resolve(path));
  const comparison = await Comparison.compute(nodeFiles, absolute, () => undefined, { pairing: "all" });
  const alignment = alignSnapshots(comparison.snapshots);
  const diffing = new TensorDiffing(
    comparison.snapshots.map(({ session }) => session),
    alignment,
  );
  const failure = values ? await compareValues(diffing, terminal) : undefined;
  const findings: TensorFindings = {
    alignment,
    table: values && failure === undefined ? diffing.table : undefined,
  };
  const problems = [...diffing.problems.toArray(), ...(failure ?? [])];
  const text = json
    ? toJsonText(compareReport(comparison, { paths, findings, problems }))
    : compareText(comparison.view, findings, problems);
  const isUnread = comparison.snapshots.some((snapshot) => snapshot.failure !== undefined);
  return { text, failed: isUnread || problems.length > 0 };
}

/** @returns why the numbers cannot be had; those that were found before are dropped then. */
async function compareValues(
  diffing: TensorDiffing,
  terminal: CompareFlags["terminal"],
): Promise<readonly Problem[] | undefined> {
  const pool = new NumbersPool({ threads: defaultThreads() });
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
    await pool.dispose();
  }
}
