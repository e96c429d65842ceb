import * as vscode from "vscode";
import type { DiscoveredRuns } from "../../core/runs/run";
import type { WorkerClient } from "../analysis/workerClient";
import type { StageStore } from "../files/stageStore";
import { debounce } from "../lifecycle";
import type { Log } from "../log";
import { onRunSettingsChanged, runSettings } from "../settings";

/** A training writes many files at a time; look again when it has been quiet for so long. */
const quietMs = 1000;

/** Files whose coming or going changes what the tree says. Optimizer shards and the like don't. */
const watchedFiles =
  "**/{trainer_state.json,adapter_config.json,checkpoint-stage.json,*.safetensors,*.safetensors.index.json,*tfevents*,metrics.csv,trainer_log.jsonl,*.wandb}";

export interface ExtraRoot {
  readonly path: string;
  readonly name: string;
}

/** The runs of the workspace, found by the worker and found again when files change. */
export class RunsModel {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly disposables: vscode.Disposable[] = [this.changed];
  private found: Promise<DiscoveredRuns> | undefined;
  private searching: AbortController | undefined;

  constructor(
    private readonly worker: WorkerClient,
    private readonly stages: StageStore,
    private readonly log: Log,
    private readonly extraRoots: () => readonly ExtraRoot[],
  ) {}

  /** What was found; the first call starts the search and the watching. */
  current(): Promise<DiscoveredRuns> {
    if (this.found === undefined) {
      this.watch();
      this.found = this.discover();
    }
    return this.found;
  }

  async refresh(): Promise<void> {
    if (this.found === undefined) return;
    this.found = this.discover();
    await this.found;
    this.changed.fire();
  }

  dispose(): void {
    this.searching?.abort();
    for (const disposable of this.disposables) disposable.dispose();
  }

  private async discover(): Promise<DiscoveredRuns> {
    this.searching?.abort();
    const searching = new AbortController();
    this.searching = searching;
    const { exclude, maxDepth, maxFolders } = runSettings();
    const startedMs = performance.now();
    try {
      const found = await this.worker.call(
        "discoverRuns",
        { roots: this.roots(), exclude, maxDepth, maxFolders, userStages: this.stages.entries() },
        searching.signal,
      );
      const elapsedMs = Math.round(performance.now() - startedMs);
      this.log.info(`Found ${found.runs.length} runs in ${elapsedMs} ms`);
      for (const problem of found.problems) this.log.warn(problem.message);
      return found;
    } catch (error) {
      if (searching.signal.aborted && this.found !== undefined && this.searching !== searching)
        return this.found;
      this.log.error(`Looking for runs failed: ${error instanceof Error ? error.message : String(error)}`);
      return { runs: [], truncated: false, problems: [] };
    }
  }

  private roots(): ExtraRoot[] {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file");
    return [...folders.map(({ uri, name }) => ({ path: uri.fsPath, name })), ...this.extraRoots()];
  }

  private watch(): void {
    const again = debounce(quietMs, () => void this.refresh());
    const watcher = vscode.workspace.createFileSystemWatcher(watchedFiles);
    const onEvent = () => again.run();
    this.disposables.push(
      again,
      watcher,
      watcher.onDidCreate(onEvent),
      watcher.onDidChange(onEvent),
      watcher.onDidDelete(onEvent),
      vscode.workspace.onDidChangeWorkspaceFolders(onEvent),
      onRunSettingsChanged(onEvent),
      this.stages.onDidChange(onEvent),
    );
  }
}
