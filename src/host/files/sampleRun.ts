import { cp, rm } from "node:fs/promises";
import * as vscode from "vscode";
import type { ExtraRoot } from "../runs/runsModel";

const openedKey = "checkpointExplorer.sampleOpened";

/**
 * The sample run that ships with the extension. It is copied before it is opened: a label that the user sets
 * must not change the installed extension.
 */
export class SampleRun {
  constructor(private readonly context: vscode.ExtensionContext) {
    this.tellMenus();
  }

  /** The root to show in the run tree, if the user has opened the sample. */
  roots(): readonly ExtraRoot[] {
    return this.isOpen ? [{ path: this.folder.fsPath, name: "Sample run" }] : [];
  }

  async open(): Promise<void> {
    const shipped = vscode.Uri.joinPath(this.context.extensionUri, "media", "sample");
    await cp(shipped.fsPath, this.folder.fsPath, { recursive: true, force: true });
    await this.context.globalState.update(openedKey, true);
    this.tellMenus();
  }

  async close(): Promise<void> {
    await this.context.globalState.update(openedKey, undefined);
    this.tellMenus();
    await rm(this.folder.fsPath, { recursive: true, force: true });
  }

  private get isOpen(): boolean {
    return this.context.globalState.get<boolean>(openedKey) === true;
  }

  /** What is open is not offered to be opened, nor what is closed to be closed. */
  private tellMenus(): void {
    void vscode.commands.executeCommand("setContext", openedKey, this.isOpen);
  }

  private get folder(): vscode.Uri {
    return vscode.Uri.joinPath(this.context.globalStorageUri, "sample");
  }
}
