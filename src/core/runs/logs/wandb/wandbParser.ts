import { flattenJson } from "../../../json/flattenJson";
import type { JsonValue } from "../../../json/parseJson";
import type { Problem } from "../../../problem/problem";
import { flattenNumbers, loggedNumber } from "../../../progress/loggedNumber";
import { plural } from "../../../text/quantities";
import { maskSecrets } from "../config/maskSecrets";
import { cutLog, damagedLog } from "../logEnd";
import type { ConfigRow, LogFacts, LogReport, SummaryRow } from "../logFormat";
import { MetricNames, spelledOutTrainerName } from "../metricNames";
import type { LogParser, LogSink, LogWindow } from "../streamLog";
import { WireFormatError, WireReader, wireBytes } from "../wireReader";
import { fileHeaderBytes, isWandbFile, readFramed } from "./recordFraming";
import { itemValue, readItem, readItems } from "./wandbItems";
import { WandbSteps } from "./wandbSteps";

/** Fields of `Record` (wandb_internal.proto). */
const recordFields = { history: 2, summary: 3, config: 5, metric: 12, run: 17, exit: 18 } as const;

/** Reads the records of a `.wandb` file, which a run writes whether it is online or not. */
export class WandbParser implements LogParser {
  stopped = false;
  private steps = new WandbSteps();
  private names = new MetricNames(spelledOutTrainerName);
  private config = new Map<string, JsonValue>();
  private summary = new Map<string, number | string>();
  private run = new Map<string, string>();
  private exitCode: number | undefined;
  private damaged = 0;
  private atEnd: Problem | undefined;

  parse(window: LogWindow, sink: LogSink): number {
    const { bytes, offset, remaining, atRest } = window;
    let at = 0;
    if (offset === 0) {
      if (remaining < fileHeaderBytes) return 0;
      if (!isWandbFile(bytes)) {
        const message = "The file does not begin as a wandb log does.";
        this.stop({ severity: "error", code: "LogHeader", message, offset: 0 });
        return 0;
      }
      at = fileHeaderBytes;
    }
    while (at < bytes.length) {
      const framed = readFramed(bytes, at, offset);
      if (framed.kind === "damaged") {
        this.stop(damagedLog(bytes, framed.at, offset + framed.at));
        break;
      }
      if (framed.kind === "cut") {
        if (atRest && bytes.length === remaining) this.tellCut(bytes, at, offset);
        break;
      }
      this.takeRecord(framed.record, sink);
      at = framed.end;
    }
    return at;
  }

  report(): LogReport {
    const { run, exitCode, atEnd, damaged } = this;
    const config: ConfigRow[] = [...run].map(([key, value]) => [`run.${key}`, value]);
    config.push(...maskSecrets(flattenJson(this.config)));
    const problems: Problem[] = atEnd === undefined ? [] : [atEnd];
    if (damaged > 0) {
      const message = `${plural(damaged, "record")} could not be understood.`;
      problems.push({ severity: "info", code: "LogRecordDamaged", message });
    }
    const summary: SummaryRow[] = [...this.summary];
    if (exitCode !== undefined) summary.push(["exit_code", exitCode]);
    const name = run.get("display_name");
    const facts: LogFacts = {
      ended: exitCode !== undefined,
      ...(name === undefined ? {} : { name }),
      ...this.plan(),
    };
    return { config, summary, facts, problems };
  }

  fork(): WandbParser {
    const copy = new WandbParser();
    copy.steps = this.steps.fork();
    copy.names = this.names.fork();
    copy.config = new Map(this.config);
    copy.summary = new Map(this.summary);
    copy.run = new Map(this.run);
    copy.exitCode = this.exitCode;
    copy.damaged = this.damaged;
    return copy;
  }

  /** The Trainer's callback logs its arguments as the config. */
  private plan(): { maxSteps?: number } {
    const maxSteps = loggedNumber(this.config.get("max_steps"));
    return maxSteps !== undefined && maxSteps > 0 ? { maxSteps } : {};
  }

  private takeRecord(bytes: Uint8Array, sink: LogSink): void {
    try {
      const record = new WireReader(bytes);
      while (record.next()) {
        if (record.wireType !== wireBytes) continue;
        this.takeField(record.field, record.nested(), sink);
      }
    } catch (error) {
      if (!(error instanceof WireFormatError)) throw error;
      this.damaged++;
    }
  }

  private takeField(field: number, message: WireReader, sink: LogSink): void {
    switch (field) {
      case recordFields.history:
        this.takeHistory(message, sink);
        break;
      case recordFields.summary:
        this.takeSummary(message);
        break;
      case recordFields.config:
        this.takeConfig(message);
        break;
      case recordFields.metric:
        this.takeMetric(message);
        break;
      case recordFields.run:
        this.takeRun(message);
        break;
      case recordFields.exit:
        this.exitCode = 0;
        while (message.next()) if (message.field === 1) this.exitCode = message.int;
        break;
    }
  }

  /** HistoryRecord { item(1)*, step(2) { num(1) } }. */
  private takeHistory(message: WireReader, { points }: LogSink): void {
    const values = new Map<string, number>();
    let ownStep = Number.NaN;
    while (message.next()) {
      if (message.wireType !== wireBytes) continue;
      if (message.field === 1) addNumbers(values, readItem(message.nested()));
      else if (message.field === 2) {
        const step = message.nested();
        ownStep = 0;
        while (step.next()) if (step.field === 1) ownStep = step.int;
      }
    }
    ownStep = values.get("_step") ?? ownStep;
    this.steps.note(values);
    const epoch = values.get("train/epoch") ?? values.get("epoch") ?? Number.NaN;
    const wallTime = values.get("_timestamp") ?? values.get("_runtime") ?? Number.NaN;
    for (const [name, value] of values) {
      // What begins with an underscore is wandb's own.
      if (name.startsWith("_") || name === "epoch" || name === "train/epoch" || this.steps.isStep(name))
        continue;
      const step = this.steps.stepOf(name, ownStep);
      if (Number.isFinite(step)) points.add(this.names.keyOf(name), step, value, wallTime, epoch);
    }
  }

  private takeSummary(message: WireReader): void {
    for (const { name, json } of readItems(message, 1)) {
      if (name.startsWith("_")) continue;
      const value = itemValue(json);
      const number = loggedNumber(value);
      if (number !== undefined) this.summary.set(this.names.keyOf(name), number);
      else if (typeof value === "string") this.summary.set(name, value);
    }
  }

  private takeConfig(message: WireReader): void {
    while (message.next()) {
      if (message.wireType !== wireBytes) continue;
      const { name, json } = readItem(message.nested());
      if (name === "_wandb") continue;
      const value = itemValue(json) as JsonValue | undefined;
      if (message.field === 2) this.config.delete(name);
      else if (message.field === 1 && value !== undefined) this.config.set(name, value);
    }
  }

  /** MetricRecord { name(1), glob_name(2), step_metric(4) }. */
  private takeMetric(message: WireReader): void {
    const texts = ["", "", "", "", ""];
    while (message.next()) if (message.field < texts.length) texts[message.field] = message.text;
    this.steps.define(texts[1] ?? "", texts[2] ?? "", texts[4] ?? "");
  }

  /** RunRecord { project(3), config(4), run_group(6), job_type(7), display_name(8), notes(9) }. */
  private takeRun(message: WireReader): void {
    const named = new Map([
      [3, "project"],
      [6, "group"],
      [7, "job_type"],
      [8, "display_name"],
      [9, "notes"],
    ]);
    while (message.next()) {
      const name = named.get(message.field);
      if (name !== undefined && message.text !== "") this.run.set(name, message.text);
      else if (message.field === 4 && message.wireType === wireBytes) this.takeConfig(message.nested());
    }
  }

  /** The rest of a block may be too short for a record: zeros fill it. */
  private tellCut(bytes: Uint8Array, at: number, offset: number): void {
    if (!bytes.subarray(at).every((byte) => byte === 0)) this.atEnd = cutLog(offset + at);
  }

  private stop(problem: Problem): void {
    this.stopped = true;
    this.atEnd = problem;
  }
}

/** A value may be a number, or a dict of them; one with a `_type` is a picture, a table or a histogram. */
function addNumbers(values: Map<string, number>, { name, json }: { name: string; json: string }): void {
  const value = itemValue(json);
  const number = loggedNumber(value);
  if (number !== undefined) values.set(name, number);
  else if (value instanceof Map && !value.has("_type")) {
    for (const [path, member] of flattenNumbers(value) ?? []) {
      values.set(`${name}.${path.replaceAll("/", ".")}`, member);
    }
  }
}
