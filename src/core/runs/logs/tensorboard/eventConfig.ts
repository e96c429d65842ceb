import { flattenJson } from "../../../json/flattenJson";
import { jsonNumber, jsonObjectIn } from "../../../json/parseJson";
import { maskSecrets } from "../config/maskSecrets";
import type { ConfigRow } from "../logFormat";
import { type WireReader, wireBytes } from "../wireReader";

/** What the Trainer writes as text into its event file: all its arguments, and the model's configuration. */
const configTags: ReadonlyMap<string, string> = new Map([
  ["args/text_summary", ""],
  ["model_config/text_summary", "model."],
]);

/** Longer texts are reports, not settings. */
const maxTextBytes = 1_000_000;

/** The settings that an event file holds, in the order in which they were written. */
export class EventConfig {
  rows: readonly ConfigRow[] = [];
  maxSteps: number | undefined;

  isConfig(tag: string, byteLength: number): boolean {
    return configTags.has(tag) && byteLength <= maxTextBytes;
  }

  addText(tag: string, text: string): void {
    const object = jsonObjectIn(text);
    if (object === undefined) return;
    const prefix = configTags.get(tag) ?? "";
    const maxSteps = jsonNumber(object.get("max_steps"));
    // The Trainer's -1 means that the epochs decide.
    if (prefix === "" && maxSteps !== undefined && maxSteps > 0) this.maxSteps = maxSteps;
    this.addRows(flattenJson(object).map(([key, value]) => [prefix + key, value]));
  }

  /** The `content` of the hparams plugin: HParamsPluginData { session_start_info(3) { hparams(1) } }. */
  addHyperparameters(content: WireReader): void {
    const rows: ConfigRow[] = [];
    while (content.next()) {
      if (content.field !== 3 || content.wireType !== wireBytes) continue;
      const info = content.nested();
      while (info.next()) {
        if (info.field !== 1 || info.wireType !== wireBytes) continue;
        const row = readHyperparameter(info.nested());
        if (row !== undefined) rows.push(row);
      }
    }
    this.addRows(rows);
  }

  fork(): EventConfig {
    const copy = new EventConfig();
    copy.rows = this.rows;
    copy.maxSteps = this.maxSteps;
    return copy;
  }

  private addRows(rows: readonly ConfigRow[]): void {
    const newest = new Map(this.rows);
    for (const [key, value] of maskSecrets(rows)) newest.set(key, value);
    this.rows = [...newest];
  }
}

/** An entry of a map: key(1), and value(2), a google.protobuf.Value. */
function readHyperparameter(entry: WireReader): ConfigRow | undefined {
  let key: string | undefined;
  let text: string | undefined;
  while (entry.next()) {
    if (entry.field === 1) key = entry.text;
    if (entry.field !== 2 || entry.wireType !== wireBytes) continue;
    const value = entry.nested();
    while (value.next()) {
      if (value.field === 1) text = "null";
      else if (value.field === 2) text = String(value.double);
      else if (value.field === 3) text = value.text;
      else if (value.field === 4) text = value.uint === 0 ? "false" : "true";
    }
  }
  return key === undefined || text === undefined ? undefined : [key, text];
}
