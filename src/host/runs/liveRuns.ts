import * as vscode from "vscode";
import { messageOf } from "../../core/problem/messageOf";
import { isBeingSaved, isLive, nextChangeMs } from "../../core/runs/status/liveness";
import type { Log } from "../log";
import { onViewSettingsChanged, pollMs } from "../settings";
import type { RunsModel } from "./runsModel";
import type { RunsVisibility } from "./runsVisibility";

/** In a window that is in the background nobody waits for the next point. */
const backgroundFactor = 6;

/** What was found so long ago is looked for again when somebody looks again. */
const maxAgeMs = 60_000;

/**
 * Looks at what is being written, for file systems that do not tell of changes (network disks): only while somebody
 * looks at the runs and a training is writing, and seldom while the window is in the background.
 */
export class LiveRuns {
  private readonly disposables: vscode.Disposable[];
  private pollTimer: NodeJS.Timeout | undefined;
  private changeTimer: NodeJS.Timeout | undefined;
  private polling: Promise<void> | undefined;

  constructor(
    private readonly model: RunsModel,
    private readonly visibility: RunsVisibility,
    private readonly log: Log,
  ) {
    const rearm = () => {
      clearTimeout(this.pollTimer);
      this.pollTimer = undefined;
      this.arm();
    };
    this.disposables = [
      model.onDidUpdate(() => this.arm()),
      onViewSettingsChanged(rearm),
      visibility.onDidChange(() => {
        if (visibility.isHeld() && model.isStarted) void model.catchUp(maxAgeMs).catch(() => undefined);
        rearm();
      }),
      vscode.window.onDidChangeWindowState(rearm),
    ];
  }

  dispose(): void {
    clearTimeout(this.pollTimer);
    clearTimeout(this.changeTimer);
    for (const disposable of this.disposables) disposable.dispose();
  }

  private arm(): void {
    clearTimeout(this.changeTimer);
    if (!this.visibility.isHeld()) {
      clearTimeout(this.pollTimer);
      this.pollTimer = undefined;
      return;
    }
    const nowMs = Date.now();
    const { runs } = this.model.known;
    const changeMs = nextChangeMs(runs, nowMs);
    if (changeMs !== undefined) this.changeTimer = setTimeout(() => this.model.touch(), changeMs - nowMs);
    const intervalMs = pollMs();
    if (intervalMs === undefined || this.pollTimer !== undefined || this.polling !== undefined) return;
    if (!runs.some((run) => isLive(run, nowMs))) return;
    const factor = vscode.window.state.focused ? 1 : backgroundFactor;
    this.pollTimer = setTimeout(() => {
      this.pollTimer = undefined;
      this.polling = this.poll();
    }, intervalMs * factor);
  }

  private async poll(): Promise<void> {
    try {
      const live = this.model.known.runs.filter((run) => isLive(run, Date.now()));
      const checkpointsChanged = await this.model.readLogs(live);
      const saving = live.some(({ checkpoints }) => checkpoints.some((one) => isBeingSaved(one, Date.now())));
      // Without a log beside trainer_state.json only a search shows what is new.
      const unread = live.some(({ progress }) => progress === undefined);
      if (checkpointsChanged || saving || unread) await this.model.refreshIfRested();
    } catch (error) {
      this.log.warn(`Looking at live runs failed: ${messageOf(error)}`);
    } finally {
      this.polling = undefined;
      this.model.touch();
    }
  }
}
