import * as vscode from "vscode";
import { baseName } from "../../core/bytes/paths";
import { standsForFolder } from "../../core/formats/fileKinds";
import type { Run, RunCheckpoint } from "../../core/runs/run";
import { checkpointForm, isConvertible } from "../../core/runs/status/checkpointUses";
import {
  checkpointDetails,
  checkpointRow,
  type RowState,
  runDetails,
  runRow,
} from "../../core/runs/status/runRows";
import { formatBytes } from "../../core/text/quantities";
import { plainText } from "../plainText";

/**
 * A row of the Training Runs view. VS Code knows rows by these objects: one stays the same as long as its id does, and
 * what it shows is replaced when the run is found anew.
 */
export type RunNode =
  | { readonly kind: "root"; readonly id: string; readonly name: string; runs: readonly Run[] }
  | { readonly kind: "run"; readonly id: string; run: Run }
  | {
      readonly kind: "checkpoint";
      readonly id: string;
      run: Run;
      checkpoint: RunCheckpoint;
      /** As short as is unique in its run. */
      name: string;
    }
  | { readonly kind: "part"; readonly id: string; label: string; readonly path: string; bytes: number };

export interface RowOptions {
  /** Names of the metrics that a checkpoint's row shows. */
  readonly metrics: readonly string[];
  readonly nowMs: number;
  /** VS Code asks for all rows below such as are expanded, which of thousands of runs takes long. */
  readonly expandsRuns: boolean;
}

/** The row without its tooltip, which VS Code asks for when it is wanted. */
export function toTreeItem(node: RunNode, options: RowOptions): vscode.TreeItem {
  const item = makeItem(node, options);
  item.id = node.id;
  if (typeof item.label === "string") item.label = plainText(item.label);
  if (typeof item.description === "string") item.description = plainText(item.description);
  return item;
}

function makeItem(node: RunNode, options: RowOptions): vscode.TreeItem {
  switch (node.kind) {
    case "root":
      return rootItem(node.name);
    case "run":
      return runItem(node.run, options);
    case "checkpoint":
      return checkpointItem(node, options);
    case "part":
      return partItem(node.label, node.path, node.bytes);
  }
}

/** A plain string would be read out in place of the row, so it is Markdown with nothing but text in it. */
export function tooltipOf(node: RunNode, nowMs: number): vscode.MarkdownString | undefined {
  switch (node.kind) {
    case "root":
      return undefined;
    case "run":
      return tooltip(node.run.name, runDetails(node.run, nowMs));
    case "checkpoint":
      return tooltip(node.checkpoint.name, checkpointDetails(node.run, node.checkpoint, nowMs));
    case "part":
      return tooltip(node.label, [node.path]);
  }
}

function rootItem(name: string): vscode.TreeItem {
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.Expanded);
  item.contextValue = "root";
  item.iconPath = new vscode.ThemeIcon("root-folder");
  return item;
}

function runItem(run: Run, { nowMs, expandsRuns }: RowOptions): vscode.TreeItem {
  const { Collapsed, Expanded, None } = vscode.TreeItemCollapsibleState;
  const hasCheckpoints = run.checkpoints.length > 0;
  const item = new vscode.TreeItem(run.name, hasCheckpoints ? (expandsRuns ? Expanded : Collapsed) : None);
  const { description, state } = runRow(run, nowMs);
  item.contextValue = runContextOf(run);
  item.iconPath = iconOf(state, "graph-line");
  item.description = description;
  // With nothing below it there is only one thing to do with it.
  if (!hasCheckpoints) item.command = openRowCommand;
  return item;
}

function checkpointItem(
  node: Extract<RunNode, { kind: "checkpoint" }>,
  { metrics, nowMs }: RowOptions,
): vscode.TreeItem {
  const { run, checkpoint, name } = node;
  const { Collapsed, None } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(name, checkpoint.parts.length > 1 ? Collapsed : None);
  const { description, state } = checkpointRow(run, checkpoint, metrics, nowMs);
  item.contextValue = contextOf(checkpoint);
  item.iconPath = iconOf(state, "milestone");
  item.description = description;
  item.command = openCommand(node);
  return item;
}

/** By what menus know what can be made of it: package.json reads these words. */
function contextOf(checkpoint: RunCheckpoint): string {
  return `checkpoint.${checkpointForm(checkpoint)}${isConvertible(checkpoint) ? ".convertible" : ""}`;
}

/** One checkpoint has no lineage, no timeline and no average, and nothing beside it that could go. */
function runContextOf({ checkpoints }: Run): string {
  return checkpoints.length > 1 ? "run" : checkpoints.length === 1 ? "run.single" : "run.logOnly";
}

/**
 * What is opened for a checkpoint: the file that stands for it, so that there is one tab however one comes to it; the
 * folder where its weights lie in the files of many processes, or in no file that has an editor.
 */
export function openedPath({ path, kind, mainFile }: RunCheckpoint): string {
  return kind !== "file" && mainFile !== undefined && standsForFolder(mainFile) ? mainFile : path;
}

/**
 * What a click does. VS Code tells its own `vscode.open` how the row was chosen, so that a click leaves the focus in
 * the tree (where the next click may add a row to the selection, or open a menu), a double click keeps the tab and
 * Enter goes into the editor. It chooses the editor by the file's name, so it is only for the files that are ours.
 */
function openCommand(node: Extract<RunNode, { kind: "checkpoint" }>): vscode.Command {
  const path = openedPath(node.checkpoint);
  if (path.endsWith(".safetensors"))
    return { command: "vscode.open", title: "Open Checkpoint", arguments: [vscode.Uri.file(path)] };
  return openRowCommand;
}

/**
 * Of the selected row, without arguments: VS Code forgets those of a row as soon as the row is found anew, and a click
 * at that moment would end in "Actual command not found".
 */
const openRowCommand: vscode.Command = { command: "checkpointExplorer.openRow", title: "Open" };

function partItem(label: string, path: string, bytes: number): vscode.TreeItem {
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.None);
  item.contextValue = "part";
  item.iconPath = new vscode.ThemeIcon("file");
  item.description = `${baseName(path)} · ${formatBytes(bytes)}`;
  item.command = openRowCommand;
  return item;
}

const stateIcons: Readonly<Record<Exclude<RowState, "plain">, readonly [icon: string, color?: string]>> = {
  error: ["error", "problemsErrorIcon.foreground"],
  warning: ["warning", "problemsWarningIcon.foreground"],
  live: ["pulse", "charts.green"],
  saving: ["loading~spin"],
  // A colour of our own: the orange of charts is half transparent in dark themes, their yellow olive in light ones.
  best: ["star-full", "checkpointExplorer.bestCheckpoint"],
  final: ["flag"],
};

function iconOf(state: RowState, plain: string): vscode.ThemeIcon {
  const [icon, color] = state === "plain" ? [plain] : stateIcons[state];
  return color === undefined
    ? new vscode.ThemeIcon(icon)
    : new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
}

/** Names and messages hold what strangers wrote: they go in as text, never as Markdown. */
function tooltip(title: string, rows: readonly string[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  markdown.appendText(title);
  for (const row of rows) {
    markdown.appendMarkdown("\n\n");
    markdown.appendText(row);
  }
  return markdown;
}
