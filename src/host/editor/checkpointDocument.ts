import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import * as vscode from "vscode";
import { checkpointIdentity } from "../../core/checkpoint/identity";
import { CheckpointError } from "../../core/problem/checkpointError";
import { maxWholeFileBytes } from "../../core/problem/limits";
import { formatBytes } from "../../core/text/quantities";
import type { CheckpointLocation } from "../../protocol/checkpointCalls";
import type { EditorState } from "../../protocol/editorSurface";
import type { OpenRun } from "../../protocol/runCalls";
import type { ScanMemory } from "../analysis/scanMemory";
import type { WorkerClient } from "../analysis/workerClient";
import type { StageStore } from "../files/stageStore";
import { debounce } from "../lifecycle";
import { toCheckpointError } from "../toCheckpointError";
import { TensorScan } from "./tensorScan";

/** A training writes a checkpoint file by file; wait until it has been quiet for so long. */
const quietMs = 400;

/** An open checkpoint: its state in the worker, kept true to the file on disk. */
export class CheckpointDocument implements vscode.CustomDocument {
  private readonly changed = new vscode.EventEmitter<EditorState>();
  readonly onDidChange = this.changed.event;
  private readonly disposables: vscode.Disposable[] = [this.changed];
  private generation = 0;
  private isDisposed = false;
  private handle: number | undefined;
  private loaded: Promise<EditorState> | undefined;
  private fingerprint: string | undefined;
  readonly scan: TensorScan;
  private trainingRun: Promise<OpenRun | undefined> | undefined;

  constructor(
    readonly uri: vscode.Uri,
    private readonly worker: Pick<WorkerClient, "call">,
    private readonly stages: StageStore,
    scans: ScanMemory,
  ) {
    this.scan = new TensorScan(
      worker,
      () => this.openHandle(),
      scans.folder,
      ({ problems }) => void scans.remember(this.path, problems),
    );
    this.disposables.push(this.scan);
    this.disposables.push(stages.onDidChange(() => void this.reload()));
  }

  /** The state, read once however many pages ask. */
  state(): Promise<EditorState> {
    this.loaded ??= this.loadThenWatch();
    return this.loaded;
  }

  /** Reads the file again and tells every page. */
  async reload(): Promise<void> {
    this.loaded = this.load();
    const state = await this.loaded;
    this.changed.fire(state);
  }

  /** The worker's handle of what is shown. @throws when the checkpoint could not be opened. */
  async openHandle(): Promise<number> {
    await this.state();
    if (this.handle === undefined) throw new Error("The checkpoint is not open.");
    return this.handle;
  }

  /** The path that the checkpoint goes by: stages and choices of the user are kept under it. */
  async identity(): Promise<string> {
    const state = await this.state();
    return checkpointIdentity(state.status === "ready" ? state.summary.path : state.path);
  }

  /** The log beside it, read once however many pages ask; undefined where there is none. */
  training(): Promise<OpenRun | undefined> {
    this.trainingRun ??= this.openHandle().then((handle) => this.worker.call("training", { handle }));
    // A failure is told, and the next request tries again.
    this.trainingRun.catch(() => {
      this.trainingRun = undefined;
    });
    return this.trainingRun;
  }

  dispose(): void {
    this.isDisposed = true;
    this.release();
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** Watching asks the window, which is busy enough while the file opens; and what is watched is then looked at once more. */
  private async loadThenWatch(): Promise<EditorState> {
    try {
      return await this.load();
    } finally {
      if (!this.isDisposed) this.watch();
    }
  }

  private async load(): Promise<EditorState> {
    const generation = ++this.generation;
    const before = this.fingerprint;
    this.fingerprint = await fingerprintOf(this.uri);
    // A stage that was set has the file read again too, and changes none of its numbers.
    if (before !== this.fingerprint) this.scan.reset();
    const about = { generation, path: this.path, name: basename(this.path) };
    if (this.fingerprint === undefined) {
      this.release();
      return { status: "deleted", ...about };
    }
    try {
      const location = await this.location();
      const opened = await this.worker.call("open", { location, userStages: this.stages.entries() });
      this.release();
      this.handle = opened.handle;
      // A newer reload will open its own; this one's state is shown by nobody.
      if (generation !== this.generation) this.release();
      return { status: "ready", generation, summary: opened.summary };
    } catch (error) {
      this.release();
      const fileBytes = await sizeOf(this.uri);
      return { status: "failed", ...about, fileBytes, problem: toCheckpointError(error).toProblem() };
    }
  }

  private get path(): string {
    return this.uri.scheme === "file" ? this.uri.fsPath : this.uri.path;
  }

  /** Local files are read by range in the worker; others only whole, which VS Code's file API allows. */
  private async location(): Promise<CheckpointLocation> {
    if (this.uri.scheme === "file") return { kind: "path", path: this.uri.fsPath };
    const { size } = await vscode.workspace.fs.stat(this.uri);
    if (size > maxWholeFileBytes) {
      const message =
        `Files of ${this.uri.scheme}: can only be read whole, and this one has ${formatBytes(size)} ` +
        `(the limit is ${formatBytes(maxWholeFileBytes)}). Open it from a local folder or over Remote-SSH.`;
      throw new CheckpointError("FileTooLarge", message);
    }
    return { kind: "content", path: this.uri.path, content: await vscode.workspace.fs.readFile(this.uri) };
  }

  private release(): void {
    const close = (handle: number) => this.worker.call("close", { handle }).catch(() => undefined);
    void this.trainingRun?.then((run) => run && close(run.handle)).catch(() => undefined);
    this.trainingRun = undefined;
    if (this.handle === undefined) return;
    void close(this.handle);
    this.handle = undefined;
  }

  /** The whole folder: a config, a log or a label beside the weights is shown too. */
  private watch(): void {
    const folder = isFolder(this.uri) ? this.uri : vscode.Uri.joinPath(this.uri, "..");
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, "*"));
    const check = debounce(quietMs, () => void this.reloadIfChanged());
    const onEvent = (uri: vscode.Uri) => {
      if (this.concerns(uri)) check.run();
    };
    this.disposables.push(
      watcher,
      watcher.onDidCreate(onEvent),
      watcher.onDidChange(onEvent),
      watcher.onDidDelete(onEvent),
      check,
    );
    // It may have changed since it was read.
    check.run();
  }

  private concerns(uri: vscode.Uri): boolean {
    const name = basename(uri.path);
    if (uri.path.startsWith(`${this.uri.path}/`)) return true;
    return uri.path === this.uri.path || name.endsWith(".json") || name.endsWith(".safetensors");
  }

  private async reloadIfChanged(): Promise<void> {
    if (this.loaded === undefined) return;
    if ((await fingerprintOf(this.uri)) !== this.fingerprint) await this.reload();
  }
}

/** Known at once, since what is watched depends on it. Folders elsewhere than on this disk are not opened. */
function isFolder(uri: vscode.Uri): boolean {
  return uri.scheme === "file" && statSync(uri.fsPath, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Of a folder with more files the times of the first say enough: each save touches many. */
const mostComparedFiles = 500;

async function folderFingerprint(uri: vscode.Uri): Promise<string> {
  const entries = await vscode.workspace.fs.readDirectory(uri);
  const names = entries.map(([name]) => name).sort();
  const lines = await Promise.all(
    names.slice(0, mostComparedFiles).map((name) => statLine(vscode.Uri.joinPath(uri, name))),
  );
  return [names.length, ...names.slice(0, mostComparedFiles), ...lines].join("|");
}

/** Size and time of the file and of the small files beside it that are shown; undefined when the file is gone. */
async function fingerprintOf(uri: vscode.Uri): Promise<string | undefined> {
  const own = await statLine(uri);
  if (own === undefined) return undefined;
  if (isFolder(uri)) return folderFingerprint(uri);
  const folder = vscode.Uri.joinPath(uri, "..");
  const shown = ["trainer_state.json", "adapter_config.json", "config.json", "checkpoint-stage.json"];
  const others = await Promise.all(shown.map((name) => statLine(vscode.Uri.joinPath(folder, name))));
  return [own, ...others].join("|");
}

async function statLine(uri: vscode.Uri): Promise<string | undefined> {
  try {
    if (uri.scheme === "file") {
      // VS Code's own answer comes through its window, which is busy while an editor opens.
      const { size, mtimeMs } = await stat(uri.fsPath);
      return `${size}:${mtimeMs}`;
    }
    const { size, mtime } = await vscode.workspace.fs.stat(uri);
    return `${size}:${mtime}`;
  } catch {
    return undefined;
  }
}

async function sizeOf(uri: vscode.Uri): Promise<number | undefined> {
  try {
    return isFolder(uri) ? undefined : (await vscode.workspace.fs.stat(uri)).size;
  } catch {
    return undefined;
  }
}
