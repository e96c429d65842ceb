import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { parentPath } from "../../core/bytes/paths";
import { fileKindOf } from "../../core/formats/fileKinds";
import { mainFile } from "../../core/parts/parts";
import { showStatus } from "../messages";

export const checkpointViewType = "checkpointExplorer.checkpoint";

/** The same editor, under a second name for files that it may open but does not claim. */
export const optionalViewType = "checkpointExplorer.checkpointOption";

/** Whether a tab of the window is a checkpoint's: one was opened, or VS Code brings back those of the last time. */
export function isShownSomewhere(): boolean {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  return tabs.some(
    ({ input }) =>
      input instanceof vscode.TabInputCustom &&
      (input.viewType === checkpointViewType || input.viewType === optionalViewType),
  );
}

/** Opens a file in the editor that fits it, and a folder as the one checkpoint that it is. */
export async function openPath(path: string): Promise<void> {
  const uri = vscode.Uri.file(path);
  if ((await stat(path)).isDirectory()) {
    await vscode.commands.executeCommand("vscode.openWith", uri, checkpointViewType);
    return;
  }
  if (fileKindOf(path)?.menu !== undefined || fileKindOf(path)?.editor !== undefined)
    await openCheckpointFile(uri);
  else await vscode.commands.executeCommand("vscode.open", uri);
}

/** The file that stands for a checkpoint: of a folder its weights. */
export async function mainFilePath(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return path;
  const entries = await readdir(path, { withFileTypes: true });
  const name = mainFile(
    entries.map((entry) => ({ name: entry.name, kind: entry.isDirectory() ? "directory" : "file" })),
  );
  if (name === undefined) throw new Error(`${path} holds no weights that could be opened.`);
  return join(path, name);
}

async function openCheckpointFile(uri: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand("vscode.openWith", uri, viewTypeOf(uri));
}

/** As package.json has it: VS Code shows the editor's name only for files that its pattern fits. */
export function viewTypeOf(uri: vscode.Uri): string {
  return fileKindOf(uri.path)?.editor === "option" ? optionalViewType : checkpointViewType;
}

export async function openAsText(path: string): Promise<void> {
  await vscode.commands.executeCommand("vscode.openWith", vscode.Uri.file(path), "default");
}

export async function copyText({
  text,
  what,
}: {
  readonly text: string;
  readonly what: string;
}): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  showStatus(`Copied ${what}`, 3000);
}

export async function revealInExplorer(path: string): Promise<void> {
  const uri = vscode.Uri.file(path);
  if (vscode.workspace.getWorkspaceFolder(uri) !== undefined) {
    await vscode.commands.executeCommand("revealInExplorer", uri);
    return;
  }
  // Outside the workspace the explorer has nothing to select: offer the folder instead.
  await vscode.env.clipboard.writeText(path);
  showStatus(`${parentPath(path)} is outside the workspace; its path was copied`, 5000);
}
