import { type PickleValue, type PyDict, PyObject } from "../formats/pickle/pickleValue";
import { attributesOf, mappingOf, sequenceOf } from "../formats/pickle/pickleView";
import { keyText } from "../formats/pickle/pythonText";
import { isSecret, maskedSecret } from "../text/secretKeys";
import { describeValue } from "./describeValue";

export type SettingRow = readonly [key: string, value: string];

/** What people look for first in training arguments, schedulers and scalers; the rest follows as it was saved. */
const importantKeys = [
  "learning_rate",
  "lr",
  "_last_lr",
  "base_lrs",
  "optim",
  "lr_scheduler_type",
  "warmup_steps",
  "warmup_ratio",
  "per_device_train_batch_size",
  "train_batch_size",
  "batch_size",
  "gradient_accumulation_steps",
  "num_train_epochs",
  "max_steps",
  "last_epoch",
  "_step_count",
  "bf16",
  "fp16",
  "tf32",
  "mixed_precision",
  "gradient_checkpointing",
  "max_grad_norm",
  "weight_decay",
  "seed",
  "data_seed",
  "scale",
  "growth_factor",
  "backoff_factor",
  "growth_interval",
  "_growth_tracker",
  "output_dir",
  "deepspeed",
  "fsdp",
] as const;

const rank = new Map<string, number>(importantKeys.map((key, at) => [key, at]));

/** A value with more rows is no table that anyone reads. */
const maxRows = 2000;
const maxDepth = 3;

/** The members of a dict or the attributes of an object as rows, nested ones under a dotted path; secrets masked. */
export function settingsTable(value: PickleValue): readonly SettingRow[] {
  const rows: SettingRow[] = [];
  addRows("", value, 0, rows);
  const place = ([key]: SettingRow) => rank.get(key) ?? importantKeys.length;
  return rows
    .map((row, at) => ({ row, at }))
    .sort((a, b) => place(a.row) - place(b.row) || a.at - b.at)
    .map(({ row }) => row);
}

function addRows(prefix: string, value: PickleValue, depth: number, rows: SettingRow[]): void {
  const members = membersOf(value);
  if (members === undefined) return;
  for (const [key, member] of members.entries()) {
    if (rows.length >= maxRows) return;
    const path = prefix === "" ? keyText(key) : `${prefix}.${keyText(key)}`;
    const inner = membersOf(member);
    const isNested =
      inner !== undefined && inner.size > 0 && depth < maxDepth && sequenceOf(member) === undefined;
    if (isNested) addRows(path, member, depth + 1, rows);
    else rows.push([path, rowText(path, member)]);
  }
}

function membersOf(value: PickleValue): PyDict | undefined {
  return mappingOf(value) ?? (value instanceof PyObject ? attributesOf(value) : undefined);
}

function rowText(path: string, value: PickleValue): string {
  if (typeof value === "string") return isSecret(path, value) ? maskedSecret : value.slice(0, 2000);
  return enumText(value) ?? describeValue(value, undefined);
}

/** `SchedulerType("linear")` reads as "linear". */
function enumText(value: PickleValue): string | undefined {
  if (!(value instanceof PyObject) || value.isInstance || value.state !== undefined) return undefined;
  const args = sequenceOf(value.args) ?? [];
  return args.length === 1 && typeof args[0] === "string" && /^[A-Z]/.test(value.name) ? args[0] : undefined;
}
