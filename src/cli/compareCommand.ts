import { join, resolve } from "node:path";
import { Comparison } from "../core/compare/comparison";
import { openSnapshots, type Snapshot } from "../core/compare/openSnapshots";
import { alignSnapshots } from "../core/compare/tensors/alignSnapshots";
import { unmovedWeights } from "../core/compare/unmovedWeights";
import { CheckpointError } from "../core/problem/checkpointError";
import type { Problem } from "../core/problem/problem";
import { compareReport } from "../core/report/compareReport";
import { problemLine } from "../core/report/problemText";
import { compareText } from "../core/report/reportText";
import { type DiffPart, encodeDiffPart, parseDiffPart } from "../core/report/scan/diffPart";
import { joinRows, type ReadPart } from "../core/report/scan/joinScans";
import { differentFile, type ScannedFile, scannedFiles } from "../core/report/scan/partFile";
import type { ScanPart } from "../core/report/scan/scanShare";
import type { TensorFindings } from "../core/report/tensorReport";
import { byteProgressText } from "../core/text/byteProgress";
import { printable } from "../core/text/printable";
import { formatCount, plural } from "../core/text/quantities";
import { quote } from "../core/text/quote";
import { TensorDiffing } from "../worker/diff/tensorDiffing";
import { nodeFiles } from "../worker/nodeFiles";
import { defaultThreads } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";
import { toolVersion } from "../worker/toolVersion";
import { type CommandResult, defineCommand, jsonFlag, noUserStage } from "./command";
import { compareGraph } from "./compareGraph";
import { partFileName, partFlags, partOf, partPrefix, readParts, writePart } from "./scanFiles";
import { UsageError } from "./usageError";

/** Of the files that hold shares. */
const kind = "compare";

/** Where a line that tells how far it is may be drawn again and again; undefined where nobody looks. */
const terminal = process.stderr.isTTY ? process.stderr : undefined;

export const compareCommand = defineCommand({
  usage:
    "compare A B [C …] [--graph] [--json] [--no-values | --join FOLDER]\n  checkpoint-explorer compare A B [C …] --part K/N --out FOLDER [--json]",
  // Without values, only names, shapes and dtypes are compared.
  options: {
    ...jsonFlag,
    ...partFlags,
    "no-values": { type: "boolean", default: false },
    // Where they come from, in place of how they differ; of one folder all its runs.
    graph: { type: "boolean", default: false },
  },
  async run(paths, { "no-values": noValues, graph, part, out, join: folder }) {
    const absolute = paths.map((path) => resolve(path));
    if ((part === undefined) !== (out === undefined))
      throw new UsageError("--part K/N and --out FOLDER go together.");
    if (
      [part, folder, graph || undefined, noValues || undefined].filter((flag) => flag !== undefined).length >
      1
    )
      throw new UsageError("--part, --join, --graph and --no-values are each for themselves.");
    if (graph && paths.length > 0) return compareGraph(absolute);
    if (paths.length < 2) throw new UsageError("compare needs two or more checkpoints.");
    if (part !== undefined && out !== undefined) return comparePart(absolute, partOf(part), resolve(out));
    const parts = folder === undefined ? undefined : await readParts(resolve(folder), kind, parseDiffPart);
    const pool = new NumbersPool({ threads: defaultThreads() });
    const comparison = await Comparison.compute(nodeFiles, absolute, noUserStage, {
      pairing: "all",
      compareModules: pool.compareModules(),
    });
    const alignment = alignSnapshots(comparison.snapshots);
    const diffing = new TensorDiffing(
      comparison.snapshots.map(({ session }) => session),
      alignment,
    );
    if (parts !== undefined) await takeParts(diffing, comparison.snapshots, parts);
    const failure = noValues || parts !== undefined ? undefined : await compareValues(diffing, pool);
    await pool.dispose();
    const findings: TensorFindings = {
      alignment,
      table: noValues || failure !== undefined ? undefined : diffing.table,
    };
    const problems = [...diffing.problems, ...(failure ?? [])];
    const told = [...problems, ...unmovedWeights(comparison.view, alignment.rows, findings.table)];
    const isUnread = comparison.snapshots.some((snapshot) => snapshot.failure !== undefined);
    const failed = isUnread || problems.length > 0;
    return {
      failed,
      report: () => compareReport(comparison, { paths, findings, problems: told }),
      text: () => compareText(comparison.view, findings, told),
    };
  },
});

/** Compares the values of a share, and nothing else. */
async function comparePart(paths: readonly string[], part: ScanPart, folder: string): Promise<CommandResult> {
  const snapshots = await openSnapshots(nodeFiles, paths, noUserStage);
  for (const { failure } of snapshots)
    if (failure !== undefined)
      throw new CheckpointError(failure.code, failure.message, undefined, failure.file);
  const diffing = new TensorDiffing(
    snapshots.map(({ session }) => session),
    alignSnapshots(snapshots),
  );
  const files = await filesOf(snapshots);
  const pool = new NumbersPool({ threads: defaultThreads() });
  const failed = await compareValues(diffing, pool, part);
  await pool.dispose();
  const [problem] = failed ?? [];
  if (problem !== undefined)
    throw new CheckpointError(problem.code, problem.message, undefined, problem.file);
  const found = diffing.found(part);
  const out = join(folder, partFileName(kind, part));
  await writePart(out, encodeDiffPart({ version: toolVersion, files, part, ...found }), parseDiffPart);
  const { problems } = diffing;
  const [own, all] = [found.tensors.length, found.tensorCount];
  return {
    failed: problems.length > 0,
    report: () => ({ out, part, pairs: all, ownPairs: own, problems }),
    text: () =>
      [
        `${partPrefix(part)}${formatCount(own)} of ${plural(all, "pair")} of tensors compared; written to ${printable(out)}`,
        ...problems.map(problemLine),
      ].join("\n"),
  };
}

/** @throws CheckpointError where parts are missing, or are of other files. */
async function takeParts(
  diffing: TensorDiffing,
  snapshots: readonly Snapshot[],
  parts: readonly ReadPart<DiffPart>[],
): Promise<void> {
  const rows = joinRows(parts);
  const [first] = parts;
  const other = differentFile(first?.scan.files ?? [], await filesOf(snapshots));
  if (other !== undefined)
    throw new CheckpointError(
      "PartsOfOtherScans",
      `${quote(other)} is not what it was when it was compared. Compare again.`,
    );
  diffing.take(rows);
}

/** Of all snapshots, by their places among them. */
async function filesOf(snapshots: readonly Snapshot[]): Promise<readonly ScannedFile[]> {
  const stat = (path: string) => nodeFiles.stat(path);
  const files = await Promise.all(
    snapshots.map(async ({ session }, at) => {
      const found = session === undefined ? [] : await scannedFiles(session.checkpoint, stat);
      return found.map((file) => ({ ...file, path: `${at + 1}: ${file.path}` }));
    }),
  );
  return files.flat();
}

/** @returns why the numbers cannot be had; those that were found before are dropped then. */
async function compareValues(
  diffing: TensorDiffing,
  pool: NumbersPool,
  part?: ScanPart,
): Promise<readonly Problem[] | undefined> {
  const start = performance.now();
  try {
    await diffing.run(pool, {
      part,
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
