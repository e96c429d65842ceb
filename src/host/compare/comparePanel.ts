import type * as vscode from "vscode";
import { type Channel, isAbortError } from "../../protocol/channel";
import type { CompareHostCalls, ComparePageCalls, CompareState } from "../../protocol/compareSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { copyText } from "../editor/openPath";
import type { Log } from "../log";
import { connectPage, keepPanelState } from "../webviewPage";

export const compareViewType = "checkpointExplorer.compare";

/** More columns than fit a screen tell nothing. */
export const maxSnapshots = 8;

/** What the panel needs of the rest of the extension. */
export interface CompareServices {
  readonly extensionUri: vscode.Uri;
  readonly worker: WorkerClient;
  readonly log: Log;
  userStages(): readonly (readonly [path: string, stage: string])[];
  pickSnapshots(exclude: readonly string[], title: string): Promise<readonly string[]>;
  open(path: string): Promise<void>;
  setStage(path: string): Promise<void>;
  readonly onStagesChanged: vscode.Event<void>;
}

/** One comparison: its snapshots, left to right, and what was computed of them. */
export class ComparePanel {
  private readonly channel: Channel<CompareHostCalls, ComparePageCalls>;
  private state: CompareState;
  private handle: number | undefined;
  private generation = 0;
  private running: AbortController | undefined;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private paths: readonly string[],
    private readonly services: CompareServices,
  ) {
    this.state = { status: "working", paths };
    this.channel = connectPage<CompareHostCalls, ComparePageCalls>(
      panel.webview,
      services.extensionUri,
      "compare",
      {
        ready: () => this.state,
        moduleDetail: async ({ module }, signal) => {
          if (this.handle === undefined) throw new Error("The comparison is not computed.");
          return services.worker.call("compareModule", { handle: this.handle, module }, signal);
        },
        arrange: ({ paths: arranged }) => this.show(arranged),
        add: () => this.addSnapshots(),
        open: ({ path }) => services.open(path),
        setStage: ({ path }) => services.setStage(path),
        reload: () => this.compute(),
        copy: copyText,
        cancel: () => this.cancel(),
      },
      panelState(paths),
    );
    const stages = services.onStagesChanged(() => void this.compute());
    panel.onDidDispose(() => {
      stages.dispose();
      this.running?.abort();
      this.release();
      this.channel.close(new Error("The comparison was closed."));
    });
    void this.compute();
  }

  private async show(paths: readonly string[]): Promise<void> {
    this.paths = paths.slice(0, maxSnapshots);
    keepPanelState(this.panel.webview, panelState(this.paths));
    await this.compute();
  }

  private async addSnapshots(): Promise<void> {
    const picked = await this.services.pickSnapshots(this.paths, "Add snapshots to the comparison");
    if (picked.length > 0) await this.show([...this.paths, ...picked]);
  }

  private cancel(): void {
    this.running?.abort();
    this.setState({ status: "failed", message: "The comparison was stopped." });
  }

  private async compute(): Promise<void> {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.setState({ status: "working", paths: this.paths });
    const { worker, log } = this.services;
    const progress = worker.listenToProgress((step) => this.channel.notify("progress", step));
    try {
      const { handle, view } = await worker.call(
        "compare",
        { paths: this.paths, userStages: this.services.userStages(), progressToken: progress.token },
        running.signal,
      );
      this.release();
      this.handle = handle;
      this.setState({ status: "ready", generation: ++this.generation, view });
    } catch (error) {
      if (isAbortError(error)) return;
      const message = error instanceof Error ? error.message : String(error);
      log.error(`Comparison failed: ${message}`);
      this.setState({ status: "failed", message });
    } finally {
      progress.dispose();
    }
  }

  private setState(state: CompareState): void {
    this.state = state;
    this.channel.notify("changed", state);
  }

  private release(): void {
    if (this.handle === undefined) return;
    this.services.worker.call("close", { handle: this.handle }).catch(() => undefined);
    this.handle = undefined;
  }
}

function panelState(paths: readonly string[]): { readonly paths: readonly string[] } {
  return { paths };
}
