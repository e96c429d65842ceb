import { printable } from "../text/printable";
import { formatBytes, formatNumber, formatShare, plural } from "../text/quantities";
import type { Merged, MergedModule } from "../transform/model/merge";
import type { MergePlan } from "../transform/model/mergePlan";
import { plainTable } from "./textTable";

/** What `merge --dry-run --json` prints. */
export function mergePlanReport({ conversion, changes, replaced, modules, isUntied }: MergePlan) {
  return {
    dryRun: true,
    tensorCount: conversion.tensors.length,
    bytes: conversion.bytes,
    modules,
    changedTensors: changes.size,
    replacedTensors: replaced.size,
    untied: isUntied,
  };
}

/** What `merge --json` prints: a contract that scripts depend on (README, "Command line"). */
export function mergeReport({ path, files, bytes, plan, merged }: Merged) {
  return {
    path,
    files,
    bytes,
    tensorCount: plan.conversion.tensors.length,
    modules: merged,
    replacedTensors: plan.replaced.size,
    untied: plan.isUntied,
    worstLostShare: Math.max(0, ...merged.map(({ lostShare }) => lostShare)),
    readBack: true,
  };
}

/** That the head is written apart from the embeddings. */
export const untiedText =
  "The base's output head is its embeddings, and the adapter trained them apart: the result has an lm_head.weight of its own, and its config.json says tie_word_embeddings false.";

export function mergePlanText({ conversion, changes, replaced, modules, isUntied }: MergePlan): string {
  const whole =
    replaced.size === 0 ? "" : ` and put ${plural(replaced.size, "tensor")} in place of the base's`;
  return `Would add ${plural(modules, "module")} to ${plural(changes.size, "weight")}${whole}, and write ${plural(conversion.tensors.length, "tensor")}, ${formatBytes(conversion.bytes)}.${isUntied ? ` ${untiedText}` : ""}`;
}

/** Rounding that took more than this of an update is listed. */
const notedShare = 0.01;
const mostListed = 20;

/** The same for people. */
export function mergeText({ path, plan, bytes, merged }: Merged): string {
  const rounded = merged.filter(({ lostShare }) => lostShare > notedShare);
  const sorted = [...rounded].sort((a, b) => b.lostShare - a.lostShare);
  return [
    `Merged ${plural(plan.modules, "module")} into ${printable(path)}: ${plural(plan.conversion.tensors.length, "tensor")}, ${formatBytes(bytes)}, read back.`,
    rounded.length === 0
      ? `Rounding took at most ${formatShare(Math.max(0, ...merged.map(({ lostShare }) => lostShare)))} of any module's ‖ΔW‖.`
      : `Rounding took more than 1 % of ‖ΔW‖ in ${plural(rounded.length, "module")} of ${merged.length}; a result in F32 would keep it.`,
    ...(plan.isUntied ? [untiedText] : []),
    ...(sorted.length === 0
      ? []
      : [plainTable(["Module", "‖ΔW‖", "Lost"], sorted.slice(0, mostListed).map(row))]),
  ].join("\n");
}

function row({ module, updateNorm, lostShare }: MergedModule): string[] {
  return [printable(module), formatNumber(updateNorm), formatShare(lostShare)];
}
