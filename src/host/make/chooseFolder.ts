import * as vscode from "vscode";

/** Asks for the folder that a new snapshot is put into. */
export async function chooseFolder(folder: string): Promise<string | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: "Folder for the new snapshot",
    openLabel: "Choose",
    canSelectFiles: false,
    canSelectFolders: true,
    defaultUri: vscode.Uri.file(folder),
  });
  return picked?.[0]?.fsPath;
}
