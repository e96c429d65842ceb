import type { Files } from "../../bytes/files";
import { keptLogBytes } from "../../problem/limits";
import type { LogFile } from "../logs/logFormat";
import { ParsedLog, type ReadState } from "./parsedLog";

const firstSweep = 256;

/**
 * The logs of a file system, each parsed once whoever reads it: charts, the states of runs, the search for runs. A log
 * is kept as long as somebody follows it, and those that were read last a while longer.
 */
export class LogStore {
  private readonly known = new Map<string, WeakRef<ParsedLog>>();
  /** The one that was read last is last. */
  private readonly recent = new Map<string, { readonly log: ParsedLog; readonly byteSize: number }>();
  private recentBytes = 0;
  /** As many logs may be known before those that nobody holds are looked for again. */
  private sweepAt = firstSweep;
  private readonly listeners: ((read: ReadState) => void)[] = [];

  constructor(
    readonly files: Files,
    private readonly keptBytes: number = keptLogBytes,
  ) {}

  log({ path, format }: Pick<LogFile, "path" | "format">): ParsedLog {
    const key = `${format}:${path}`;
    const known = this.known.get(key)?.deref();
    if (known !== undefined) return known;
    const log: ParsedLog = new ParsedLog(this.files, { path, format }, (read, state) => {
      this.keep(key, read);
      if (state !== undefined) for (const listener of this.listeners) listener(state);
    });
    this.known.set(key, new WeakRef(log));
    if (this.known.size > this.sweepAt) this.forgetCollected();
    return log;
  }

  /** Tells of every trainer_state.json that is read from now on, whoever asked for it. */
  onState(listener: (read: ReadState) => void): void {
    this.listeners.push(listener);
  }

  private keep(key: string, log: ParsedLog): void {
    this.drop(key);
    const { byteSize } = log;
    this.recent.set(key, { log, byteSize });
    this.recentBytes += byteSize;
    for (const oldest of this.recent.keys()) {
      if (this.recentBytes <= this.keptBytes) break;
      this.drop(oldest);
    }
  }

  /** Not with each log: a search reads as many as there are checkpoints, and would go through all of them each time. */
  private forgetCollected(): void {
    for (const [other, kept] of this.known) if (kept.deref() === undefined) this.known.delete(other);
    this.sweepAt = Math.max(firstSweep, 2 * this.known.size);
  }

  private drop(key: string): void {
    this.recentBytes -= this.recent.get(key)?.byteSize ?? 0;
    this.recent.delete(key);
  }
}
