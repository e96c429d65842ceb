import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CheckpointError } from "../core/problem/checkpointError";
import { failedReport, hasReadingErrors, inspectReport } from "../core/report/inspectReport";
import { toJsonText } from "../core/report/reportJson";
import { inspectText, runText } from "../core/report/reportText";
import { runReport } from "../core/report/runsReport";
import { unreadableReport, verifyCheckpoint, verifyText } from "../core/report/verifyReport";
import { discoverRuns } from "../core/runs/discover/discover";
import { mergedRunLog } from "../core/runs/merge/mergedRunLog";
import { CheckpointSession } from "../core/session/checkpointSession";
import { nodeFiles } from "../worker/nodeFiles";
import { findInTensors } from "../worker/numbers/findInTensors";
import { ProbeCache } from "../worker/probeCache";
import { compareCommand } from "./compareCommand";
import { extractCommand, reduceCommand } from "./makeCommands";
import { makeArguments, readMakeFlags } from "./makeFlags";
import { UsageError } from "./usageError";

const usage = `Usage:
  checkpoint-explorer inspect PATH [--json] [--stats] [--sha256]
  checkpoint-explorer compare A B [C …] [--json] [--no-values]
  checkpoint-explorer runs DIR [--json]
  checkpoint-explorer verify PATH [--quick] [--json]
  checkpoint-explorer reduce ADAPTER RULE [--max-rank N] [--uniform] [--kohya-plus-one] --out DIR [--replace] [--json]
  checkpoint-explorer extract BASE TUNED (--rank N | --energy SHARE [--max-rank N]) --out DIR [--replace] [--json]

PATH, A and B are checkpoint files, the index of a sharded model, or checkpoint folders.
RULE is --rank N, --energy SHARE of Σσ², or kohya's --sv-fro SHARE, --sv-cumulative SHARE or --sv-ratio RATIO.
--uniform gives all modules one rank, --kohya-plus-one keeps one component more than kohya's rule asks for.
verify reads every value, --quick only the headers.
Exit codes: 0 read, 1 could not be read or is not healthy, 2 wrong usage.`;

const exitRead = 0;
const exitUnreadable = 1;
const exitUsage = 2;

/** Labels that a user set live in VS Code; on the command line only files speak. */
const noUserStage = () => undefined;

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  const [command, ...paths] = positionals;
  if (values.help) {
    await print(usage);
    return exitRead;
  }
  switch (command) {
    case "inspect":
      return inspect(only(paths), values);
    case "compare":
      if (paths.length < 2) throw new UsageError("compare needs two or more checkpoints.");
      return compare(paths, values.json, !values["no-values"]);
    case "runs":
      return runs(only(paths), values.json);
    case "verify":
      return verify(only(paths), values);
    case "reduce":
      return make(() => reduceCommand(only(paths), readMakeFlags(values), values.json), values.json);
    case "extract": {
      const [base, tuned, ...more] = paths;
      if (base === undefined || tuned === undefined || more.length > 0)
        throw new UsageError("extract needs BASE and TUNED.");
      return make(() => extractCommand(base, tuned, readMakeFlags(values), values.json), values.json);
    }
    default:
      throw new UsageError(command === undefined ? "Which command?" : `There is no command "${command}".`);
  }
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        stats: { type: "boolean", default: false },
        "no-values": { type: "boolean", default: false },
        sha256: { type: "boolean", default: false },
        ...makeArguments,
        quick: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function only(paths: readonly string[]): string {
  const [path, extra] = paths;
  if (path === undefined) throw new UsageError("Which path?");
  if (extra !== undefined) throw new UsageError(`One path is enough; what is "${extra}"?`);
  return path;
}

interface InspectFlags {
  readonly json: boolean;
  readonly stats: boolean;
  readonly sha256: boolean;
}

async function inspect(path: string, { json, stats, sha256 }: InspectFlags): Promise<number> {
  let session: CheckpointSession;
  try {
    session = await CheckpointSession.open(nodeFiles, resolve(path), noUserStage);
  } catch (error) {
    const report = failedReport(path, toCheckpointError(error));
    await print(
      json
        ? toJsonText(report)
        : report.problems.map(({ code, message }) => `${code}: ${message}`).join("\n"),
    );
    return exitUnreadable;
  }
  if (json || stats || sha256) {
    const findings = await findInTensors(session, { stats, sha256 });
    await print(toJsonText(await inspectReport(path, session, findings)));
  } else {
    const lora = await session.lora();
    await print(inspectText(session.summary(), session.checkpoint.tensors, lora, await session.resume()));
  }
  return hasReadingErrors(session) ? exitUnreadable : exitRead;
}

async function compare(paths: readonly string[], json: boolean, values: boolean): Promise<number> {
  const terminal = process.stderr.isTTY ? process.stderr : undefined;
  const { text, failed } = await compareCommand(paths, { json, values, terminal });
  await print(text);
  return failed ? exitUnreadable : exitRead;
}

async function runs(path: string, json: boolean): Promise<number> {
  const root = resolve(path);
  const probes = new ProbeCache(nodeFiles);
  const found = await discoverRuns(nodeFiles, [{ path: root, name: basename(root) }], {
    exclude: () => false,
    maxDepth: 32,
    maxFolders: 1_000_000,
    peek: (file, signal) => probes.peek(file, signal),
  });
  if (json) {
    const reports = await Promise.all(
      found.runs.map(async (run) => runReport(run, await mergedRunLog(nodeFiles, run))),
    );
    await print(toJsonText(reports));
  } else {
    await print(found.runs.map(runText).join("\n\n") || "No checkpoints were found.");
  }
  for (const problem of found.problems) process.stderr.write(`${problem.severity}: ${problem.message}\n`);
  const rootUnreadable = (await nodeFiles.stat(root))?.kind !== "directory";
  return rootUnreadable ? exitUnreadable : exitRead;
}

async function verify(
  path: string,
  { json, quick }: { readonly json: boolean; readonly quick: boolean },
): Promise<number> {
  const report = await CheckpointSession.open(nodeFiles, resolve(path), noUserStage).then(
    (session) => verifyCheckpoint(path, session, { values: !quick }),
    (error: unknown) => unreadableReport(path, toCheckpointError(error).toProblem()),
  );
  await print(json ? toJsonText(report) : verifyText(report));
  return report.healthy ? exitRead : exitUnreadable;
}

/** Writes a new adapter; a failure is told like that of a file which cannot be read. */
async function make(write: () => Promise<string>, json: boolean): Promise<number> {
  try {
    await print(await write());
    return exitRead;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const problems = [error.toProblem()];
    await print(json ? toJsonText({ problems }) : `${error.code}: ${error.message}`);
    return exitUnreadable;
  }
}

function toCheckpointError(error: unknown): CheckpointError {
  if (error instanceof CheckpointError) return error;
  return new CheckpointError("Unreadable", error instanceof Error ? error.message : String(error));
}

/** Waits until it is written: an exit would cut what a pipe has not taken yet. */
function print(text: string): Promise<void> {
  return new Promise((done) => process.stdout.write(`${text}\n`, () => done()));
}

// A reader such as `head` that has seen enough closes the pipe; that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exitCode = error.code === "EPIPE" ? exitRead : exitUnreadable;
});

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(error instanceof UsageError ? `${message}\n\n${usage}\n` : `${message}\n`);
    process.exitCode = error instanceof UsageError ? exitUsage : exitUnreadable;
  },
);
