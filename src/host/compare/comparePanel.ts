import type * as vscode from "vscode";
import type { CompareView } from "../../core/compare/compareView";
import { messageOf } from "../../core/problem/messageOf";
import { type CallListeners, type Channel, isAbortError } from "../../protocol/channel";
import { headOf, pieceOf } from "../../protocol/comparePieces";
import type { CompareHostCalls, ComparePageCalls, CompareState } from "../../protocol/compareSurface";
import { compareParams } from "../../protocol/params/compareParams";
import { forward, listenersOf } from "../analysis/forward";
import type { WorkerClient } from "../analysis/workerClient";
import { copyText } from "../editor/openPath";
import { savePicture } from "../files/savePicture";
import type { Log } from "../log";
import type { BaseModels } from "../make/baseModels";
import { analysisThreads } from "../settings";
import { connectPage, keepPanelState } from "../webviewPage";
import { baseHandlers } from "./baseHandlers";
import { TensorDiffRun } from "./tensorDiffRun";
import { TimelineCache } from "./timelineCache";

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
  /** False when the user gave none. */
  reduceRank(path: string): Promise<void>;
  readonly baseModels: BaseModels;
  setStage(path: string): Promise<boolean>;
  readonly onStagesChanged: vscode.Event<void>;
  /** Selects a snapshot in Training Runs; nothing where it is not there. */
  reveal(path: string): Promise<void>;
  /** In a panel of its own. */
  compare(paths: readonly string[]): Promise<void>;
}

export interface PanelState {
  readonly paths: readonly string[];
  readonly startPage?: "lineage";
  readonly timeline?: readonly string[];
}

interface ReadyState {
  readonly status: "ready";
  readonly generation: number;
  readonly view: CompareView;
}

/** One comparison: its snapshots, left to right, and what was computed of them. */
export class ComparePanel {
  private readonly channel: Channel<CompareHostCalls, ComparePageCalls>;
  private state: Exclude<CompareState, { readonly status: "ready" }> | ReadyState;
  private handle: number | undefined;
  private generation = 0;
  private running: AbortController | undefined;
  private readonly diff: TensorDiffRun;
  private readonly timelines = new TimelineCache((...wanted) => this.computeTimeline(...wanted));

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private paths: readonly string[],
    private readonly services: CompareServices,
    /** The checkpoints of the run that the panel is to follow. */
    private readonly timelinePaths?: readonly string[],
    private readonly startPage?: "lineage",
  ) {
    this.state = { status: "working", paths };
    this.diff = new TensorDiffRun(
      services.worker,
      () => this.openHandle(),
      (state) => this.channel.notify("diffChanged", state),
    );
    const own = () => ({ handle: this.openHandle() });
    this.channel = connectPage<CompareHostCalls, ComparePageCalls>(
      panel.webview,
      services.extensionUri,
      "compare",
      compareParams,
      {
        ready: () => this.pageState(),
        rows: ({ generation, first }) => this.rows(generation, first),
        moduleDetail: forward(services.worker, "compareModule", own),
        modulePair: forward(services.worker, "comparePair", own),
        startPage: () => this.startPage,
        lineage: (_none, signal) =>
          services.worker.call(
            "lineage",
            { paths: this.timelinePaths ?? this.paths, userStages: services.userStages() },
            signal,
          ),
        reveal: ({ path }) => services.reveal(path),
        compareApart: ({ paths: apart }) => services.compare(apart),
        arrange: ({ paths: arranged }) => this.show(arranged),
        add: () => this.addSnapshots(),
        open: ({ path }) => services.open(path),
        setStage: async ({ path }) => {
          await services.setStage(path);
        },
        setStages: async ({ paths: unstaged }) => {
          for (const path of unstaged) {
            if (!(await services.setStage(path))) return;
          }
        },
        reload: () => {
          this.timelines.forget();
          return this.compute();
        },
        copy: copyText,
        ...this.diff.handlers(),
        ...baseHandlers(services),
        reduceRank: ({ path }) => services.reduceRank(path),
        timelinePaths: () => this.timelinePaths,
        timeline: ({ paths: followed, metrics }, signal, tell) =>
          this.timelines.get(followed, metrics, signal, listenersOf(tell)),
        savePng: savePicture,
        cancel: () => this.cancel(),
      },
      this.panelState(),
    );
    const stages = services.onStagesChanged(() => void this.compute());
    panel.onDidDispose(() => {
      stages.dispose();
      this.running?.abort();
      this.diff.reset();
      this.release();
      this.channel.close(new Error("The comparison was closed."));
    });
    void this.compute();
  }

  private async show(paths: readonly string[]): Promise<void> {
    this.paths = paths.slice(0, maxSnapshots);
    keepPanelState(this.panel.webview, this.panelState());
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
    try {
      const { handle, view } = await worker.call(
        "compare",
        { paths: this.paths, userStages: this.services.userStages(), threads: analysisThreads() },
        running.signal,
        { onProgress: (step) => this.channel.notify("progress", step) },
      );
      this.release();
      this.handle = handle;
      this.diff.reset();
      if (this.timelinePaths === undefined) this.panel.title = comparisonTitle(view);
      this.setState({ status: "ready", generation: ++this.generation, view });
    } catch (error) {
      if (isAbortError(error)) return;
      const message = messageOf(error);
      log.error(`Comparison failed: ${message}`);
      this.setState({ status: "failed", message });
    }
  }

  private computeTimeline(paths: readonly string[], signal: AbortSignal, listeners: CallListeners) {
    const { worker, userStages } = this.services;
    const params = { paths, userStages: userStages(), threads: analysisThreads() };
    return worker.call("timeline", params, signal, listeners);
  }

  private setState(state: ComparePanel["state"]): void {
    this.state = state;
    this.channel.notify("changed", this.pageState());
  }

  private pageState(): CompareState {
    const { state } = this;
    if (state.status !== "ready") return state;
    const { status, generation, view } = state;
    return { status, generation, head: headOf(view), piece: pieceOf(view, 0) };
  }

  private rows(generation: number, first: number) {
    const { state } = this;
    if (state.status !== "ready" || state.generation !== generation) {
      throw new Error("The comparison was computed anew.");
    }
    return pieceOf(state.view, first);
  }

  /** What it takes to make the panel again after the window was reloaded. */
  private panelState(): PanelState {
    const { paths, timelinePaths: timeline } = this;
    return timeline === undefined ? { paths } : { paths, timeline };
  }

  private openHandle(): number {
    if (this.handle === undefined) throw new Error("The comparison is not computed.");
    return this.handle;
  }

  private release(): void {
    if (this.handle === undefined) return;
    this.services.worker.call("close", { handle: this.handle }).catch(() => undefined);
    this.handle = undefined;
  }
}

/** "01-svd ↔ checkpoint-240": the first and the last of what is compared, with how many there are. */
function comparisonTitle({ columns }: Pick<CompareView, "columns">): string {
  const ends = `${columns[0]?.label ?? ""} ↔ ${columns.at(-1)?.label ?? ""}`;
  return columns.length > 2 ? `${ends} (${columns.length})` : ends;
}
