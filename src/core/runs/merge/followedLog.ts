import type { Files } from "../../bytes/files";
import { CheckpointError } from "../../problem/checkpointError";
import type { LogCursor, LogFile, LogRead, LogReport, Purge, SummaryRow } from "../logs/logFormat";
import { logFormatOf } from "../logs/logFormats";
import { PointBatch } from "../logs/pointBatch";
import type { PointColumns } from "../logs/pointColumns";
import { emptyReport } from "../logs/wholeLog";

/** A file that nobody wrote to for so long is taken as it is, last line and all. */
const restMs = 30_000;

/** What a look at a log brought. */
export interface LogChange {
  /** What was known of it before no longer counts. */
  readonly restarted: boolean;
  /** Metrics that have more points than before. */
  readonly keys: readonly string[];
  readonly purged: boolean;
}

/** A log of a run with all of its points, which is read on from where it was left. */
export class FollowedLog {
  columns = new Map<string, PointColumns>();
  report: LogReport = emptyReport;
  purges: readonly Purge[] = [];
  /** The last look could not read it. */
  unreadable = false;
  private cursor: LogCursor | undefined;
  private waiting = 0;
  private seen: { readonly size: number; readonly modifiedMs: number } | undefined;
  private restAsked = false;

  constructor(
    private readonly files: Files,
    readonly log: LogFile,
    private readonly nowMs: () => number,
    /** It was just begun: half of it is nothing to tell of, and it will be read again. */
    private readonly isNew = false,
  ) {}

  get modifiedMs(): number | undefined {
    return this.seen?.modifiedMs;
  }

  /** Reads what was added. Undefined where nothing changed. @throws only the signal's reason. */
  async poll(signal?: AbortSignal): Promise<LogChange | undefined> {
    const { path, format } = this.log;
    const stat = await this.files.stat(path).catch(() => undefined);
    signal?.throwIfAborted();
    // It was there: a training that tidies up. What it said stays true.
    if (stat === undefined && this.seen !== undefined) return undefined;
    const same =
      stat !== undefined && this.seen?.size === stat.size && this.seen.modifiedMs === stat.modifiedMs;
    const atRest = same || this.nowMs() - (stat?.modifiedMs ?? 0) > restMs;
    // A folder's own time says nothing about the files in it.
    const settled =
      same && stat.kind === "file" && !this.unreadable && (this.waiting === 0 || this.restAsked);
    if (settled) return undefined;
    try {
      const options = { signal, atRest };
      const read = await logFormatOf(format).read({ files: this.files, path }, this.cursor, options);
      if (this.isWorse(read, atRest)) return undefined;
      this.seen = stat;
      this.restAsked = atRest;
      return this.take(read);
    } catch (error) {
      signal?.throwIfAborted();
      return this.fail(error);
    }
  }

  /** The part of a scope that goes before a metric's name. */
  keyOf(metric: string): string {
    const { scope } = this.log;
    return scope === undefined ? metric : `${scope}/${metric}`;
  }

  /**
   * A file that is written anew is read half-written now and then; what was known is better. It is read again
   * at the next look.
   */
  private isWorse(read: LogRead, atRest: boolean): boolean {
    if (this.log.format !== "trainer-state") return false;
    const broken = read.problems.some(({ code }) => code.startsWith("TrainerState"));
    if (this.cursor === undefined) return broken && this.isNew && !atRest;
    return broken && read.points.points < pointsOf(this.columns);
  }

  private take(read: LogRead): LogChange {
    const { restarted, purges, cursor, waiting } = read;
    const isSettings = this.holdsSettings(read);
    const points = isSettings ? new PointBatch() : read.points;
    const outcome = isSettings ? lastValues(read.points) : [];
    this.unreadable = false;
    this.cursor = cursor;
    this.waiting = waiting;
    const { path } = this.log;
    const problems = read.problems.map((problem) => ({ file: path, ...problem }));
    this.report = {
      config: read.config,
      summary: [...read.summary, ...outcome],
      facts: read.facts,
      problems,
    };
    if (restarted) {
      this.columns = new Map();
      this.purges = [];
    }
    const keys: string[] = [];
    for (const [metric, added] of points.columns) {
      if (added.length === 0) continue;
      const key = this.keyOf(metric);
      const known = this.columns.get(key);
      if (known === undefined) this.columns.set(key, added);
      else known.append(added);
      keys.push(key);
    }
    if (purges.length > 0) this.purges = [...this.purges, ...purges];
    return { restarted, keys, purged: purges.length > 0 };
  }

  /**
   * `add_hparams` writes the settings and the outcome of a training into a folder of its own below the log: its one
   * point of each metric is no curve.
   */
  private holdsSettings({ config, points }: LogRead): boolean {
    const { format, scope } = this.log;
    if (format !== "tensorboard" || scope === undefined || config.length === 0) return false;
    return this.columns.size === 0 && [...points.columns.values()].every(({ length }) => length <= 1);
  }

  private fail(error: unknown): LogChange | undefined {
    const wasUnreadable = this.unreadable;
    this.unreadable = true;
    const { path, format } = this.log;
    const code = error instanceof CheckpointError ? error.code : "FileUnreadable";
    const cause = error instanceof Error ? error.message : String(error);
    const message = `${logFormatOf(format).label} cannot be read: ${cause}`;
    const problems = [{ severity: "error" as const, code, message, file: path }];
    this.report = { ...this.report, problems };
    return wasUnreadable ? undefined : { restarted: false, keys: [], purged: false };
  }
}

function lastValues({ columns }: PointBatch): SummaryRow[] {
  return [...columns].flatMap(([name, { values }]) => {
    const value = values.at(-1);
    return value === undefined ? [] : [[name, value] as const];
  });
}

function pointsOf(columns: ReadonlyMap<string, PointColumns>): number {
  let count = 0;
  for (const { length } of columns.values()) count += length;
  return count;
}
