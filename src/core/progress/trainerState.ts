import { JsonSyntaxError } from "../json/jsonScanner";
import { parseJson } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import { flattenNumbers, jsonMembers, loggedNumber } from "./loggedNumber";

/** What one log call wrote: a point of every metric it names. */
export interface LogEntry {
  /** Optimizer steps done. */
  readonly step: number;
  /** Passes over the data, NaN where the log does not say. */
  readonly epoch: number;
  /** By the name under which it was logged; nested dicts are joined with `/`. */
  readonly values: ReadonlyMap<string, number>;
}

/**
 * The `trainer_state.json` of a Hugging Face Trainer (formats.md §4: the union over 88 real files), and what others
 * write under names like it: sd-scripts' `train_state.json` has `current_step` and `current_epoch`.
 */
export interface TrainerState {
  readonly globalStep: number | undefined;
  readonly epoch: number | undefined;
  /** Steps the training was planned for. */
  readonly maxSteps: number | undefined;
  readonly numTrainEpochs: number | undefined;
  /** Samples of one process in a step, on all its devices. */
  readonly trainBatchSize: number | undefined;
  readonly bestMetric: number | undefined;
  /** The path at the time of training, often of another machine. */
  readonly bestModelCheckpoint: string | undefined;
  /** Since transformers 4.50 [mem]. */
  readonly bestGlobalStep: number | undefined;
  /** Floating point operations; rounded, since it exceeds 2^53. */
  readonly totalFlos: number | undefined;
  readonly saveSteps: number | undefined;
  /** A callback, such as early stopping, ended the training before its planned steps (`TrainerControl`). */
  readonly isStoppedEarly: boolean;
  readonly log: readonly LogEntry[];
  /** The entry written when training ended (`train_runtime`, `train_loss` …): no point of any metric. */
  readonly summary: ReadonlyMap<string, number>;
  readonly problems: readonly Problem[];
}

/**
 * Reads a trainer_state.json as far as it goes. Never throws: a file that is cut, still being written or no
 * JSON gives what was read before that point and a problem with the byte offset.
 */
export function parseTrainerState(text: string, file?: string): TrainerState {
  const { value, problems } = readTolerantly(text, file);
  const top = new Map(jsonMembers(value) ?? []);
  if (problems.length === 0 && jsonMembers(value) === undefined) {
    problems.push(problem("error", "TrainerStateShape", "trainer_state.json holds no JSON object.", file));
  }
  const number = (...keys: readonly string[]) => {
    for (const key of keys) {
      const value = loggedNumber(top.get(key));
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const best = top.get("best_model_checkpoint");
  const history = top.get("log_history");
  const reader = new LogReader(number("epoch"), number("global_step"));
  if (Array.isArray(history)) for (const row of completeRows(history, problems)) reader.add(row);
  if (reader.withoutStep > 0) {
    const entries = plural(reader.withoutStep, "log entry", "log entries");
    const message = `Without a step: ${entries}, placed by the epoch or the entry before.`;
    problems.push(problem("info", "LogStepsMissing", message, file));
  }
  return {
    globalStep: number("global_step", "current_step", "completed_steps", "step", "iteration"),
    epoch: number("epoch", "current_epoch"),
    maxSteps: number("max_steps"),
    numTrainEpochs: number("num_train_epochs"),
    trainBatchSize: number("train_batch_size"),
    bestMetric: number("best_metric"),
    bestModelCheckpoint: typeof best === "string" && best !== "" ? best : undefined,
    bestGlobalStep: number("best_global_step"),
    totalFlos: number("total_flos"),
    saveSteps: number("save_steps"),
    isStoppedEarly:
      isTold(top, "should_training_stop") && (number("global_step") ?? 0) < (number("max_steps") ?? 0),
    log: reader.log,
    summary: reader.summary,
    problems,
  };
}

/** The entry at which a file was cut has lost its step, which comes last: its values belong nowhere. */
function completeRows(history: readonly unknown[], problems: readonly Problem[]): readonly unknown[] {
  if (problems.length === 0) return history;
  const last = new Map(jsonMembers(history.at(-1)) ?? []);
  return last.has("step") ? history : history.slice(0, -1);
}

class LogReader {
  readonly log: LogEntry[] = [];
  summary: ReadonlyMap<string, number> = new Map();
  withoutStep = 0;
  private previousStep = 0;

  constructor(
    private readonly totalEpochs: number | undefined,
    private readonly totalSteps: number | undefined,
  ) {}

  add(row: unknown): void {
    const values = flattenNumbers(row);
    if (values === undefined || values.size === 0) return;
    const epoch = values.get("epoch") ?? Number.NaN;
    const step = this.stepOf(values.get("step"), epoch);
    values.delete("epoch");
    values.delete("step");
    if (isTrainingSummary(values)) this.summary = values;
    else if (values.size > 0) this.log.push({ step, epoch, values });
  }

  private stepOf(logged: number | undefined, epoch: number): number {
    if (logged !== undefined && Number.isFinite(logged)) {
      this.previousStep = logged;
      return logged;
    }
    this.withoutStep++;
    const { totalEpochs, totalSteps } = this;
    if (Number.isFinite(epoch) && totalEpochs !== undefined && totalEpochs > 0 && totalSteps !== undefined) {
      this.previousStep = Math.round((epoch / totalEpochs) * totalSteps);
    }
    return this.previousStep;
  }
}

/** `train_runtime` is written only when training ends; `train_loss` alone may be somebody's own metric. */
export function isTrainingSummary(values: { has(name: string): boolean }): boolean {
  return values.has("train_runtime") || (values.has("train_loss") && values.has("total_flos"));
}

function readTolerantly(text: string, file: string | undefined): { value: unknown; problems: Problem[] } {
  try {
    // Six times as fast as our own parser, which is needed only for what Python adds to JSON.
    return { value: JSON.parse(text) as unknown, problems: [] };
  } catch {
    return readPythonJson(text, file);
  }
}

function readPythonJson(text: string, file: string | undefined): { value: unknown; problems: Problem[] } {
  try {
    const { value, truncatedAt } = parseJson(text);
    return { value, problems: truncatedAt === undefined ? [] : [cutProblem(text, truncatedAt, file)] };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const where = { offset: byteOffset(text, error.offset) };
    const message =
      text.trim() === ""
        ? "trainer_state.json is empty."
        : `trainer_state.json is not JSON: ${error.message}.`;
    const cause = { ...problem("error", "TrainerStateNotJson", message, file), ...where };
    return { value: valueBefore(text, error.offset), problems: [cause] };
  }
}

/** A switch of the Trainer's own control, which is kept among the states of callbacks since transformers 4.42. */
function isTold(state: ReadonlyMap<string, unknown>, key: string): boolean {
  let at: unknown = state.get("stateful_callbacks");
  for (const name of ["TrainerControl", "args", key]) at = new Map(jsonMembers(at) ?? []).get(name);
  return at === true;
}

/** What stands before a mistake is a JSON text that ends early, which our parser keeps. */
function valueBefore(text: string, offset: number): unknown {
  try {
    return parseJson(text.slice(0, text.startsWith("\uFEFF") ? offset + 1 : offset)).value;
  } catch {
    return undefined;
  }
}

function cutProblem(text: string, truncatedAt: number, file: string | undefined): Problem {
  const message =
    "trainer_state.json ends early: it is still being written, or was cut. What comes before is shown.";
  return {
    ...problem("error", "TrainerStateTruncated", message, file),
    offset: byteOffset(text, truncatedAt),
  };
}

/** The parser counts UTF-16 units after a byte order mark, people look for bytes in the file. */
function byteOffset(text: string, units: number): number {
  const mark = text.startsWith("\uFEFF") ? 1 : 0;
  return new TextEncoder().encode(text.slice(0, units + mark)).length;
}

function problem(
  severity: Problem["severity"],
  code: string,
  message: string,
  file: string | undefined,
): Problem {
  return { severity, code, message, ...(file === undefined ? {} : { file }) };
}
