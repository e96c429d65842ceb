import { loggedNumber } from "../../../progress/loggedNumber";
import type { LogFormat, LogReport } from "../logFormat";
import { MetricNames, spelledOut } from "../metricNames";
import type { LogSink } from "../streamLog";
import { readStreamLog } from "../streamLog";
import { LineParser } from "./lineParser";

const stepLine = /^Step (\d+) \| (.+)$/;

/** torchtune's DiskLogger: `Step 1 | loss:1.9 lr:1e-05 tokens_per_second_per_gpu:500.1`. */
class TorchtuneParser extends LineParser {
  private names = new MetricNames(spelledOut);

  protected override takeText(text: string, { points }: LogSink): void {
    for (const line of text.split("\n")) {
      const [, step, rest = ""] = stepLine.exec(line.trim()) ?? [];
      if (step === undefined) continue;
      for (const pair of rest.split(/\s+/)) {
        const colon = pair.lastIndexOf(":");
        const value = loggedNumber(pair.slice(colon + 1));
        if (colon > 0 && value !== undefined) {
          points.add(this.names.keyOf(pair.slice(0, colon)), Number(step), value);
        }
      }
    }
  }

  override report(): LogReport {
    return { config: [], summary: [], facts: {}, problems: [] };
  }

  override fork(): TorchtuneParser {
    const copy = new TorchtuneParser();
    copy.names = this.names.fork();
    return copy.keepViewState(this);
  }
}

export const torchtuneFormat: LogFormat = {
  id: "torchtune",
  label: "torchtune log",
  matches: (name, head) =>
    head.length === 0
      ? /^log_\d+\.txt$/.test(name)
      : /^Step \d+ \| \S+:/m.test(new TextDecoder("utf-8").decode(head)),
  read: (input, from, options) => readStreamLog(input, from, options, () => new TorchtuneParser()),
};
