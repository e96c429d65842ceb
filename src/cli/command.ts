import { resolve } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf } from "../core/problem/messageOf";
import type { Problem } from "../core/problem/problem";
import { CheckpointSession } from "../core/session/checkpointSession";
import { nodeFiles } from "../worker/nodeFiles";
import { UsageError } from "./usageError";

export type Options = NonNullable<ParseArgsConfig["options"]>;
type ValuesOf<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: O }>
>["values"];

/** What a command found: `report` is printed as JSON, `text` as it is; one is left out where flags rule it out. */
export interface CommandResult {
  readonly failed?: boolean;
  report?(): unknown;
  text?(): string | Iterable<string>;
}

interface Definition<O extends Options> {
  readonly usage: string;
  /** Its flags, stated once: their types follow from here. */
  readonly options: O;
  /** Flags whose answer is JSON even without `--json`. */
  readonly jsonFlags?: readonly (keyof O)[];
  run(paths: readonly string[], values: ValuesOf<O>): Promise<CommandResult>;
  /** What `--json` prints of an error that stopped the command. */
  failure?(paths: readonly string[], problem: Problem): unknown;
}

/** A command of the command line. */
export interface Command {
  readonly usage: string;
  readonly options: Options;
  /** @throws UsageError where the arguments are wrong. */
  run(args: readonly string[]): Promise<CommandResult>;
  failure(args: readonly string[], problem: Problem): unknown;
  /** Whether its answer is JSON. */
  isJson(args: readonly string[]): boolean;
}

export function defineCommand<const O extends Options>(definition: Definition<O>): Command {
  const { usage, options, failure = (_, problem) => ({ problems: [problem] }) } = definition;
  const read = (args: readonly string[]) => {
    const { values, positionals } = parse(args, options);
    return { values, paths: positionals.slice(1) };
  };
  return {
    usage,
    options,
    run: async (args) => {
      const { paths, values } = read(args);
      return definition.run(paths, values);
    },
    failure: (args, problem) => failure(read(args).paths, problem),
    isJson: (args) => {
      const { values } = read(args);
      return ["json", ...(definition.jsonFlags ?? [])].some(
        (flag) => values[flag as keyof typeof values] === true,
      );
    },
  };
}

/** @throws UsageError for a flag that is not known. */
export function parse<const O extends Options>(
  args: readonly string[],
  options: O,
): { readonly values: ValuesOf<O>; readonly positionals: readonly string[] } {
  try {
    return parseArgs<{ args: string[]; allowPositionals: true; options: O }>({
      args: withNegatives(args, options),
      allowPositionals: true,
      options,
    });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** `--scale -1` means a number: what begins with a dash and a digit is no flag. */
function withNegatives(args: readonly string[], options: Options): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? "";
    const takesText = before.startsWith("--") && options[before.slice(2)]?.type === "string";
    if (takesText && /^-[\d.]/.test(arg)) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** Flags that more than one command has. */
export const jsonFlag = { json: { type: "boolean", default: false } } as const;

/** @throws UsageError unless there is just one path. */
export function onePath(paths: readonly string[]): string {
  const [path, extra] = paths;
  if (path === undefined) throw new UsageError("Which path?");
  if (extra !== undefined) throw new UsageError(`One path is enough; what is "${extra}"?`);
  return path;
}

/** Labels that a user set live in VS Code; on the command line only files speak. */
export const noUserStage = () => undefined;

/** @throws CheckpointError when there is nothing to show. */
export function openSession(path: string): Promise<CheckpointSession> {
  return CheckpointSession.open(nodeFiles, resolve(path), noUserStage);
}
