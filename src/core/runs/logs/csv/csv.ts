import type { LogFormat } from "../logFormat";
import { readStreamLog } from "../streamLog";
import { CsvParser } from "./csvParser";

const isTable = (name: string) => /\.(?:csv|tsv)$/i.test(name);

/** Lightning's CSVLogger: `metrics.csv` with a step, and an epoch in most versions. */
export const lightningCsvFormat: LogFormat = {
  id: "lightning-csv",
  label: "Lightning metrics.csv",
  matches: (name, head) =>
    name === "metrics.csv" && (head.length === 0 || /(?:^|,)step(?:,|\r?\n)/.test(firstLine(head))),
  read: (input, from, options) => readStreamLog(input, from, options, () => new CsvParser()),
};

export const csvFormat: LogFormat = {
  id: "csv",
  label: "CSV table",
  matches: isTable,
  read: (input, from, options) => readStreamLog(input, from, options, () => new CsvParser()),
};

function firstLine(head: Uint8Array): string {
  const text = new TextDecoder("utf-8").decode(head);
  return text.slice(0, text.indexOf("\n") + 1 || text.length);
}
