import type * as vscode from "vscode";
import { messageOf } from "../../core/problem/messageOf";
import { findRun } from "../../core/runs/discover/runNames";
import { plural } from "../../core/text/quantities";
import { type Channel, isAbortError } from "../../protocol/channel";
import { runParams } from "../../protocol/params/runParams";
import type { RunHostCalls, RunPageCalls, RunState, ValueQuestion } from "../../protocol/runSurface";
import type { WorkerClient } from "../analysis/workerClient";
import { copyText } from "../editor/openPath";
import type { Log } from "../log";
import { onViewSettingsChanged, pollMs } from "../settings";
import { connectPage, keepPanelState } from "../webviewPage";
import { chartAnswers } from "./chartAnswers";
import type { ChartMemory } from "./chartMemory";
import { type ChartTarget, FollowedRun } from "./followedRun";
import { Poller } from "./poller";
import type { RunsModel } from "./runsModel";
import { watchLogs } from "./watchLogs";

export interface RunChartServices {
  readonly extensionUri: vscode.Uri;
  readonly worker: WorkerClient;
  readonly log: Log;
  readonly runs: RunsModel;
  readonly memory: ChartMemory;
  open(path: string): Promise<void>;
  /** Asks the user for runs of the workspace; their ids. */
  pickRuns(exclude: readonly string[]): Promise<readonly string[]>;
}

/** More lines than that cannot be told apart. */
export const maxRuns = 16;

/** One panel: the runs that it charts, followed as long as it is in sight. */
export class RunPanel {
  private readonly channel: Channel<RunHostCalls, RunPageCalls>;
  private readonly poller: Poller;
  private readonly disposables: vscode.Disposable[] = [];
  private watchers: vscode.Disposable[] = [];
  private runs: FollowedRun[] = [];
  private isShown: Promise<void> | undefined;
  private generation = 0;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    /** What it charts, in this order. */
    public targets: readonly ChartTarget[],
    private readonly services: RunChartServices,
  ) {
    const { worker, memory } = services;
    this.poller = new Poller({ look: () => this.look(), intervalMs: () => pollMs() ?? 0 });
    this.channel = connectPage<RunHostCalls, RunPageCalls>(
      panel.webview,
      services.extensionUri,
      "run",
      runParams,
      {
        ...chartAnswers({ worker, memory, handleOf: (run) => this.find(run).openHandle() }),
        ready: async () => {
          await this.isShown;
          return this.state();
        },
        open: ({ path }) => services.open(path),
        reload: () => this.reload(),
        copy: copyText,
        addRuns: () => this.addRuns(),
        removeRun: ({ run }) => this.show(this.targets.filter((target) => idOf(target) !== run)),
        valuesAt: ({ of }, signal) => this.valuesAt(of, signal),
      },
      panelState(targets),
    );
    this.disposables.push(
      panel.onDidChangeViewState(() => this.poller.setWatched(panel.visible)),
      services.runs.onDidUpdate(() => this.poller.nudge()),
      onViewSettingsChanged(() => this.poller.nudge()),
    );
    panel.onDidDispose(() => this.dispose());
    void this.show(targets);
    this.poller.setWatched(panel.visible);
  }

  get isVisible(): boolean {
    return this.panel.visible;
  }

  reveal(): void {
    this.panel.reveal();
  }

  private async show(targets: readonly ChartTarget[]): Promise<void> {
    this.targets = targets;
    this.isShown = this.take(targets);
    await this.isShown;
    keepPanelState(this.panel.webview, panelState(targets));
    this.tell();
    await Promise.all(this.runs.map((run) => this.openAndTell(run)));
    this.watch();
  }

  /** Runs that stay are not read again. */
  private async take(targets: readonly ChartTarget[]): Promise<void> {
    const { memory, runs, worker } = this.services;
    const before = this.runs;
    const current = new Map(before.map(({ id, style }) => [id, style]));
    const styles = await memory.stylesOf(targets.map(idOf), current);
    const findKnown = async (id: string) => findRun((await runs.current()).runs, id);
    this.runs = targets.map(
      (target, index) =>
        before.find(({ id }) => id === idOf(target)) ??
        new FollowedRun(target, styles[index] ?? 0, { worker, findRun: findKnown }),
    );
    for (const run of before) if (!this.runs.includes(run)) run.close();
  }

  private async openAndTell(run: FollowedRun): Promise<void> {
    await run.open();
    this.tell();
  }

  /** A hidden page is told nothing: it asks for everything when it is shown. */
  private tell(): void {
    this.generation++;
    this.panel.title = titleOf(this.runs.map((run) => run.entry().name));
    this.channel.notify("changed", this.state());
  }

  private state(): RunState {
    return {
      generation: this.generation,
      kind: this.targets.some(({ kind }) => kind === "log") ? "log" : "runs",
      runs: this.runs.map((run) => run.entry()),
      choices: this.services.memory.get(),
      nowMs: Date.now(),
    };
  }

  private async look(): Promise<void> {
    await Promise.all(
      this.runs.map(async (run) => {
        try {
          const update = await run.look();
          if (update === "reopened") {
            this.tell();
            this.watch();
          } else if (update !== undefined) this.channel.notify("grew", update);
        } catch (error) {
          if (isAbortError(error)) return;
          const message = messageOf(error);
          this.services.log.error(`Reading the logs of ${run.entry().name} failed: ${message}`);
        }
      }),
    );
  }

  private async reload(): Promise<void> {
    await this.services.runs.refresh();
    await Promise.all(this.runs.map((run) => run.reopen()));
    this.tell();
    this.watch();
  }

  private async addRuns(): Promise<void> {
    const added = await this.services.pickRuns(this.runs.map(({ id }) => id));
    if (added.length === 0) return;
    const targets = [...this.targets, ...added.map((id) => ({ kind: "run" as const, id }))];
    await this.show(targets.slice(0, maxRuns));
  }

  private async valuesAt(of: readonly ValueQuestion[], signal: AbortSignal): Promise<Float64Array> {
    const values = new Float64Array(of.length).fill(Number.NaN);
    await Promise.all(
      this.runs.map(async (run) => {
        const places = of.flatMap((question, place) => (question.run === run.id ? [place] : []));
        if (places.length === 0) return;
        const asked = places.flatMap((place) => of[place] ?? []).map(({ key, step }) => ({ key, step }));
        const handle = await run.openHandle();
        const own = await this.services.worker.call("valuesAt", { handle, of: asked }, signal);
        places.forEach((place, index) => {
          values[place] = own[index] ?? Number.NaN;
        });
      }),
    );
    return values;
  }

  /** File events make a look come sooner; where there are none, the interval is enough. */
  private watch(): void {
    for (const watcher of this.watchers) watcher.dispose();
    const entries = this.runs.map((run) => run.entry());
    this.watchers = watchLogs(entries, () => this.poller.nudge());
  }

  private find(id: string): FollowedRun {
    const run = this.runs.find((one) => one.id === id);
    if (run === undefined) throw new Error("The run is no longer on this page.");
    return run;
  }

  private dispose(): void {
    this.poller.dispose();
    for (const disposable of [...this.disposables, ...this.watchers]) disposable.dispose();
    for (const run of this.runs) run.close();
    this.channel.close(new Error("The chart was closed."));
  }
}

export function idOf(target: ChartTarget): string {
  return target.kind === "run" ? target.id : target.path;
}

/** What a window reload needs to make the panel again. */
export interface RunPanelState {
  readonly targets: readonly ChartTarget[];
}

function panelState(targets: readonly ChartTarget[]): RunPanelState {
  return { targets };
}

function titleOf(names: readonly string[]): string {
  const [first = "Chart", second, ...more] = names;
  if (second === undefined) return first;
  return more.length === 0 ? `${first}, ${second}` : `${first} and ${plural(names.length - 1, "other run")}`;
}
