import * as vscode from "vscode";
import type { Run } from "../../core/runs/run";
import type { Channel } from "../../protocol/channel";
import type { RunHostCalls, RunPageCalls, RunState } from "../../protocol/runSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { toFormatError } from "../editor/checkpointDocument";
import { copyText } from "../editor/openPath";
import { connectPage, keptPanelState } from "../webviewPage";
import type { RunsModel } from "./runsModel";

export const runViewType = "checkpointExplorer.run";

export interface RunChartServices {
  readonly extensionUri: vscode.Uri;
  readonly worker: WorkerClient;
  readonly runs: RunsModel;
  open(path: string): Promise<void>;
}

/** The charts of a run, one panel a run, made again after a window reload. */
export class RunPanels implements vscode.WebviewPanelSerializer {
  private readonly open = new Map<string, vscode.WebviewPanel>();
  private readonly lookedAt = new vscode.EventEmitter<void>();
  /** Another chart, or none, is before the user. */
  readonly onDidChangeActive = this.lookedAt.event;

  constructor(private readonly services: RunChartServices) {}

  /** Id of the run whose chart the user looks at. */
  get active(): string | undefined {
    return [...this.open].find(([, panel]) => panel.visible)?.[0];
  }

  show(run: Run): void {
    const known = this.open.get(run.id);
    if (known !== undefined) {
      known.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(runViewType, run.name, vscode.ViewColumn.Active);
    this.attach(panel, run.id);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const kept = keptPanelState(state);
    if (typeof kept === "string") this.attach(panel, kept);
    else panel.dispose();
  }

  private attach(panel: vscode.WebviewPanel, runId: string): void {
    const { extensionUri, runs } = this.services;
    panel.iconPath = vscode.Uri.joinPath(extensionUri, "media", "chart.svg");
    this.open.set(runId, panel);
    let generation = 0;
    const load = () => this.load(runId, ++generation);
    const channel: Channel<RunHostCalls, RunPageCalls> = connectPage<RunHostCalls, RunPageCalls>(
      panel.webview,
      extensionUri,
      "run",
      {
        ready: load,
        open: ({ path }) => this.services.open(path),
        reload: () => runs.refresh(),
        copy: copyText,
      },
      runId,
    );
    const changes = runs.onDidUpdate(async () => channel.notify("changed", await load()));
    panel.onDidChangeViewState(() => this.lookedAt.fire());
    panel.onDidDispose(() => {
      changes.dispose();
      channel.close(new Error("The chart was closed."));
      this.open.delete(runId);
      this.lookedAt.fire();
    });
  }

  private async load(runId: string, generation: number): Promise<RunState> {
    const { runs: discovered } = await this.services.runs.current();
    const run = discovered.find((candidate) => candidate.id === runId);
    if (run === undefined) return goneRun(runId);
    try {
      const training = await this.services.worker.call("runTraining", { run });
      return { status: "ready", generation, name: run.name, path: run.path, training };
    } catch (error) {
      return { status: "failed", name: run.name, path: run.path, problem: toFormatError(error).toProblem() };
    }
  }
}

function goneRun(path: string): RunState {
  const message = "This run is no longer in the workspace: its folder was moved or deleted, or is excluded.";
  return { status: "failed", name: path, path, problem: { severity: "error", code: "NotFound", message } };
}
