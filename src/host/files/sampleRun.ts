import { cp, rm } from "node:fs/promises";
import * as vscode from "vscode";
import type { ExtraRoot } from "../runs/runsModel";

const openedKey = "checkpointExplorer.sampleOpened";

/**
 * The sample run that ships with the extension. It is copied before it is opened: a label that the user sets
 * must not change the installed extension.
 */
export class SampleRun {
  constructor(private readonly context: vscode.ExtensionContext) {}

  /** The root to show in the run tree, if the user has opened the sample. */
  roots(): readonly ExtraRoot[] {
    return this.context.globalState.get<boolean>(openedKey) === true
      ? [{ path: this.folder.fsPath, name: "Sample run" }]
      : [];
  }

  async open(): Promise<void> {
    const shipped = vscode.Uri.joinPath(this.context.extensionUri, "media", "sample");
    await cp(shipped.fsPath, this.folder.fsPath, { recursive: true, force: true });
    await this.context.globalState.update(openedKey, true);
  }

  async close(): Promise<void> {
    await this.context.globalState.update(openedKey, undefined);
    await rm(this.folder.fsPath, { recursive: true, force: true });
  }

  private get folder(): vscode.Uri {
    return vscode.Uri.joinPath(this.context.globalStorageUri, "sample");
  }
}
