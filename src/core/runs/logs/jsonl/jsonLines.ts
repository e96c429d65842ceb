import { parseJson } from "../../../json/parseJson";
import { flattenNumbers } from "../../../progress/loggedNumber";
import { isTrainingSummary } from "../../../progress/trainerState";
import { plural } from "../../../text/quantities";
import { clockSeconds, elapsedSeconds, timeKindOf } from "../clockTimes";
import { countedSteps, IterationCount } from "../iterationCount";
import type { ConfigRow, LogReport, SummaryRow } from "../logFormat";
import { MetricNames, spelledOut } from "../metricNames";
import { stepFieldOf } from "../stepFields";
import type { LogSink } from "../streamLog";
import { LineParser } from "../text/lineParser";

/**
 * Reads a log of one JSON object a line. Takes the numbers of each, nested ones under their path, and numbers
 * written as text. Other lines are counted.
 */
export class JsonLinesParser extends LineParser {
  protected names = new MetricNames(spelledOut);
  protected config: readonly ConfigRow[] = [];
  private summary: readonly SummaryRow[] = [];
  private lastStep = Number.NaN;
  private iterations = new IterationCount();
  /** Of the last row that had `iter` beside `step`, as MMEngine's of training: its validation calls the epoch `step`. */
  private epochOfIterations = Number.NaN;
  private rows = 0;
  private otherLines = 0;
  private withoutStep = 0;
  private maxSteps: number | undefined;
  private ended = false;

  protected override takeText(text: string, sink: LogSink): void {
    for (const line of text.split("\n")) {
      const row = parseLine(line);
      if (row !== undefined) this.takeRow(row, sink);
      else if (line.trim() !== "") this.otherLines++;
    }
  }

  protected takeRow(row: unknown, sink: LogSink): void {
    const values = flattenNumbers(row);
    // ms-swift ends its log with a copy of the Trainer's state, which is no row.
    if (values === undefined || values.size === 0 || Array.isArray(memberOf(row, "log_history"))) return;
    this.rows++;
    this.takePlan(row, values);
    const stepField = stepFieldOf((name) => values.has(name));
    const epoch = values.get("epoch") ?? Number.NaN;
    const mode = memberOf(row, "mode");
    const logged = stepField === undefined ? undefined : values.get(stepField);
    const ofEpoch = stepField === "iter" && typeof mode === "string" && Number.isFinite(epoch);
    // The place of a validation is where the training stood.
    const isBeside = ofEpoch && mode !== "train";
    if (stepField === "step" && values.has("iter")) this.epochOfIterations = epoch;
    const isEpoch = !values.has("iter") && logged === this.epochOfIterations;
    const counted = ofEpoch && !isBeside && logged !== undefined ? this.iterations.on(logged, epoch) : logged;
    const step = this.stepOf(isBeside ? undefined : isEpoch ? this.lastStep : counted);
    if (stepField !== undefined) values.delete(stepField);
    values.delete("epoch");
    const wallTime = this.takeTime(row, values);
    if (isTrainingSummary(values)) this.summary = [...values];
    else this.addPoints(values, step, wallTime, epoch, sink);
  }

  protected addPoints(
    values: ReadonlyMap<string, number>,
    step: number,
    wallTime: number,
    epoch: number,
    { points }: LogSink,
  ): void {
    for (const [name, value] of values) points.add(this.names.keyOf(name), step, value, wallTime, epoch);
  }

  override report(): LogReport {
    const { summary, config } = this;
    const problems: LogReport["problems"][number][] = [];
    const tell = (code: string, message: string) => problems.push({ severity: "info", code, message });
    if (this.otherLines > 0)
      tell("LogLinesSkipped", `${plural(this.otherLines, "line")} of the log hold no JSON object.`);
    if (this.iterations.base > 0) problems.push(countedSteps);
    if (this.withoutStep > 0) {
      const rows = plural(this.withoutStep, "row");
      tell("LogStepsMissing", `Without a step: ${rows}, placed by the order in which they were written.`);
    }
    const { maxSteps, ended } = this;
    return { config, summary, facts: maxSteps === undefined ? {} : { maxSteps, ended }, problems };
  }

  override fork(): JsonLinesParser {
    return this.copyTo(new JsonLinesParser());
  }

  protected copyTo<T extends JsonLinesParser>(copy: T): T {
    copy.names = this.names.fork();
    copy.config = this.config;
    copy.summary = this.summary;
    copy.lastStep = this.lastStep;
    copy.iterations = this.iterations.fork();
    copy.epochOfIterations = this.epochOfIterations;
    copy.rows = this.rows;
    copy.otherLines = this.otherLines;
    copy.withoutStep = this.withoutStep;
    copy.maxSteps = this.maxSteps;
    copy.ended = this.ended;
    return copy.keepViewState(this);
  }

  /** ms-swift writes `"global_step/max_steps": "5/40"`, and the share of it that is done. */
  private takePlan(row: unknown, values: Map<string, number>): void {
    const told = memberOf(row, "global_step/max_steps");
    const [, step, planned] = typeof told === "string" ? (/^(\d{1,15})\/(\d{1,15})$/.exec(told) ?? []) : [];
    if (step === undefined || planned === undefined) return;
    values.set("global_step", Number(step));
    this.maxSteps = Number(planned);
    this.ended = Number(step) === this.maxSteps;
  }

  private stepOf(logged: number | undefined): number {
    if (logged !== undefined && Number.isFinite(logged)) this.lastStep = logged;
    else {
      this.withoutStep++;
      // Between rows that have one it is the step before.
      if (this.withoutStep === this.rows) return this.rows;
    }
    return this.lastStep;
  }

  /** Seconds, out of the first field that says when the row was logged; that field is then no metric. */
  private takeTime(row: unknown, values: Map<string, number>): number {
    let wallTime = Number.NaN;
    for (const name of namesIn(row)) {
      const kind = timeKindOf(name);
      if (kind === undefined) continue;
      const value = memberOf(row, name);
      const seconds = kind === "clock" ? clockSeconds(value) : elapsedSeconds(value);
      if (seconds === undefined) continue;
      values.delete(name);
      if (Number.isNaN(wallTime) || kind === "clock") wallTime = seconds;
    }
    return wallTime;
  }
}

function namesIn(row: unknown): Iterable<string> {
  return row instanceof Map ? (row as ReadonlyMap<string, unknown>).keys() : Object.keys(row as object);
}

function memberOf(row: unknown, name: string): unknown {
  if (row instanceof Map) return (row as ReadonlyMap<string, unknown>).get(name);
  return (row as Readonly<Record<string, unknown>>)[name];
}

/** The object of a line; undefined where the line is something else, or cut. */
function parseLine(line: string): unknown {
  const start = line.trimStart();
  if (!start.startsWith("{")) return undefined;
  try {
    return JSON.parse(start) as unknown;
  } catch {
    return parsePythonLine(start);
  }
}

function parsePythonLine(line: string): unknown {
  try {
    const { value, truncatedAt } = parseJson(line);
    return truncatedAt === undefined ? value : undefined;
  } catch {
    return undefined;
  }
}
