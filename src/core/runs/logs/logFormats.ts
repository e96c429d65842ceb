import { configFormat } from "./config/config";
import { csvFormat, lightningCsvFormat } from "./csv/csv";
import { insideCheckpointFormat } from "./inside/insideCheckpoint";
import { resultsFormat } from "./json/results";
import { trainerStateFormat } from "./json/trainerStateLog";
import { jsonlFormat } from "./jsonl/jsonl";
import { llamaFactoryFormat } from "./jsonl/llamaFactory";
import type { LogFormat, LogFormatId } from "./logFormat";
import { mlflowFormat } from "./mlflow/mlflow";
import { tensorboardFormat } from "./tensorboard/tensorboard";
import { stdoutFormat } from "./text/stdout";
import { torchtuneFormat } from "./text/torchtune";
import { wandbFormat } from "./wandb/wandb";

/** Every kind of log that is read here; the particular before the general. */
const formats: readonly LogFormat[] = [
  trainerStateFormat,
  tensorboardFormat,
  wandbFormat,
  mlflowFormat,
  lightningCsvFormat,
  llamaFactoryFormat,
  resultsFormat,
  configFormat,
  csvFormat,
  jsonlFormat,
  torchtuneFormat,
  stdoutFormat,
  insideCheckpointFormat,
];

const byId: ReadonlyMap<LogFormatId, LogFormat> = new Map(formats.map((format) => [format.id, format]));

export function logFormatOf(id: LogFormatId): LogFormat {
  const format = byId.get(id);
  if (format === undefined) throw new RangeError(`No log format ${id}`);
  return format;
}

/** What a file is, by its name and first bytes; undefined where it is no log that is known here. */
export function recogniseLog(name: string, head: Uint8Array): LogFormatId | undefined {
  return formats.find((format) => format.matches(name, head))?.id;
}
