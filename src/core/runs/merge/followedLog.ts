import type { LogFile, LogReport, Purge, SummaryRow } from "../logs/logFormat";
import { PointColumns } from "../logs/pointColumns";
import { emptyReport } from "../logs/wholeLog";
import type { ParsedLog } from "./parsedLog";

/** What a look at a log brought. */
export interface LogChange {
  /** What was known of it before no longer counts. */
  readonly restarted: boolean;
  /** Metrics that have more points than before. */
  readonly keys: readonly string[];
  readonly purged: boolean;
}

/** A log of a run as one reader knows it: as far as it was read at that reader's last look. */
export class FollowedLog {
  columns = new Map<string, PointColumns>();
  report: LogReport = emptyReport;
  purges: readonly Purge[] = [];
  private version = 0;
  private generation: number | undefined;

  constructor(
    private readonly parsed: ParsedLog,
    readonly log: LogFile,
    private readonly nowMs: () => number,
    /** It was just begun: half of it is nothing to tell of, and it will be read again. */
    private readonly isNew = false,
  ) {}

  get modifiedMs(): number | undefined {
    return this.parsed.modifiedMs;
  }

  /** The last look could not read it. */
  get unreadable(): boolean {
    return this.parsed.unreadable;
  }

  /** Reads what was added, unless somebody did. Undefined where nothing changed. @throws only the signal's reason. */
  async poll(signal?: AbortSignal): Promise<LogChange | undefined> {
    await this.parsed.poll(this.nowMs(), signal);
    if (this.parsed.version === this.version) return undefined;
    if (this.isNew && this.version === 0 && this.parsed.half) return undefined;
    this.version = this.parsed.version;
    return this.catchUp();
  }

  /** The part of a scope that goes before a metric's name. */
  keyOf(metric: string): string {
    const { scope } = this.log;
    return scope === undefined ? metric : `${scope}/${metric}`;
  }

  private catchUp(): LogChange {
    const { parsed } = this;
    const isSettings = this.holdsSettings();
    const outcome = isSettings ? lastValues(parsed.columns) : [];
    this.report = { ...parsed.report, summary: [...parsed.report.summary, ...outcome] };
    const restarted = this.generation !== undefined && this.generation !== parsed.generation;
    this.generation = parsed.generation;
    if (restarted) {
      this.columns = new Map();
      this.purges = [];
    }
    const keys = [...(isSettings ? [] : parsed.columns)].flatMap(([metric, all]) => {
      const key = this.keyOf(metric);
      const known = this.columns.get(key) ?? new PointColumns();
      if (known.length === all.length) return [];
      known.mirror(all);
      this.columns.set(key, known);
      return [key];
    });
    const purged = parsed.purges.length > this.purges.length;
    this.purges = parsed.purges;
    return { restarted, keys, purged };
  }

  /**
   * `add_hparams` writes the settings and the outcome of a training into a folder of its own below the log: its one
   * point of each metric is no curve.
   */
  private holdsSettings(): boolean {
    const { format, scope } = this.log;
    const { report, columns } = this.parsed;
    if (format !== "tensorboard" || scope === undefined || report.config.length === 0) return false;
    return [...columns.values()].every(({ length }) => length <= 1);
  }
}

function lastValues(columns: ReadonlyMap<string, PointColumns>): SummaryRow[] {
  return [...columns].flatMap(([name, { values }]) => {
    const value = values.at(-1);
    return value === undefined ? [] : [[name, value] as const];
  });
}
