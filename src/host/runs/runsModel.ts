import * as vscode from "vscode";
import { joinPath } from "../../core/bytes/paths";
import { checkpointGlob, logGlob } from "../../core/formats/fileKinds";
import { messageOf } from "../../core/problem/messageOf";
import type { DiscoveredRuns, Run } from "../../core/runs/run";
import { loggedRun } from "../../core/runs/status/loggedRun";
import { liveLogs, type RunStatus, withStatus } from "../../core/runs/status/runStatus";
import type { RunStatusNews } from "../../core/runs/status/runStatusReader";
import type { WorkerClient } from "../analysis/workerClient";
import type { StageStore } from "../files/stageStore";
import { debounce } from "../lifecycle";
import type { Log } from "../log";
import { onSearchSettingsChanged, runSettings, shownMetrics } from "../settings";
import type { RunsVisibility } from "./runsVisibility";

/** A training writes many files at a time; look again when it has been quiet for so long. */
const quietMs = 1000;

/** A training may write all the time: look at it so often all the same. */
const longestQuietMs = 5000;

/** A search that was asked for by the way may take a tenth of the time. */
const restPerSearch = 10;

/** Between two tellings of what logs say, while those of many runs are read. */
const leastTellingMs = 250;

export interface ExtraRoot {
  readonly path: string;
  readonly name: string;
}

export interface RunsServices {
  readonly worker: WorkerClient;
  readonly stages: StageStore;
  readonly log: Log;
  readonly visibility: RunsVisibility;
  extraRoots(): readonly ExtraRoot[];
}

const nothing: DiscoveredRuns = { runs: [], truncated: false, problems: [] };

/** The runs of the workspace, found by the worker and found again when files change. */
export class RunsModel {
  private readonly changed = new vscode.EventEmitter<void>();
  /** The runs were found anew. */
  readonly onDidChange = this.changed.event;
  private readonly updated = new vscode.EventEmitter<void>();
  /** What is known of the runs has changed: they were found anew, or their logs were read. */
  readonly onDidUpdate = this.updated.event;
  private readonly disposables: vscode.Disposable[] = [this.changed, this.updated];
  private found: Promise<DiscoveredRuns> | undefined;
  /** As the search found it. */
  private raw: DiscoveredRuns = nothing;
  /** With what the logs say. */
  private latest: DiscoveredRuns = nothing;
  private readonly statuses = new Map<string, RunStatus>();
  private searching: AbortController | undefined;
  private readingLogs: AbortController | undefined;
  private lastSearch = { endedMs: 0, tookMs: 0 };
  /** Something changed while nobody looked. */
  private isStale = false;
  /** Of the last search: that it found nothing says nothing then. */
  hasFailed = false;

  constructor(private readonly services: RunsServices) {}

  /** What was found; the first call starts the search and the watching. */
  async current(): Promise<DiscoveredRuns> {
    if (this.found === undefined) {
      this.watch();
      this.found = this.discover();
      // Whoever does not ask itself hears of the first search as of every later one.
      this.found.then(
        () => this.updated.fire(),
        () => undefined,
      );
    }
    await this.found;
    return this.latest;
  }

  /** What is known at the moment, without a search. */
  get known(): DiscoveredRuns {
    return this.latest;
  }

  /** Somebody has asked for the runs: from then on they are kept up to date. */
  get isStarted(): boolean {
    return this.found !== undefined;
  }

  async refresh(): Promise<void> {
    if (this.found === undefined) return;
    this.isStale = false;
    this.found = this.discover();
    await this.found;
    this.changed.fire();
    this.updated.fire();
  }

  /** Searches again unless searching would then be most of what the worker does. */
  async refreshIfRested(): Promise<void> {
    const { endedMs, tookMs } = this.lastSearch;
    if (Date.now() - endedMs >= tookMs * restPerSearch) await this.refresh();
  }

  /** Catches up with what happened while nobody looked. */
  async catchUp(maxAgeMs: number): Promise<void> {
    if (this.isStale) await this.refresh();
    else if (Date.now() - this.lastSearch.endedMs > maxAgeMs) await this.refreshIfRested();
    else if (this.grown.size > 0) await this.readGrown();
  }

  /**
   * Reads what was added to the logs of some runs.
   * @returns whether checkpoints have come or gone meanwhile.
   */
  async readLogs(runs: readonly Run[], signal?: AbortSignal): Promise<boolean> {
    let checkpointsChanged = false;
    for (const run of runs) {
      const news = await this.readStatus(run, signal);
      if (signal?.aborted === true) return false;
      checkpointsChanged ||= news?.checkpointsChanged === true;
    }
    this.latest = this.withStatuses();
    return checkpointsChanged;
  }

  /** Undefined where the run has no logs besides those that the search has read. */
  private async readStatus(run: Run, signal?: AbortSignal): Promise<RunStatusNews | undefined> {
    if (liveLogs(run).length === 0) return undefined;
    const params = { run: loggedRun(run), metrics: shownMetrics() };
    const news = await this.services.worker.call("runStatus", params, signal);
    if (news !== undefined && signal?.aborted !== true) this.statuses.set(run.id, news.status);
    return news;
  }

  /** The folders that are searched. */
  rootPaths(): readonly string[] {
    return this.roots().map(({ path }) => path);
  }

  /** Has the rows drawn anew where they look different by now. */
  touch(): void {
    this.updated.fire();
  }

  dispose(): void {
    this.searching?.abort();
    this.readingLogs?.abort();
    for (const disposable of this.disposables) disposable.dispose();
  }

  private async discover(): Promise<DiscoveredRuns> {
    this.searching?.abort();
    const searching = new AbortController();
    this.searching = searching;
    const { worker, stages, log } = this.services;
    const { exclude, maxDepth, maxFolders } = runSettings();
    const startedMs = performance.now();
    try {
      const userStages = stages.entries();
      const metrics = shownMetrics();
      const roots = this.roots();
      const params = { roots, exclude, maxDepth, maxFolders, userStages, metrics };
      const found = await worker.call("discoverRuns", params, searching.signal);
      const tookMs = Math.round(performance.now() - startedMs);
      this.lastSearch = { endedMs: Date.now(), tookMs };
      this.hasFailed = false;
      log.info(`Found ${found.runs.length} runs in ${tookMs} ms`);
      for (const problem of found.problems) log.warn(problem.message);
      this.take(found);
      return found;
    } catch (error) {
      if (searching.signal.aborted && this.found !== undefined && this.searching !== searching)
        return this.found;
      log.error(`Looking for runs failed: ${messageOf(error)}`);
      this.hasFailed = true;
      this.take(nothing);
      return nothing;
    }
  }

  private take(found: DiscoveredRuns): void {
    const ids = new Set(found.runs.map(({ id }) => id));
    for (const id of this.statuses.keys()) if (!ids.has(id)) this.statuses.delete(id);
    this.raw = found;
    this.latest = this.withStatuses();
    void this.readAllLogs();
  }

  private withStatuses(): DiscoveredRuns {
    return {
      ...this.raw,
      runs: this.raw.runs.map((run) => {
        const status = this.statuses.get(run.id);
        return status === undefined ? run : withStatus(run, status);
      }),
    };
  }

  /**
   * Rows are there at once; what their logs say follows, one run after the other, the newest first. Telling of it looks
   * at all rows, so that of many runs it is told less often.
   */
  private async readAllLogs(): Promise<void> {
    this.readingLogs?.abort();
    const reading = new AbortController();
    this.readingLogs = reading;
    const newest = ({ checkpoints }: Run) => checkpoints.reduce((ms, one) => Math.max(ms, one.modifiedMs), 0);
    const runs = [...this.latest.runs].sort((a, b) => newest(b) - newest(a));
    const restMs = Math.max(leastTellingMs, runs.length);
    let toldMs = performance.now();
    let isNew = false;
    const tell = () => {
      if (!isNew) return;
      isNew = false;
      this.latest = this.withStatuses();
      this.updated.fire();
      toldMs = performance.now();
    };
    for (const run of runs) {
      try {
        const news = await this.readStatus(run, reading.signal);
        if (reading.signal.aborted) return;
        isNew ||= news !== undefined;
        if (performance.now() - toldMs >= restMs) tell();
      } catch (error) {
        if (reading.signal.aborted) return;
        const message = messageOf(error);
        this.services.log.warn(`The logs of ${run.path} could not be read: ${message}`);
      }
    }
    tell();
  }

  private roots(): ExtraRoot[] {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file");
    return [...folders.map(({ uri, name }) => ({ path: uri.fsPath, name })), ...this.services.extraRoots()];
  }

  private watch(): void {
    const { visibility, stages } = this.services;
    const search = debounce(quietMs, () => void this.refresh(), longestQuietMs);
    const read = debounce(quietMs, () => void this.readGrown(), longestQuietMs);
    const checkpoints = vscode.workspace.createFileSystemWatcher(checkpointGlob);
    const logs = vscode.workspace.createFileSystemWatcher(logGlob);
    // Of a folder that goes VS Code tells alone, and nothing of the files in it.
    const folders = vscode.workspace.createFileSystemWatcher("**", true, true, false);
    const searchAgain = () => search.run();
    const onFile = () => {
      if (visibility.isHeld()) search.run();
      else this.isStale = true;
    };
    this.disposables.push(
      search,
      read,
      checkpoints,
      checkpoints.onDidCreate(onFile),
      checkpoints.onDidChange(onFile),
      checkpoints.onDidDelete(onFile),
      folders,
      folders.onDidDelete(({ fsPath }) => {
        if (this.holdsKnown(fsPath)) onFile();
      }),
      logs,
      logs.onDidCreate(onFile),
      logs.onDidDelete(onFile),
      logs.onDidChange(({ fsPath }) => {
        this.grown.add(fsPath);
        if (visibility.isHeld()) read.run();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(searchAgain),
      onSearchSettingsChanged(searchAgain),
      stages.onDidChange(searchAgain),
    );
  }

  private holdsKnown(path: string): boolean {
    const below = joinPath(path, "");
    const isIn = (known: string) => known === path || known.startsWith(below);
    return this.raw.runs.some((run) => isIn(run.path) || run.checkpoints.some((one) => isIn(one.path)));
  }

  /** Paths of logs that have grown since they were read. */
  private readonly grown = new Set<string>();

  /** Reads on in the logs that have grown. Of one that is not known yet a search has to tell whose it is. */
  private async readGrown(): Promise<void> {
    const paths = [...this.grown];
    this.grown.clear();
    const holds = ({ logs }: Run, path: string) =>
      logs.some((log) => log.path === path || path.startsWith(joinPath(log.path, "")));
    const runs = this.latest.runs.filter((run) => paths.some((path) => holds(run, path)));
    const checkpointsChanged = await this.readLogs(runs).catch(() => false);
    if (checkpointsChanged || runs.length === 0) await this.refresh();
    else this.updated.fire();
  }
}
