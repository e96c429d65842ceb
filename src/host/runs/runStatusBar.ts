import * as vscode from "vscode";
import { findRun } from "../../core/runs/discover/runNames";
import type { Run } from "../../core/runs/run";
import { isTraining } from "../../core/runs/status/liveness";
import { runDetails } from "../../core/runs/status/runRows";
import { newestTraining, statusBarText } from "../../core/runs/status/statusBarText";
import { onViewSettingsChanged, showsStatusBar } from "../settings";
import type { RunPanels } from "./runPanels";
import type { RunsModel } from "./runsModel";
import type { RunsVisibility } from "./runsVisibility";

export interface StatusBarServices {
  readonly model: RunsModel;
  readonly visibility: RunsVisibility;
  readonly runPanels: RunPanels;
}

/** Where the training stands that is being watched; hidden when none is. */
export class RunStatusBar {
  private readonly item = vscode.window.createStatusBarItem(
    "checkpointExplorer.run",
    vscode.StatusBarAlignment.Left,
    -1,
  );
  private readonly disposables: vscode.Disposable[] = [this.item];
  private isShown = false;
  /** Of the run that the item's command opens. */
  private shownId: string | undefined;

  constructor(private readonly services: StatusBarServices) {
    this.item.name = "Checkpoint Explorer: Watched Run";
    const { model, visibility, runPanels } = services;
    const update = () => this.update();
    visibility.add(() => this.isShown);
    this.disposables.push(
      model.onDidUpdate(update),
      onViewSettingsChanged(update),
      runPanels.onDidChangeActive(update),
    );
  }

  dispose(): void {
    for (const disposable of this.disposables) disposable.dispose();
  }

  private update(): void {
    const nowMs = Date.now();
    const run = showsStatusBar() ? this.chosen(nowMs) : undefined;
    const text = run === undefined ? undefined : statusBarText(run, isTraining(run, nowMs));
    if (run === undefined || text === undefined) {
      this.item.hide();
      this.isShown = false;
      return;
    }
    this.item.text = text.text;
    this.item.accessibilityInformation = { label: text.label };
    // A new command would take the place of the old one at every step, and a click in between would find neither.
    if (this.shownId !== run.id) this.item.command = openChartCommand(run);
    this.shownId = run.id;
    const tooltip = new vscode.MarkdownString();
    for (const line of [run.name, ...runDetails(run, nowMs)]) tooltip.appendText(line).appendMarkdown("\n\n");
    this.item.tooltip = tooltip;
    this.item.show();
    this.isShown = true;
  }

  private chosen(nowMs: number): Run | undefined {
    const { model, runPanels } = this.services;
    const { runs } = model.known;
    const { active } = runPanels;
    return (active === undefined ? undefined : findRun(runs, active)) ?? newestTraining(runs, nowMs);
  }
}

function openChartCommand(run: Run): vscode.Command {
  const { id, name } = run;
  const command = "checkpointExplorer.openChart";
  return { command, title: "Open Chart of Run", arguments: [{ kind: "run", run: { id, name } }] };
}
