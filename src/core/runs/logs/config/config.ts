import { flattenJson } from "../../../json/flattenJson";
import { isJsonObject, parseJson } from "../../../json/parseJson";
import { maxConfigBytes } from "../../../problem/limits";
import { loggedNumber } from "../../../progress/loggedNumber";
import type { ConfigRow, LogFormat, LogReport } from "../logFormat";
import { emptyReport, readWholeLog } from "../wholeLog";
import { flatYaml } from "./flatYaml";
import { maskSecrets } from "./maskSecrets";

/** Settings that a logger writes beside its points: Lightning's `hparams.yaml`, wandb's and Detectron2's `config.yaml`. */
export const configFormat: LogFormat = {
  id: "config",
  label: "settings",
  matches: (name) => /^(?:hparams|training_args|config)\.ya?ml$/i.test(name),
  read: (input, from, options) => readWholeLog(input, from, options, maxConfigBytes, readConfig),
};

function readConfig(text: string): LogReport {
  const rows = maskSecrets(
    text.trimStart().startsWith("{") ? jsonRows(text) : withoutWandbMarks(flatYaml(text)),
  );
  const maxSteps = loggedNumber(rows.find(([key]) => key === "max_steps" || key === "SOLVER.MAX_ITER")?.[1]);
  const facts = maxSteps !== undefined && maxSteps > 0 ? { maxSteps } : {};
  return { ...emptyReport, config: rows, facts };
}

/** An empty `hparams.yaml` is `{}`. */
function jsonRows(text: string): readonly ConfigRow[] {
  try {
    const { value } = parseJson(text);
    return isJsonObject(value) ? flattenJson(value) : [];
  } catch {
    return [];
  }
}

/** wandb writes `{desc, value}` for each setting, and its own telemetry as `_wandb`. */
function withoutWandbMarks(rows: readonly ConfigRow[]): readonly ConfigRow[] {
  if (!rows.some(([key]) => key === "wandb_version")) return rows;
  return rows.flatMap(([key, value]): ConfigRow[] => {
    const setting = /^(.+?)\.value(\..+)?$/.exec(key);
    if (setting === null || setting[1] === "_wandb") return [];
    return [[`${setting[1]}${setting[2] ?? ""}`, value]];
  });
}
