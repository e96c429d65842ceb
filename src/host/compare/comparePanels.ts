import * as vscode from "vscode";
import { showInformation, showWarning } from "../messages";
import { keptPanelState } from "../webviewPage";
import {
  ComparePanel,
  type CompareServices,
  compareViewType,
  maxSnapshots,
  type PanelState,
} from "./comparePanel";

/** A comparison of one is none. */
const fewestSnapshots = 2;

/** Opens comparisons, and makes them again after a window reload. */
export class ComparePanels implements vscode.WebviewPanelSerializer {
  constructor(private readonly services: CompareServices) {}

  /** @param paths two to eight checkpoints, left to right. */
  async open(paths: readonly string[]): Promise<void> {
    if (paths.length < fewestSnapshots) {
      const picked = await this.services.pickSnapshots(paths, "Compare with which snapshots?");
      if (picked.length === 0) return;
      return this.open([...paths, ...picked]);
    }
    if (paths.length > maxSnapshots) {
      showWarning(`${paths.length} snapshots are selected; the first ${maxSnapshots} are compared.`);
    }
    this.attach(this.createPanel("Compare Snapshots"), { paths: paths.slice(0, maxSnapshots) });
  }

  /** Follows the updates of a run's checkpoints, in their order; the columns are some of them, the ends among them. */
  openTimeline(runName: string, checkpoints: readonly string[]): void {
    if (checkpoints.length < fewestSnapshots) {
      const message = `${runName} has ${checkpoints.length === 0 ? "no checkpoint with weights" : "only one checkpoint with weights"}: a timeline needs two or more.`;
      void showInformation(message);
      return;
    }
    const paths = spread(checkpoints, maxSnapshots);
    this.attach(this.createPanel(`Timeline of ${runName}`), { paths, timeline: checkpoints });
  }

  /** Where all snapshots of a run come from; some of them are compared in the same panel. */
  openLineage(runName: string, checkpoints: readonly string[]): void {
    if (checkpoints.length < fewestSnapshots) {
      void showInformation(`${runName} has no two checkpoints with weights: there is no lineage to show.`);
      return;
    }
    const paths = spread(checkpoints, maxSnapshots);
    const panel = this.createPanel(`Lineage of ${runName}`);
    this.attach(panel, { paths, timeline: checkpoints, startPage: "lineage" });
  }

  private createPanel(title: string): vscode.WebviewPanel {
    return vscode.window.createWebviewPanel(compareViewType, title, vscode.ViewColumn.Active);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const kept = keptPanelState(state);
    // A panel whose state was lost has nothing to show, and an empty one would only puzzle.
    if (!isPanelState(kept) || kept.paths.length < fewestSnapshots) panel.dispose();
    else this.attach(panel, kept);
  }

  private attach(panel: vscode.WebviewPanel, { paths, timeline, startPage }: PanelState): void {
    panel.iconPath = vscode.Uri.joinPath(this.services.extensionUri, "media", "compare.svg");
    new ComparePanel(panel, paths, this.services, timeline, startPage);
  }
}

/** `count` of the items at equal distances, the first and the last among them. */
function spread<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  const chosen = Array.from({ length: count }, (_, at) =>
    Math.round((at * (items.length - 1)) / (count - 1)),
  );
  return chosen.map((index) => items[index] as T);
}

function isPanelState(state: unknown): state is PanelState {
  if (typeof state !== "object" || state === null || !("paths" in state)) return false;
  return isPathList(state.paths) && (!("timeline" in state) || isPathList(state.timeline));
}

function isPathList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((path) => typeof path === "string");
}
