import type { Problem } from "../problem/problem";
import type { TrainingView } from "../runs/merge/trainingView";
import type { Run } from "../runs/run";
import { printable } from "../text/printable";
import { plural } from "../text/quantities";
import { failedReport } from "./inspectReport";
import { runReport } from "./runsReport";
import { runText } from "./runsText";

interface ReadRun {
  readonly run: Run;
  readonly training: TrainingView;
}

/** What `inspect --json` prints of a folder that is no checkpoint itself, but has some below it. */
export function runFolderReport(path: string, runs: readonly ReadRun[]) {
  const message = sentence(runs);
  const problem: Problem = { severity: "info", code: "RunFolder", message, file: path };
  return {
    ...failedReport(path, problem),
    runs: runs.map(({ run, training }) => runReport(run, training)),
  };
}

/** The same for people. */
export function runFolderText(path: string, runs: readonly ReadRun[]): string {
  return [`${printable(path)}: ${sentence(runs)}`, ...runs.map(({ run }) => runText(run))].join("\n\n");
}

function sentence(runs: readonly ReadRun[]): string {
  const checkpoints = runs.reduce((sum, { run }) => sum + run.checkpoints.length, 0);
  return `A folder of ${plural(runs.length, "run")} with ${plural(checkpoints, "checkpoint")}; none of them is the whole folder.`;
}
