import { jsonMembers, loggedNumber } from "../../../progress/loggedNumber";
import type { LogFormat, LogReport } from "../logFormat";
import type { LogSink } from "../streamLog";
import { readStreamLog } from "../streamLog";
import { JsonLinesParser } from "./jsonLines";

/** How far it is, which every line repeats, is no metric. */
const notMetrics = ["percentage", "remaining_time", "total_steps"] as const;

/**
 * LLaMA-Factory's `trainer_log.jsonl`. It is appended to on every start, and by every process of a training,
 * so that steps go back often: the last line of a step counts. Only where it goes back to the beginning with
 * another plan is it another training, and what lies before is left out.
 */
class TrainerLogParser extends JsonLinesParser {
  private totalSteps: number | undefined;
  private firstStep: number | undefined;
  private firstRate: number | undefined;
  private earlierTrainings = 0;
  private lastEnded = false;

  protected override takeRow(row: unknown, sink: LogSink): void {
    const members = new Map(jsonMembers(row) ?? []);
    const step = loggedNumber(members.get("current_steps"));
    if (step !== undefined) this.notePlan(step, members, sink);
    for (const name of notMetrics) members.delete(name);
    // It is called either in one log, after an update.
    if (members.has("lr")) members.set("learning_rate", members.get("lr"));
    members.delete("lr");
    super.takeRow(members, sink);
  }

  override report(): LogReport {
    const report = super.report();
    const { totalSteps: maxSteps, earlierTrainings } = this;
    const facts = maxSteps === undefined ? {} : { maxSteps, ended: this.lastEnded };
    if (earlierTrainings === 0) return { ...report, facts };
    const message =
      "The log begins with an earlier training that had another plan. Only the newest one is shown.";
    return {
      ...report,
      facts,
      problems: [...report.problems, { severity: "info", code: "EarlierTraining", message }],
    };
  }

  override fork(): TrainerLogParser {
    const copy = this.copyTo(new TrainerLogParser());
    copy.totalSteps = this.totalSteps;
    copy.firstStep = this.firstStep;
    copy.firstRate = this.firstRate;
    copy.earlierTrainings = this.earlierTrainings;
    copy.lastEnded = this.lastEnded;
    return copy;
  }

  private notePlan(step: number, members: ReadonlyMap<string, unknown>, sink: LogSink): void {
    const totalSteps = loggedNumber(members.get("total_steps"));
    const rate = loggedNumber(members.get("lr") ?? members.get("learning_rate"));
    if (this.firstStep === undefined) {
      this.firstStep = step;
      this.firstRate = rate;
    } else if (step <= this.firstStep && (totalSteps !== this.totalSteps || rate !== this.firstRate)) {
      sink.forget();
      this.earlierTrainings++;
      this.firstStep = step;
      this.firstRate = rate;
    }
    this.totalSteps = totalSteps ?? this.totalSteps;
    this.lastEnded = step === this.totalSteps;
  }
}

export const llamaFactoryFormat: LogFormat = {
  id: "llama-factory",
  label: "LLaMA-Factory log",
  matches: (name) => name === "trainer_log.jsonl",
  read: (input, from, options) => readStreamLog(input, from, options, () => new TrainerLogParser()),
};
