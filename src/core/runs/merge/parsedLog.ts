import type { FileStat, Files } from "../../bytes/files";
import { CheckpointError } from "../../problem/checkpointError";
import { messageOf } from "../../problem/messageOf";
import type { TrainerState } from "../../progress/trainerState";
import type { LogCursor, LogFile, LogRead, LogReport, Purge } from "../logs/logFormat";
import { logFormatOf } from "../logs/logFormats";
import type { PointColumns } from "../logs/pointColumns";
import { emptyReport } from "../logs/wholeLog";

/** A file that nobody wrote to for so long is taken as it is, last line and all. */
const restMs = 30_000;

/** A trainer_state.json as it was read, with its points by metric. */
export interface ReadState {
  readonly path: string;
  /** Undefined where the file system does not tell. */
  readonly stat: FileStat | undefined;
  readonly state: TrainerState;
  readonly columns: ReadonlyMap<string, PointColumns>;
}

/** A log with all of its points, which is read on from where it was left: once, whoever follows it. */
export class ParsedLog {
  /** By the names under which the log has them. They grow: who shows them keeps a mirror of his own. */
  columns = new Map<string, PointColumns>();
  report: LogReport = emptyReport;
  purges: readonly Purge[] = [];
  /** The last look could not read it. */
  unreadable = false;
  /** Another number whenever something of it is different. */
  version = 0;
  /** Another number whenever what was known before no longer counts. */
  generation = 0;
  /** It was read while it was being written: half of it is nothing to tell of. */
  half = false;
  private cursor: LogCursor | undefined;
  private waiting = 0;
  private seen: FileStat | undefined;
  private restAsked = false;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly files: Files,
    private readonly log: Pick<LogFile, "path" | "format">,
    /** Told whenever it was read; the state, where it is one. */
    private readonly onRead: (log: ParsedLog, state: ReadState | undefined) => void,
  ) {}

  get modifiedMs(): number | undefined {
    return this.seen?.modifiedMs;
  }

  /** What its points take in memory. */
  get byteSize(): number {
    let sum = 0;
    for (const { byteSize } of this.columns.values()) sum += byteSize;
    return sum;
  }

  /** Reads what was added. Calls wait for each other. @throws only the signal's reason. */
  poll(nowMs: number, signal?: AbortSignal): Promise<void> {
    const look = this.queue.then(() => this.look(nowMs, signal));
    this.queue = look.catch(() => undefined);
    return look;
  }

  private async look(nowMs: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { path, format } = this.log;
    const stat = await this.files.stat(path).catch(() => undefined);
    signal?.throwIfAborted();
    // It was there: a training that tidies up. What it said stays true.
    if (stat === undefined && this.seen !== undefined) return;
    const same =
      stat !== undefined && this.seen?.size === stat.size && this.seen.modifiedMs === stat.modifiedMs;
    const atRest = same || nowMs - (stat?.modifiedMs ?? 0) > restMs;
    // A folder's own time says nothing about the files in it.
    const settled =
      same && stat.kind === "file" && !this.unreadable && (this.waiting === 0 || this.restAsked);
    if (settled) return;
    try {
      const options = { signal, atRest };
      const read = await logFormatOf(format).read({ files: this.files, path }, this.cursor, options);
      const { state, points } = read;
      if (!this.isWorse(read)) this.take(read, stat, atRest);
      this.onRead(this, state === undefined ? undefined : { path, stat, state, columns: points.columns });
    } catch (error) {
      signal?.throwIfAborted();
      this.fail(error);
    }
  }

  /**
   * A file that is written anew is read half-written now and then; what was known is better. It is read again
   * at the next look.
   */
  private isWorse(read: LogRead): boolean {
    return this.cursor !== undefined && isBroken(read) && read.points.points < pointsOf(this.columns);
  }

  private take(read: LogRead, stat: FileStat | undefined, atRest: boolean): void {
    const { restarted, purges, cursor, waiting, config, summary, facts } = read;
    this.half = isBroken(read) && !atRest;
    this.seen = stat;
    this.restAsked = atRest;
    this.unreadable = false;
    this.cursor = cursor;
    this.waiting = this.half ? 1 : waiting;
    const problems = read.problems.map((problem) => ({ file: this.log.path, ...problem }));
    this.report = { config, summary, facts, problems };
    this.version++;
    if (restarted) {
      this.generation++;
      this.columns = new Map();
      this.purges = [];
    }
    for (const [metric, added] of read.points.columns) {
      const known = this.columns.get(metric);
      if (known === undefined) this.columns.set(metric, added);
      else known.append(added);
    }
    if (purges.length > 0) this.purges = [...this.purges, ...purges];
  }

  private fail(error: unknown): void {
    if (!this.unreadable) this.version++;
    this.unreadable = true;
    const { path, format } = this.log;
    const code = error instanceof CheckpointError ? error.code : "FileUnreadable";
    const cause = messageOf(error);
    const message = `${logFormatOf(format).label} cannot be read: ${cause}`;
    this.report = { ...this.report, problems: [{ severity: "error", code, message, file: path }] };
  }
}

/** Only a trainer_state.json is written anew in place. */
function isBroken({ state, problems }: LogRead): boolean {
  return state !== undefined && problems.some(({ code }) => code.startsWith("TrainerState"));
}

function pointsOf(columns: ReadonlyMap<string, PointColumns>): number {
  let count = 0;
  for (const { length } of columns.values()) count += length;
  return count;
}
