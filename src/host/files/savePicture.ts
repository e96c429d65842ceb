import { homedir } from "node:os";
import * as vscode from "vscode";
import { messageOf } from "../../core/problem/messageOf";
import type { Picture } from "../../protocol/picture";
import { showError, showInformation } from "../messages";
import { atomicWrite } from "./atomicWrite";
import { isPng, pictureFileName } from "./pictureFile";

/** The folder that the last picture went to: the next is likely to belong there too. */
let lastFolder: vscode.Uri | undefined;

/** Asks where a picture should go and writes it there: all of it or nothing. */
export async function savePicture({ bytes, name }: Picture): Promise<void> {
  if (!isPng(bytes)) throw new Error("What the page sent is no PNG picture.");
  const folder = lastFolder ?? vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const target = await vscode.window.showSaveDialog({
    title: "Save Picture",
    defaultUri: vscode.Uri.joinPath(folder, pictureFileName(name)),
    filters: { "PNG picture": ["png"] },
  });
  if (target === undefined) return;
  lastFolder = vscode.Uri.joinPath(target, "..");
  try {
    // The dialog has asked whether a file of this name is to be replaced.
    if (target.scheme === "file") await atomicWrite(target.fsPath, bytes, true);
    else await vscode.workspace.fs.writeFile(target, bytes);
  } catch (error) {
    const reason = messageOf(error);
    showError(`The picture could not be saved: ${reason}`);
    return;
  }
  const open = "Open";
  const answer = await showInformation(`Saved ${target.path.split("/").pop()}`, open);
  if (answer === open) await vscode.commands.executeCommand("vscode.open", target);
}
