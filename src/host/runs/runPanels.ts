import * as vscode from "vscode";
import { showWarning } from "../messages";
import { keptPanelState } from "../webviewPage";
import type { ChartTarget } from "./followedRun";
import { idOf, maxRuns, type RunChartServices, RunPanel } from "./runPanel";

export const runViewType = "checkpointExplorer.run";

/** Opens charts of runs, and makes them again after a window reload. What is open already is shown again. */
export class RunPanels implements vscode.WebviewPanelSerializer {
  private readonly open = new Set<RunPanel>();
  private readonly lookedAt = new vscode.EventEmitter<void>();
  /** Another chart, or none, is before the user. */
  readonly onDidChangeActive = this.lookedAt.event;

  constructor(private readonly services: RunChartServices) {}

  /** Id of the run whose chart the user looks at; of several the first. */
  get active(): string | undefined {
    const targets = [...this.open].find(({ isVisible }) => isVisible)?.targets ?? [];
    return targets.find((target) => target.kind === "run")?.id;
  }

  /** @param runs ids, in the order in which they are listed. */
  async showRuns(runs: readonly string[]): Promise<void> {
    const chosen = [...new Set(runs.length > 0 ? runs : await this.services.pickRuns([]))];
    if (chosen.length === 0) return;
    if (chosen.length > maxRuns) {
      showWarning(`${chosen.length} runs are selected; the first ${maxRuns} are charted.`);
    }
    this.show(chosen.slice(0, maxRuns).map((id) => ({ kind: "run", id })));
  }

  showLog(path: string): void {
    this.show([{ kind: "log", path }]);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const targets = targetsOf(keptPanelState(state));
    if (targets.length === 0) panel.dispose();
    else this.attach(panel, targets);
  }

  private show(targets: readonly ChartTarget[]): void {
    const wanted = targets.map(idOf).join("\n");
    const known = [...this.open].find((panel) => panel.targets.map(idOf).join("\n") === wanted);
    if (known !== undefined) {
      known.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(runViewType, "Chart", vscode.ViewColumn.Active);
    this.attach(panel, targets);
  }

  private attach(panel: vscode.WebviewPanel, targets: readonly ChartTarget[]): void {
    panel.iconPath = vscode.Uri.joinPath(this.services.extensionUri, "media", "chart.svg");
    const opened = new RunPanel(panel, targets, this.services);
    this.open.add(opened);
    panel.onDidChangeViewState(() => this.lookedAt.fire());
    panel.onDidDispose(() => {
      this.open.delete(opened);
      this.lookedAt.fire();
    });
  }
}

/** Written by some version of this extension; once it was the id of the only run. */
function targetsOf(kept: unknown): ChartTarget[] {
  if (typeof kept === "string") return [{ kind: "run", id: kept }];
  if (typeof kept !== "object" || kept === null || !("targets" in kept) || !Array.isArray(kept.targets))
    return [];
  return kept.targets.filter(isTarget).slice(0, maxRuns);
}

function isTarget(value: unknown): value is ChartTarget {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  if (value.kind === "run") return "id" in value && typeof value.id === "string";
  return value.kind === "log" && "path" in value && typeof value.path === "string";
}
