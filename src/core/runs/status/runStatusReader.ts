import type { FileStat } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { maxStatusLogBytes } from "../../problem/limits";
import type { LogStore } from "../merge/logStore";
import { RunLogFollower } from "../merge/runLogFollower";
import { liveQuietMs } from "./liveness";
import type { LoggedRun } from "./loggedRun";
import { liveLogs, type RunStatus, runStatusOf } from "./runStatus";

/** What a look at a run's logs brought. */
export interface RunStatusNews {
  readonly status: RunStatus;
  /** Checkpoints came or went since the last look at a run that is being written: search again. */
  readonly checkpointsChanged: boolean;
}

/** Runs of which all points are kept, to read on from the end: people watch one or two trainings. */
const maxFollowed = 4;

const parallelStats = 8;

/**
 * Reads what the logs of runs say now. Of a run that is being written it keeps what it has read, so that the next
 * look costs what was appended; of all others just the outcome, as long as the logs stay as they are.
 */
export class RunStatusReader {
  /** The one that was looked at last is last. */
  private readonly followers = new Map<string, RunLogFollower>();
  private readonly outcomes = new Map<string, { readonly stamp: string; readonly status: RunStatus }>();

  constructor(
    private readonly store: LogStore,
    private readonly nowMs: () => number = Date.now,
  ) {}

  /**
   * Undefined where no log is written besides trainer_state.json, or where they are too large to be read by the
   * way.
   * @param metrics see `runStatusOf`.
   */
  async read(
    run: LoggedRun,
    metrics: readonly string[],
    signal?: AbortSignal,
  ): Promise<RunStatusNews | undefined> {
    const logs = liveLogs(run);
    if (logs.length === 0) return undefined;
    const stats = await mapParallel(logs, parallelStats, ({ path }) =>
      this.store.files.stat(path).catch(() => undefined),
    );
    signal?.throwIfAborted();
    if (totalBytes(stats) > maxStatusLogBytes) return undefined;
    const known = this.followers.get(run.id);
    const stamp = stampOf(run, metrics, stats);
    const outcome = this.outcomes.get(run.id);
    // A folder's own time says nothing about the files in it.
    const canTell = stats.every((stat) => stat === undefined || stat.kind === "file");
    if (known === undefined && canTell && outcome?.stamp === stamp)
      return { status: outcome.status, checkpointsChanged: false };
    const follower = known ?? new RunLogFollower(this.store, run, { watch: true, nowMs: this.nowMs });
    for (const log of known === undefined ? [] : logs) known?.follow(log);
    const changes = await follower.poll(signal);
    const status = runStatusOf(follower, run.checkpoints, metrics);
    this.keep(run.id, follower, status);
    this.outcomes.set(run.id, { stamp, status });
    const { checkpointsAdded, checkpointsRemoved } = changes;
    return { status, checkpointsChanged: checkpointsAdded.length + checkpointsRemoved.length > 0 };
  }

  /** Forgets all runs but these. */
  retain(ids: ReadonlySet<string>): void {
    for (const kept of [this.followers, this.outcomes])
      for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
  }

  private keep(id: string, follower: RunLogFollower, { progress }: RunStatus): void {
    this.followers.delete(id);
    const isWritten = !progress.ended && Math.abs(this.nowMs() - (progress.lastWrittenMs ?? 0)) < liveQuietMs;
    if (!isWritten) return;
    this.followers.set(id, follower);
    const [oldest] = this.followers.keys();
    if (this.followers.size > maxFollowed && oldest !== undefined) this.followers.delete(oldest);
  }
}

function totalBytes(stats: readonly (FileStat | undefined)[]): number {
  return stats.reduce((sum, stat) => sum + (stat?.kind === "file" ? stat.size : 0), 0);
}

/** Changes when the answer may. */
function stampOf(
  run: LoggedRun,
  metrics: readonly string[],
  stats: readonly (FileStat | undefined)[],
): string {
  const logs = run.logs.map(({ path }) => path);
  const steps = run.checkpoints.map(({ step, epoch }) => step ?? [epoch ?? null]);
  return JSON.stringify([logs, stats.map((stat) => [stat?.size, stat?.modifiedMs]), steps, metrics]);
}
