import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { trainerStateName } from "../../progress/readTrainerState";
import type { LogFacts, LogFile } from "../logs/logFormat";
import { FollowedLog, type LogChange } from "./followedLog";
import type { LogStore } from "./logStore";
import { dropSuperseded } from "./superseded";

/** A run, or as much of it as its log needs. `Run` fits; so do the paths of some checkpoint folders. */
export interface FollowedLogs {
  readonly path?: string;
  readonly checkpoints: readonly { readonly path: string }[];
  /** The trainer_state.json files that hold the whole log; without it those of all checkpoints are read. */
  readonly logFiles?: readonly string[];
  readonly logs?: readonly LogFile[];
}

export type LogChanges = ReadonlyMap<FollowedLog, LogChange>;

/** Each may have many megabytes. */
const parallelLogs = 4;

/** The logs of a run that are followed: those that are known from the start, and those that come. */
export class LogSet {
  private followed: FollowedLog[] = [];
  /** trainer_state.json files of new checkpoints, which are written last. */
  private awaited: string[] = [];
  /** Of trainer_state.json files that another one contains. */
  private readonly dropped = new Map<string, LogFacts>();
  /** What was read and not yet handed over: a look that is aborted must not lose points. */
  private pending = new Map<FollowedLog, LogChange>();

  constructor(
    private readonly store: LogStore,
    private readonly run: FollowedLogs,
    private readonly nowMs: () => number,
  ) {}

  get logs(): readonly FollowedLog[] {
    return this.followed;
  }

  /** Reads everything that is there. */
  async readFirst(signal: AbortSignal | undefined): Promise<LogChanges> {
    const { logFiles, logs = [] } = this.run;
    for (const path of logFiles ?? (await this.existingStates(signal))) this.follow(stateLog(path));
    for (const log of logs) this.follow(log);
    await this.readAll(this.followed, signal);
    await this.readRest(signal);
    return this.takeChanges();
  }

  /** Reads what was added, to the known logs and by new ones. */
  async readMore(signal: AbortSignal | undefined): Promise<LogChanges> {
    await this.followAwaited();
    await this.readAll(this.followed, signal);
    return this.takeChanges();
  }

  follow(log: LogFile, isNew = false): FollowedLog | undefined {
    const { path } = log;
    if (this.dropped.has(path) || this.followed.some((known) => known.log.path === path)) return undefined;
    const followed = new FollowedLog(this.store.log(log), log, this.nowMs, isNew);
    this.followed.push(followed);
    return followed;
  }

  awaitStateOf(checkpointPath: string): void {
    this.awaited.push(joinPath(checkpointPath, trainerStateName));
  }

  /** What a checkpoint's own trainer_state.json says. */
  factsOf(checkpointPath: string): LogFacts | undefined {
    const path = joinPath(checkpointPath, trainerStateName);
    return this.followed.find(({ log }) => log.path === path)?.report.facts ?? this.dropped.get(path);
  }

  private async readAll(logs: readonly FollowedLog[], signal: AbortSignal | undefined): Promise<void> {
    await mapParallel(logs, parallelLogs, async (log) => {
      const change = await log.poll(signal);
      if (change !== undefined) this.pending.set(log, joinChanges(this.pending.get(log), change));
    });
  }

  private takeChanges(): LogChanges {
    const changes = this.pending;
    this.pending = new Map();
    const isState = ({ log }: FollowedLog) => log.format === "trainer-state";
    if ([...changes.keys()].some(isState)) this.dropSuperseded();
    return changes;
  }

  /** One that held the log is gone: a training that tidies up. The others' logs are all that is left. */
  private async readRest(signal: AbortSignal | undefined): Promise<void> {
    const states = this.followed.filter(({ log }) => log.format === "trainer-state");
    if (this.run.logFiles === undefined || !states.some(({ unreadable }) => unreadable)) return;
    const added = (await this.existingStates(signal)).flatMap((path) => this.follow(stateLog(path)) ?? []);
    await this.readAll(added, signal);
  }

  private async existingStates(signal: AbortSignal | undefined): Promise<string[]> {
    const paths = this.run.checkpoints.map(({ path }) => joinPath(path, trainerStateName));
    const found = await mapParallel(paths, parallelLogs, async (path) => {
      signal?.throwIfAborted();
      return (await this.exists(path)) ? [path] : [];
    });
    return found.flat();
  }

  private async followAwaited(): Promise<void> {
    const still: string[] = [];
    for (const path of this.awaited.slice(-parallelLogs)) {
      if (await this.exists(path)) this.follow(stateLog(path), true);
      else still.push(path);
    }
    this.awaited = still;
  }

  private async exists(path: string): Promise<boolean> {
    return (await this.store.files.stat(path).catch(() => undefined)) !== undefined;
  }

  private dropSuperseded(): void {
    const kept = dropSuperseded(this.followed);
    for (const { log, report } of this.followed.filter((one) => !kept.includes(one))) {
      this.dropped.set(log.path, report.facts);
    }
    this.followed = kept;
  }
}

function joinChanges(before: LogChange | undefined, after: LogChange): LogChange {
  return {
    restarted: after.restarted || before?.restarted === true,
    purged: after.purged || before?.purged === true,
    keys: [...new Set([...(before?.keys ?? []), ...after.keys])],
  };
}

function stateLog(path: string): LogFile {
  return { path, format: "trainer-state" };
}
