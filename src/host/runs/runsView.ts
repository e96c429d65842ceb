import * as vscode from "vscode";
import type { RunNode } from "./runNodes";
import type { RunPanels } from "./runPanels";
import type { RunsModel } from "./runsModel";
import type { RunsTree } from "./runsTree";
import type { RunsVisibility } from "./runsVisibility";
import type { SortChoice } from "./sortChoice";

const runsViewId = "checkpointExplorer.runs";

export interface RunsViewServices {
  readonly sorting: SortChoice;
  readonly runs: RunsModel;
  readonly visibility: RunsVisibility;
  readonly runPanels: RunPanels;
}

/** The Training Runs view: says in its head how it is sorted, and below it where the search has stopped. */
export function createRunsView(
  tree: RunsTree,
  { sorting, runs, visibility, runPanels }: RunsViewServices,
): vscode.TreeView<RunNode> {
  const view = vscode.window.createTreeView(runsViewId, {
    treeDataProvider: tree,
    canSelectMany: true,
    showCollapseAll: true,
  });
  const describe = () => {
    view.description = sorting.description;
  };
  describe();
  sorting.onDidChange(describe);
  runs.onDidUpdate(() => {
    tellWelcome(runs);
    const cut = runs.known.problems.find(({ code }) => code === "SearchTruncated");
    const message = cut?.message ?? "";
    if ((view.message ?? "") !== message) view.message = message;
    offerFolders(runs);
  });
  visibility.add(() => view.visible);
  visibility.add(() => runPanels.active !== undefined);
  view.onDidChangeVisibility(() => visibility.notify());
  runPanels.onDidChangeActive(() => visibility.notify());
  return view;
}

/** An empty view says that nothing was found only once a search has ended. */
function tellWelcome({ hasFailed }: RunsModel): void {
  void vscode.commands.executeCommand("setContext", "checkpointExplorer.searched", true);
  void vscode.commands.executeCommand("setContext", "checkpointExplorer.searchFailed", hasFailed);
}

/** VS Code's Explorer offers to open and compare the folders that are known to be checkpoints. */
function offerFolders({ known }: RunsModel): void {
  const folders = known.runs.flatMap(({ checkpoints }) =>
    checkpoints.filter(({ kind }) => kind === "folder").map(({ path }) => vscode.Uri.file(path).fsPath),
  );
  void vscode.commands.executeCommand("setContext", "checkpointExplorer.checkpointFolders", folders);
}

/** Selects the row of a checkpoint, where a run holds it. */
export async function revealCheckpoint(
  tree: RunsTree,
  view: vscode.TreeView<RunNode>,
  path: string,
): Promise<void> {
  const row = await tree.rowOf(path);
  if (row !== undefined) await view.reveal(row, { select: true, focus: false });
}
