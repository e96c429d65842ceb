import type { LogFormat } from "../logFormat";
import { readStreamLog } from "../streamLog";
import { JsonLinesParser } from "./jsonLines";

export const jsonlFormat: LogFormat = {
  id: "jsonl",
  label: "JSON lines",
  matches: (name, head) => /\.(?:jsonl|ndjson)$/i.test(name) || beginsWithObjects(head),
  read: (input, from, options) => readStreamLog(input, from, options, () => new JsonLinesParser()),
};

/** A whole object on the first line, and another one after it. */
function beginsWithObjects(head: Uint8Array): boolean {
  return /^\uFEFF?\s*\{"[^\n]*\}\s*\n\s*\{"/.test(new TextDecoder("utf-8").decode(head));
}
