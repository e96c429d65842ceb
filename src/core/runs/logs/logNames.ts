import type { LogFormatId } from "./logFormat";

/** What a file name says about a log, before anything of it is read. */
export interface NamedLog {
  readonly format: LogFormatId;
  /** The name leaves no doubt: it is a training's log even where no checkpoint is near. */
  readonly certain: boolean;
}

interface Rule extends NamedLog {
  readonly name: RegExp;
}

const rule = (format: LogFormatId, certain: boolean, name: RegExp): Rule => ({ format, certain, name });

/** `data.csv` and `train.jsonl` are data far more often than logs: only names that say so count. */
const rules: readonly Rule[] = [
  rule("tensorboard", true, /(?:^|\.)tfevents(?:$|\.)(?!.*\.(?:profile-empty|json|txt|csv|png)$)/),
  rule("wandb", true, /^run-.+\.wandb$/),
  rule("lightning-csv", true, /^metrics\.csv$/),
  rule("llama-factory", true, /^trainer_log\.jsonl$/),
  rule("torchtune", true, /^log_\d{6,}\.txt$/),
  // ms-swift's, which says `global_step/max_steps`.
  rule("jsonl", true, /^logging\.jsonl$/),
  rule("jsonl", true, /^(?:metrics|train(?:ing)?[-_]?(?:log|metrics)|scalars)\.jsonl$/i),
  // MMCV's and MMEngine's.
  rule("jsonl", true, /^\d{8}_\d{6}(?:\.log)?\.json$|^scalars\.json$/),
  // Detectron2's.
  rule("jsonl", false, /^metrics\.json$/),
  rule("jsonl", false, /^(?:log|history|progress|stats|results|eval[-_]?(?:log|metrics))\.jsonl$/i),
  // Stable-Baselines3, RLlib, baselines; Spinning Up.
  rule("csv", true, /^progress\.(?:csv|txt)$/),
  rule(
    "csv",
    false,
    /^(?:(?:train(?:ing)?|eval|val)[-_]?)?(?:logs?|metrics|history|progress|results|summary|loss(?:es)?)\.[ct]sv$/i,
  ),
  rule("results", false, /^(?:all|train|eval|predict|test)_results\.json$|^wandb-summary\.json$/),
  rule("config", false, /^(?:hparams|training_args)\.ya?ml$/i),
  rule(
    "stdout",
    false,
    /^(?:(?:train|training|output|stdout|console|run|running_log|(?:train(?:ing|er_\d+)?_)?log|log_(?:train|rank_?0))\.(?:log|txt|out)|\d{8}_\d{6}\.log|nohup\.out|slurm-\d+\.out)$/i,
  ),
];

export function logOfName(name: string): NamedLog | undefined {
  return rules.find((one) => one.name.test(name));
}

/** Names that only group the logs below them, so that they belong to what lies around them. */
const groupingFolders: ReadonlySet<string> = new Set([
  "runs",
  "log",
  "logs",
  "tensorboard",
  "tensorboard_logs",
  "tb",
  "tb_log",
  "tb_logs",
  "tblogs",
  "tf_logs",
  "tflogs",
  "lightning_logs",
  "csv_logs",
  "wandb",
  "mlruns",
  "summary",
  "summaries",
  "events",
  "vis_data",
]);

/** `Nov05_00-38-10_DESKTOP-T11DIUH`: one start of a Trainer; `20240101_100000`: one of MMEngine. */
const startFolder = /^[A-Z][a-z]{2}\d{2}_\d{2}-\d{2}-\d{2}_|^\d{8}_\d{6}$/;

export function isGroupingFolder(name: string): boolean {
  return groupingFolders.has(name.toLowerCase());
}

export function isStartFolder(name: string): boolean {
  return startFolder.test(name);
}

/** Keras keeps the logs of the two in folders of their own, under the same metric names. */
const splitFolder = /^(?:train|training|validation|valid|val|eval|test)$/i;

export function isSplitFolder(name: string): boolean {
  return splitFolder.test(name);
}

/** `version_3`: Lightning's folder of one training. */
export function isVersionFolder(name: string): boolean {
  return /^version_\d+$/.test(name);
}

/** `run-20240101_120000-abc123`, `offline-run-…`: wandb's folder of one training. */
export function isWandbRunFolder(name: string): boolean {
  return /^(?:offline-)?run-\d{8}_\d{6}-\w+$/.test(name);
}
