import { CheckpointError } from "../core/problem/checkpointError";
import { diskFailure, messageOf } from "../core/problem/messageOf";
import type { Problem } from "../core/problem/problem";
import { problemLine } from "../core/report/problemText";
import { toJsonText } from "../core/report/reportJson";
import { isAbortError } from "../protocol/channel";
import { useFastProducts } from "../worker/fastProducts";
import { toolVersion } from "../worker/toolVersion";
import { averageCommand } from "./averageCommand";
import { combineCommand } from "./combineCommand";
import { type Command, jsonFlag, type Options, parse } from "./command";
import { compareCommand } from "./compareCommand";
import { convertCommand } from "./convertCommand";
import { extractCommand } from "./extractCommand";
import { inspectCommand } from "./inspectCommand";
import { intrudersCommand } from "./intrudersCommand";
import { mergeCommand } from "./mergeCommand";
import { print, warn } from "./output";
import { reduceCommand } from "./reduceCommand";
import { runsCommand } from "./runsCommand";
import { scanCommand } from "./scanCommand";
import { UsageError } from "./usageError";
import { verifyCommand } from "./verifyCommand";

/** A new command is a file of its own and a line here. */
const commands: ReadonlyMap<string, Command> = new Map([
  ["inspect", inspectCommand],
  ["compare", compareCommand],
  ["runs", runsCommand],
  ["verify", verifyCommand],
  ["scan", scanCommand],
  ["reduce", reduceCommand],
  ["extract", extractCommand],
  ["convert", convertCommand],
  ["merge", mergeCommand],
  ["combine", combineCommand],
  ["average", averageCommand],
  ["intruders", intrudersCommand],
]);

const usage = `Usage:
${[...commands.values()].map((command) => `  checkpoint-explorer ${command.usage}`).join("\n")}

PATH, A and B are checkpoint files, the index of a sharded model, or checkpoint folders.
RULE is --rank N, --energy SHARE of Σσ², or kohya's --sv-fro SHARE, --sv-cumulative SHARE or --sv-ratio RATIO.
--uniform gives all modules one rank, --kohya-plus-one keeps one component more than kohya's rule asks for.
verify reads every value, --quick only the headers, --scan what a scan of the same files found; --strict fails on warnings too.
scan measures all tensors, or the K-th of N parts of about equal bytes; --join puts parts together to what one scan gives.
compare --part compares the values of the K-th of N parts; compare A B --join FOLDER takes them in place of reading values.
Values of settings that look like credentials are masked, unless --show-secrets asks for them.
Exit codes: 0 read, 1 could not be read or is not healthy, 2 wrong usage.`;

const exitRead = 0;
const exitUnreadable = 1;
const exitUsage = 2;
const exitCancelled = 130;

const askingFlags = {
  help: { type: "boolean", short: "h", default: false },
  version: { type: "boolean", default: false },
} as const;

async function main(args: readonly string[]): Promise<number> {
  useFastProducts();
  // Flags may stand before the command, so those of all commands are known until it is found.
  const anyFlag: Options = Object.assign({}, ...[...commands.values()].map(({ options }) => options));
  const { values, positionals } = parse(args, { ...anyFlag, ...jsonFlag, ...askingFlags });
  if (values.help === true) {
    await print(usage);
    return exitRead;
  }
  if (values.version === true) {
    await print(toolVersion);
    return exitRead;
  }
  const [name] = positionals;
  const command = commands.get(name ?? "");
  if (command === undefined)
    throw new UsageError(name === undefined ? "Which command?" : `There is no command "${name}".`);
  const fail = (error: unknown) => tellFailure(command, args, error);
  // What is thrown where nobody waits for it, as in a listener, is told like everything else.
  process.once("uncaughtException", (error) => {
    void fail(error).finally(() => process.exit(exitUnreadable));
  });
  try {
    const { failed = false, report, text } = await command.run(args);
    await print(text === undefined || command.isJson(args) ? toJsonText(report?.()) : text());
    return failed ? exitUnreadable : exitRead;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    await fail(error);
    return isAbortError(error) ? exitCancelled : exitUnreadable;
  }
}

/** With `--json` an object is printed whatever happens: a script must not have to read prose. */
async function tellFailure(command: Command, args: readonly string[], error: unknown): Promise<void> {
  const problem = problemOf(error);
  await print(command.isJson(args) ? toJsonText(command.failure(args, problem)) : problemLine(problem));
}

function problemOf(error: unknown): Problem {
  if (error instanceof CheckpointError) return error.toProblem();
  if (isAbortError(error))
    return { severity: "error", code: "Cancelled", message: "Cancelled; nothing was written." };
  const code = diskFailure(error) === undefined ? "Unreadable" : "NotWritten";
  return { severity: "error", code, message: messageOf(error) };
}

/** The command that the process was started with; its exit code is set when all is printed. */
export function runCommandLine(): void {
  // A reader such as `head` that has seen enough closes the pipe; that is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exitCode = error.code === "EPIPE" ? exitRead : exitUnreadable;
  });

  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      const message = messageOf(error);
      warn(message);
      if (error instanceof UsageError) process.stderr.write(`\n${usage}\n`);
      process.exitCode = error instanceof UsageError ? exitUsage : exitUnreadable;
    },
  );
}
