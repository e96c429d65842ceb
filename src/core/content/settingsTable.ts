import { type ContentValue, ForeignValue } from "../formats/contentValue";
import { membersOf, sequenceOf } from "../formats/contentView";
import type { DescribeForeign } from "../formats/format";
import { keyText } from "../formats/pythonText";
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
export function settingsTable(
  value: ContentValue,
  describe: DescribeForeign | undefined,
): readonly SettingRow[] {
  const rows: SettingRow[] = [];
  addRows("", value, 0, rows, describe);
  const place = ([key]: SettingRow) => rank.get(key) ?? importantKeys.length;
  return rows
    .map((row, at) => ({ row, at }))
    .sort((a, b) => place(a.row) - place(b.row) || a.at - b.at)
    .map(({ row }) => row);
}

function addRows(
  prefix: string,
  value: ContentValue,
  depth: number,
  rows: SettingRow[],
  describe: DescribeForeign | undefined,
): void {
  const members = membersOf(value);
  if (members === undefined) return;
  for (const [key, member] of members.entries()) {
    if (rows.length >= maxRows) return;
    const path = prefix === "" ? keyText(key) : `${prefix}.${keyText(key)}`;
    const inner = membersOf(member);
    const isNested =
      inner !== undefined && inner.size > 0 && depth < maxDepth && sequenceOf(member) === undefined;
    if (isNested) addRows(path, member, depth + 1, rows, describe);
    else rows.push([path, rowText(path, member, describe)]);
  }
}

function rowText(path: string, value: ContentValue, describe: DescribeForeign | undefined): string {
  if (typeof value === "string") return isSecret(path, value) ? maskedSecret : value.slice(0, 2000);
  const member = value instanceof ForeignValue ? describe?.(value)?.member : undefined;
  return member ?? describeValue(value, describe);
}
