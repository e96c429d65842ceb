import * as vscode from "vscode";
import { baseName } from "../../core/bytes/paths";
import { worstSeverity } from "../../core/problem";
import type { Run, RunCheckpoint } from "../../core/runs/run";
import { formatAligned, formatBytes, formatNumber, plural } from "../../core/text/quantities";

/** A row of the Training Runs view. */
export type RunNode =
  | { readonly kind: "root"; readonly name: string; readonly runs: readonly Run[] }
  | { readonly kind: "run"; readonly run: Run }
  | { readonly kind: "checkpoint"; readonly run: Run; readonly checkpoint: RunCheckpoint }
  | { readonly kind: "part"; readonly label: string; readonly path: string; readonly bytes: number };

export function toTreeItem(node: RunNode): vscode.TreeItem {
  switch (node.kind) {
    case "root":
      return rootItem(node.name);
    case "run":
      return runItem(node.run);
    case "checkpoint":
      return checkpointItem(node.run, node.checkpoint);
    case "part":
      return partItem(node.label, node.path, node.bytes);
  }
}

function rootItem(name: string): vscode.TreeItem {
  const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.Expanded);
  item.contextValue = "root";
  item.iconPath = new vscode.ThemeIcon("root-folder");
  return item;
}

function runItem(run: Run): vscode.TreeItem {
  const { Expanded, None } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(run.name, run.checkpoints.length > 0 ? Expanded : None);
  item.id = `run:${run.id}`;
  item.contextValue = "run";
  item.iconPath = problemIcon(run.problems) ?? new vscode.ThemeIcon("graph-line");
  item.description = describeRun(run);
  item.tooltip = tooltip(run.name, [
    run.path,
    item.description,
    ...run.problems.map((problem) => problem.message),
  ]);
  return item;
}

function describeRun(run: Run): string {
  // A training that was only logged, or whose checkpoints are gone.
  if (run.checkpoints.length === 0) return `log only · ${plural(run.logs.length, "log file")}`;
  const bytes = run.checkpoints.reduce((sum, checkpoint) => sum + checkpoint.byteSize, 0);
  const step = run.checkpoints.findLast((checkpoint) => checkpoint.step !== undefined)?.step;
  const of = run.maxSteps === undefined ? "" : ` of ${run.maxSteps}`;
  const reached = step === undefined ? [] : [`step ${step}${of}`];
  return [plural(run.checkpoints.length, "checkpoint"), ...reached, formatBytes(bytes)].join(" · ");
}

function checkpointItem(run: Run, checkpoint: RunCheckpoint): vscode.TreeItem {
  const state =
    checkpoint.parts.length > 1
      ? vscode.TreeItemCollapsibleState.Collapsed
      : vscode.TreeItemCollapsibleState.None;
  const item = new vscode.TreeItem(shortName(run, checkpoint), state);
  item.id = `checkpoint:${run.id}:${checkpoint.path}`;
  item.contextValue = checkpoint.mainFile === undefined ? "checkpoint.unreadable" : "checkpoint";
  item.iconPath = checkpointIcon(checkpoint);
  item.description = describeCheckpoint(checkpoint);
  item.tooltip = checkpointTooltip(run, checkpoint);
  item.command = openCommand(run, checkpoint);
  return item;
}

/**
 * What a click does. VS Code tells its own `vscode.open` how the row was chosen, so that a click leaves the focus in
 * the tree (where the next click may add a row to the selection, or open a menu), a double click keeps the tab and
 * Enter goes into the editor. It chooses the editor by the file's name, so it is only for the files that are ours.
 */
function openCommand(run: Run, checkpoint: RunCheckpoint): vscode.Command {
  const title = "Open Checkpoint";
  if (checkpoint.mainFile?.endsWith(".safetensors"))
    return { command: "vscode.open", title, arguments: [vscode.Uri.file(checkpoint.mainFile)] };
  const node: RunNode = { kind: "checkpoint", run, checkpoint };
  return { command: "checkpointExplorer.open", title, arguments: [node] };
}

/** A checkpoint of a pipeline is named with its folder; the row has no room for that where it is not needed. */
function shortName(run: Run, checkpoint: RunCheckpoint): string {
  const short = baseName(checkpoint.name);
  const same = run.checkpoints.filter(({ name }) => baseName(name) === short);
  return same.length === 1 ? short : checkpoint.name;
}

/** What people choose a checkpoint by, most telling first: a row is narrow. */
function describeCheckpoint(checkpoint: RunCheckpoint): string {
  const { step, loss, evalLoss, stage } = checkpoint;
  // The icon says so too, but not to a screen reader.
  const serious = checkpoint.problems.filter(({ severity }) => severity !== "info").length;
  const facts = [
    ...(serious > 0 ? [plural(serious, "problem")] : []),
    ...(checkpoint.best ? ["★ best"] : []),
    ...(checkpoint.incomplete ? ["incomplete"] : []),
    ...(loss === undefined ? [] : [`loss ${formatAligned(loss)}`]),
    ...(evalLoss === undefined ? [] : [`eval ${formatAligned(evalLoss)}`]),
    ...(step === undefined || checkpoint.name.endsWith(`-${step}`) ? [] : [`step ${step}`]),
    ...(stage === undefined ? [] : [stage.inferred ? `${stage.stage} (inferred)` : stage.stage]),
    formatBytes(checkpoint.byteSize),
  ];
  return facts.join(" · ");
}

function checkpointTooltip(run: Run, checkpoint: RunCheckpoint): vscode.MarkdownString {
  const { step, epoch, loss, evalLoss, learningRate, stage } = checkpoint;
  const rows = [
    checkpoint.path,
    ...(step === undefined
      ? []
      : [`Step ${step}${epoch === undefined ? "" : `, epoch ${formatNumber(epoch)}`}`]),
    ...(loss === undefined ? [] : [`Loss ${formatNumber(loss, 6)}`]),
    ...(evalLoss === undefined ? [] : [`Evaluation loss ${formatNumber(evalLoss, 6)}`]),
    ...(learningRate === undefined ? [] : [`Learning rate ${formatNumber(learningRate)}`]),
    ...(stage === undefined ? [] : [`Stage ${stage.stage}: ${stage.reason}`]),
    ...(checkpoint.best && run.bestReason !== undefined ? [`Best: ${run.bestReason}`] : []),
    `${formatBytes(checkpoint.byteSize)} in all files`,
    ...checkpoint.problems.map((problem) => problem.message),
  ];
  return tooltip(checkpoint.name, rows);
}

function partItem(label: string, path: string, bytes: number): vscode.TreeItem {
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.None);
  item.id = `part:${path}`;
  item.contextValue = "part";
  item.iconPath = new vscode.ThemeIcon("file");
  item.description = `${baseName(path)} · ${formatBytes(bytes)}`;
  // A tooltip that is a plain string would be read out in place of the row.
  item.tooltip = tooltip(label, [path]);
  item.command = { command: "checkpointExplorer.openFile", title: "Open File", arguments: [path] };
  return item;
}

function checkpointIcon(checkpoint: RunCheckpoint): vscode.ThemeIcon {
  const problem = problemIcon(checkpoint.problems);
  if (problem !== undefined) return problem;
  if (checkpoint.incomplete)
    return new vscode.ThemeIcon("warning", new vscode.ThemeColor("problemsWarningIcon.foreground"));
  if (checkpoint.best) return new vscode.ThemeIcon("star-full", new vscode.ThemeColor("charts.yellow"));
  return new vscode.ThemeIcon(checkpoint.final ? "flag" : "milestone");
}

function problemIcon(problems: Parameters<typeof worstSeverity>[0]): vscode.ThemeIcon | undefined {
  const severity = worstSeverity(problems);
  if (severity === "error")
    return new vscode.ThemeIcon("error", new vscode.ThemeColor("problemsErrorIcon.foreground"));
  if (severity === "warning")
    return new vscode.ThemeIcon("warning", new vscode.ThemeColor("problemsWarningIcon.foreground"));
  return undefined;
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
