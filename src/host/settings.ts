import { availableParallelism } from "node:os";
import * as vscode from "vscode";
import { usualThreads } from "../core/analysis/usualThreads";
import { type CheckpointOrder, checkpointOrders } from "../core/runs/discover/checkpointOrder";

const section = "checkpointExplorer";

export interface RunSettings {
  /** Glob patterns relative to a workspace folder, besides `files.exclude`. */
  readonly exclude: readonly string[];
  readonly maxDepth: number;
  readonly maxFolders: number;
}

export function runSettings(): RunSettings {
  const settings = vscode.workspace.getConfiguration(section);
  return {
    exclude: [...settings.get<string[]>("runs.exclude", []), ...enabledPatterns("files.exclude")],
    maxDepth: settings.get("runs.maxDepth", 8),
    maxFolders: settings.get("runs.maxFolders", 50_000),
  };
}

/** A row has room for a few. */
const maxShownMetrics = 12;

/** Names of the metrics that a checkpoint's row shows, as they were logged, in their order. */
export function shownMetrics(): readonly string[] {
  const names: unknown = vscode.workspace.getConfiguration(section).get("runs.metrics");
  if (!Array.isArray(names)) return ["loss", "eval_loss"];
  const texts = names.filter((name): name is string => typeof name === "string" && name.trim() !== "");
  return [...new Set(texts.map((name) => name.trim()))].slice(0, maxShownMetrics);
}

export interface RunSorting {
  readonly order: CheckpointOrder;
  readonly reversed: boolean;
}

export function runSorting(): RunSorting {
  const settings = vscode.workspace.getConfiguration(section);
  const order = settings.get<string>("runs.sort");
  return {
    order: checkpointOrders.find((known) => known === order) ?? "step",
    reversed: settings.get("runs.sortReversed", false),
  };
}

/** Milliseconds between two looks at what is being written; undefined where the user wants none. */
export function pollMs(): number | undefined {
  const seconds = vscode.workspace.getConfiguration(section).get("runs.pollSeconds", 5);
  return seconds > 0 ? seconds * 1000 : undefined;
}

export function showsStatusBar(): boolean {
  return vscode.workspace.getConfiguration(section).get("runs.statusBar", true);
}

/** Threads that measure tensors and modules. */
export function analysisThreads(): number {
  const wanted = vscode.workspace.getConfiguration(section).get("analysis.threads", 0);
  return wanted >= 1 ? Math.min(Math.floor(wanted), 64) : usualThreads(availableParallelism());
}

export function revealRunsOnOpen(): boolean {
  return vscode.workspace.getConfiguration(section).get("runs.revealOnOpen", true);
}

/** `files.exclude` maps a pattern to whether it applies; conditions on siblings are not for folders of weights. */
function enabledPatterns(setting: string): string[] {
  const patterns = vscode.workspace.getConfiguration().get<Record<string, unknown>>(setting, {});
  return Object.entries(patterns).flatMap(([pattern, enabled]) => (enabled === true ? [pattern] : []));
}

const searchSettings = ["runs.exclude", "runs.maxDepth", "runs.maxFolders", "runs.metrics"];

/** Calls `listener` when one of the settings that decide what a search finds has changed. */
export function onSearchSettingsChanged(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    const ours = searchSettings.some((name) => event.affectsConfiguration(`${section}.${name}`));
    if (ours || event.affectsConfiguration("files.exclude")) listener();
  });
}

/** Calls `listener` when the order of the runs has changed in the settings. */
export function onSortSettingsChanged(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    const ours = ["runs.sort", "runs.sortReversed"];
    if (ours.some((name) => event.affectsConfiguration(`${section}.${name}`))) listener();
  });
}

/** Calls `listener` when how runs are shown or followed has changed. */
export function onViewSettingsChanged(listener: () => void): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(`${section}.runs`)) listener();
  });
}
