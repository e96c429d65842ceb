import { parseJson } from "../../../json/parseJson";
import { maxConfigBytes } from "../../../problem/limits";
import { messageOf } from "../../../problem/messageOf";
import { flattenNumbers } from "../../../progress/loggedNumber";
import type { LogFormat, LogReport } from "../logFormat";
import { emptyReport, readWholeLog } from "../wholeLog";

/** The Trainer's `all_results.json` and its parts, and wandb's summary: numbers about the whole training. */
export const resultsFormat: LogFormat = {
  id: "results",
  label: "results",
  matches: (name) => /^(?:(?:all|train|eval|predict|test)_results|wandb-summary)\.json$/.test(name),
  read: (input, from, options) => readWholeLog(input, from, options, maxConfigBytes, readResults),
};

function readResults(text: string): LogReport {
  try {
    const { value, truncatedAt } = parseJson(text);
    const numbers = flattenNumbers(value);
    if (truncatedAt !== undefined || numbers === undefined)
      return unreadable("it ends early, or holds no object");
    return { ...emptyReport, summary: [...numbers].filter(([name]) => !name.startsWith("_")) };
  } catch (error) {
    return unreadable(messageOf(error));
  }
}

function unreadable(cause: string): LogReport {
  const message = `The results cannot be read: ${cause}.`;
  return { ...emptyReport, problems: [{ severity: "warning", code: "ResultsUnreadable", message }] };
}
