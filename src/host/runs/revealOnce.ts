import * as vscode from "vscode";
import { revealRunsOnOpen } from "../settings";
import type { RunNode } from "./runNodes";
import type { RunsTree } from "./runsTree";

const revealedKey = "checkpointExplorer.runsRevealed";

/**
 * Expands the Training Runs view the first time a workspace with checkpoints is opened. VS Code shows a view that
 * an extension adds to the Explorer collapsed, at the bottom, where nobody finds it. After that the user decides.
 */
export async function revealRunsOnce(
  tree: RunsTree,
  view: vscode.TreeView<RunNode>,
  workspaceState: vscode.Memento,
): Promise<void> {
  if (!revealRunsOnOpen() || workspaceState.get<boolean>(revealedKey) === true) return;
  if (vscode.workspace.workspaceFolders === undefined) return;
  const [first] = await tree.getChildren();
  if (first === undefined) return;
  await workspaceState.update(revealedKey, true);
  // The user was faster, and VS Code fails to reveal a row in a tree that is just being filled.
  if (view.visible) return;
  await view.reveal(first, { focus: false, select: false });
}
