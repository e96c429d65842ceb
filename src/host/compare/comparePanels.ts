import * as vscode from "vscode";
import { keptPanelState } from "../webviewPage";
import { ComparePanel, type CompareServices, compareViewType, maxSnapshots } from "./comparePanel";

/** Opens comparisons, and makes them again after a window reload. */
export class ComparePanels implements vscode.WebviewPanelSerializer {
  constructor(private readonly services: CompareServices) {}

  /** @param paths two to eight checkpoints, left to right. */
  async open(paths: readonly string[]): Promise<void> {
    if (paths.length < 2) {
      const picked = await this.services.pickSnapshots(paths, "Compare with which snapshots?");
      if (picked.length === 0) return;
      return this.open([...paths, ...picked]);
    }
    if (paths.length > maxSnapshots) {
      void vscode.window.showWarningMessage(
        `${paths.length} snapshots are selected; the first ${maxSnapshots} are compared.`,
      );
    }
    const panel = vscode.window.createWebviewPanel(
      compareViewType,
      "Compare Snapshots",
      vscode.ViewColumn.Active,
    );
    this.attach(panel, paths.slice(0, maxSnapshots));
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const kept = keptPanelState(state);
    const paths = isPathList(kept) ? kept.paths : [];
    // A panel whose state was lost has nothing to show, and an empty one would only puzzle.
    if (paths.length < 2) panel.dispose();
    else this.attach(panel, paths);
  }

  private attach(panel: vscode.WebviewPanel, paths: readonly string[]): void {
    panel.iconPath = vscode.Uri.joinPath(this.services.extensionUri, "media", "compare.svg");
    new ComparePanel(panel, paths, this.services);
  }
}

function isPathList(state: unknown): state is { readonly paths: readonly string[] } {
  return (
    typeof state === "object" &&
    state !== null &&
    "paths" in state &&
    Array.isArray(state.paths) &&
    state.paths.every((path) => typeof path === "string")
  );
}
