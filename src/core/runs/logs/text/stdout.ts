import { loggedNumber } from "../../../progress/loggedNumber";
import { isTrainingSummary } from "../../../progress/trainerState";
import { plural } from "../../../text/quantities";
import { countedSteps, IterationCount } from "../iterationCount";
import type { LogFormat, LogReport, SummaryRow } from "../logFormat";
import { MetricNames, spelledOut } from "../metricNames";
import { stepFieldOf } from "../stepFields";
import type { LogSink } from "../streamLog";
import { readStreamLog } from "../streamLog";
import { LineParser } from "./lineParser";
import { isOfLastPlace, trainingLine } from "./trainingLine";

/** A dict as Python prints it, anywhere in a line: other writers put a time before it. */
const dict = /\{(?:'[^']*'|"[^"]*")\s*:[^{}]*\}/;
const member = /(?:'([^']*)'|"([^"]*)")\s*:\s*(?:'([^']*)'|"([^"]*)"|([^,}\s]+))/g;

/** tqdm's bar, which the Trainer draws above: ` 10%|█ | 100/1000 [00:12<01:40, 8.97it/s]`. */
const progress = /^\s*\d+%\|[^|]*\| *(\d+)\/(\d+) \[/;

/** What the Trainer logs, and nothing that other programs print as a dict. */
const isTrainingLog = (values: ReadonlyMap<string, number>) => values.has("epoch") || values.has("loss");

/**
 * What the Trainer prints: `{'loss': 2.1, 'grad_norm': 1.2, 'learning_rate': 1e-05, 'epoch': 0.1}`. It says
 * no step; that is taken from the progress bar, else the rows are numbered.
 */
class StdoutParser extends LineParser {
  private step = Number.NaN;
  private maxSteps: number | undefined;
  private numbered = 0;
  private summary: readonly SummaryRow[] = [];
  private hasDicts = false;
  /** Else epochs are the steps. */
  private countsSteps = false;
  private names = new MetricNames(spelledOut);
  private iterations = new IterationCount();
  private epoch = Number.NaN;

  protected override takeText(text: string, sink: LogSink): void {
    for (const line of text.split(/[\r\n]/)) {
      if (line.includes("%|")) this.noteProgress(line);
      const [found] = line.includes("{") ? (dict.exec(line) ?? []) : [];
      if (found !== undefined) this.takeDict(found, sink);
      else if (!this.hasDicts) this.takeLine(line, sink);
    }
  }

  override report(): LogReport {
    const { summary, maxSteps, numbered } = this;
    const facts = maxSteps === undefined ? {} : { maxSteps };
    const counted = this.iterations.base > 0 ? [countedSteps] : [];
    if (numbered === 0) return { config: [], summary, facts, problems: counted };
    const message = `The printed log says no steps: ${plural(numbered, "row")} are numbered by their order.`;
    return {
      config: [],
      summary,
      facts,
      problems: [{ severity: "info", code: "LogStepsMissing", message }],
    };
  }

  override fork(): StdoutParser {
    const copy = new StdoutParser();
    copy.step = this.step;
    copy.maxSteps = this.maxSteps;
    copy.numbered = this.numbered;
    copy.summary = this.summary;
    copy.hasDicts = this.hasDicts;
    copy.countsSteps = this.countsSteps;
    copy.names = this.names.fork();
    copy.iterations = this.iterations.fork();
    copy.epoch = this.epoch;
    return copy.keepViewState(this);
  }

  private noteProgress(line: string): void {
    const [, done, total] = progress.exec(line) ?? [];
    if (done === undefined) return;
    // Evaluation draws a bar of its own, with a total of its own, after the training's.
    this.maxSteps ??= Number(total);
    if (Number(total) === this.maxSteps) this.step = Number(done);
  }

  /** A line that a loop prints for people, such as `Epoch 1/5, step 100: loss 0.5`. */
  private takeLine(line: string, { points }: LogSink): void {
    const found = trainingLine(line);
    if (found === undefined) return;
    const { iteration, epoch, values } = found;
    if (iteration === undefined && epoch === undefined && !isOfLastPlace(line, found)) return;
    if (epoch !== undefined) this.epoch = epoch;
    if (iteration !== undefined) {
      this.step = this.iterations.on(iteration.done, epoch ?? Number.NaN, iteration.of);
      if (epoch === undefined) this.maxSteps = iteration.of ?? this.maxSteps;
      this.countsSteps = true;
    } else if (epoch !== undefined && !this.countsSteps) this.step = epoch;
    if (Number.isNaN(this.step)) return;
    for (const [name, value] of values)
      points.add(this.names.keyOf(name), this.step, value, Number.NaN, this.epoch);
  }

  private takeDict(text: string, { points }: LogSink): void {
    const values = new Map<string, number>();
    for (const [, single, double, text1, text2, bare] of text.matchAll(member)) {
      const value = loggedNumber(bare ?? text1 ?? text2);
      if (value !== undefined) values.set(single ?? double ?? "", value);
    }
    if (!isTrainingLog(values)) return;
    this.hasDicts = true;
    const logged = stepFieldOf((name) => values.has(name) && name !== "epoch");
    const epoch = values.get("epoch") ?? Number.NaN;
    values.delete("epoch");
    if (isTrainingSummary(values)) {
      this.summary = [...values];
      return;
    }
    // DETR and those after it write a row for each epoch, with nothing that counts steps.
    const ofEpoch = !values.has("loss") && values.has("train_loss") && Number.isInteger(epoch);
    const own = logged === undefined ? (ofEpoch ? epoch : undefined) : values.get(logged);
    if (logged !== undefined) values.delete(logged);
    const step = own ?? (Number.isNaN(this.step) ? ++this.numbered : this.step);
    for (const [name, value] of values) points.add(name, step, value, Number.NaN, epoch);
  }
}

function isPrintedLog(head: string): boolean {
  if (/[{,]\s*['"](?:eval_|train_)?(?:loss|reward|runtime)['"]\s*:/.test(head)) return true;
  return head.split(/[\r\n]/).some((line) => {
    const found = trainingLine(line);
    if (found === undefined || found.values.length === 0) return false;
    return (found.iteration?.done ?? found.epoch) !== undefined || isOfLastPlace(line, found);
  });
}

export const stdoutFormat: LogFormat = {
  id: "stdout",
  label: "printed log",
  matches: (name, head) =>
    head.length === 0
      ? /\.(?:log|out|txt)$/i.test(name)
      : isPrintedLog(new TextDecoder("utf-8").decode(head)),
  read: (input, from, options) => readStreamLog(input, from, options, () => new StdoutParser()),
};
