import { isTrainingSummary } from "../../progress/trainerState";
import type { LogFormatId } from "../logs/logFormat";
import { PointColumns } from "../logs/pointColumns";
import { firstIndexAtStep, mergeParts } from "../series/mergeParts";
import type { FollowedLog, LogChange } from "./followedLog";
import { findOtherTrainings } from "./otherTrainings";

/** Which log counts where two say the same metric equally often; what was printed counts only alone. */
const preference: readonly LogFormatId[] = [
  "trainer-state",
  "tensorboard",
  "wandb",
  "lightning-csv",
  "llama-factory",
  "mlflow",
  "jsonl",
  "csv",
  "torchtune",
  "stdout",
  "checkpoint",
];

/** The Trainer passes its closing entry on to every logger; there it is no point of any metric either. */
const closingMetrics: ReadonlySet<string> = new Set([
  "train_runtime",
  "train_samples_per_second",
  "train_steps_per_second",
  "train_loss",
  "total_flos",
]);

/** One metric of the run. */
interface Merged {
  /** May be a log's own columns, and then grows with them. */
  columns: PointColumns;
  /** Points that were told of. */
  told: number;
  /** The log whose new points go to the end. */
  readonly tail: FollowedLog | undefined;
  /** `columns` belong to `tail`. */
  readonly shared: boolean;
}

/** What became of the metrics at a look at the logs. */
export interface MergedChanges {
  /** Metrics with points behind those that were known, and how many were known. */
  readonly appended: ReadonlyMap<string, number>;
  /** Metrics of which earlier points changed too. */
  readonly replaced: ReadonlySet<string>;
}

/**
 * The metrics of a run out of all its logs, kept up to date as they grow. A metric that several logs have is
 * not doubled: trainer_state.json counts as far as it goes, and another log goes on behind it; else the log
 * that has most points of it. Appending costs what was appended; only what changes earlier points costs more.
 */
export class MergedMetrics {
  private readonly merged = new Map<string, Merged>();
  private others: ReadonlySet<FollowedLog> = new Set();

  constructor(private readonly logs: () => readonly FollowedLog[]) {}

  /** Logs of another training, which are left out. */
  get otherTrainings(): ReadonlySet<FollowedLog> {
    return this.others;
  }

  keys(): string[] {
    return [...this.merged.keys()];
  }

  get(key: string): PointColumns | undefined {
    return this.merged.get(key)?.columns;
  }

  /** The log that a metric's newest points come from. */
  tailOf(key: string): FollowedLog | undefined {
    return this.merged.get(key)?.tail;
  }

  /**
   * The steps of a metric as its logs of one kind were written, one log behind the other. Empty where they only rise,
   * and where two logs were written at once.
   */
  stepsBack(key: string, format: LogFormatId): Float64Array {
    const logs = this.counted().filter(({ log, columns }) => log.format === format && columns.has(key));
    const parts = logs.sort((a, b) => compareAge(a, b, key)).flatMap(({ columns }) => columns.get(key) ?? []);
    const isBehind = (part: PointColumns, at: number) => !(part.firstStep <= (parts[at - 1]?.lastStep ?? -1));
    if (parts.every((part, at) => part.ascending && isBehind(part, at))) return new Float64Array();
    const isAtOnce = (part: PointColumns, at: number) => {
      const before = parts[at - 1];
      return before !== undefined && part.wallTimeAt(0) < before.wallTimeAt(before.length - 1);
    };
    if (parts.some(isAtOnce)) return new Float64Array();
    const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { steps } of parts) {
      all.set(steps, at);
      at += steps.length;
    }
    return all;
  }

  update(changes: ReadonlyMap<FollowedLog, LogChange>): MergedChanges {
    const rebuilt = new Set<string>();
    const appended = new Map<string, number>();
    if (this.mayBeOther(changes) && this.noteOthers()) for (const key of this.allKeys()) rebuilt.add(key);
    for (const [log, { restarted, purged, keys }] of changes) {
      if (restarted || purged) for (const key of [...this.allKeys(), ...keys]) rebuilt.add(key);
      for (const key of keys) if (!rebuilt.has(key) && !this.tryAppend(key, log, appended)) rebuilt.add(key);
    }
    const replaced = new Set<string>();
    for (const key of rebuilt) this.rebuild(key, appended, replaced);
    return { appended, replaced };
  }

  /** What the closing entries say that came as points. */
  closingValues(): Map<string, number> {
    const values = new Map<string, number>();
    for (const { columns } of this.counted()) {
      if (!isTrainingSummary(columns)) continue;
      for (const key of closingMetrics) {
        const last = columns.get(key)?.values.at(-1);
        if (last !== undefined) values.set(key, last);
      }
    }
    return values;
  }

  /** The logs that are of this training. */
  counted(): FollowedLog[] {
    return this.logs().filter((log) => !this.others.has(log));
  }

  private allKeys(): Set<string> {
    const keys = new Set(this.merged.keys());
    for (const { columns } of this.logs()) for (const key of columns.keys()) keys.add(key);
    return keys;
  }

  /** Whether a log is of another training cannot change by what is appended to it. */
  private mayBeOther(changes: ReadonlyMap<FollowedLog, LogChange>): boolean {
    return [...changes].some(
      ([{ log, columns }, { restarted, keys }]) =>
        restarted ||
        log.format === "trainer-state" ||
        keys.some((key) => (columns.get(key)?.length ?? 0) <= firstPoints),
    );
  }

  private noteOthers(): boolean {
    const others = findOtherTrainings(this.logs());
    const changed = others.size !== this.others.size || [...others].some((log) => !this.others.has(log));
    this.others = others;
    return changed;
  }

  /** True when the new points simply go to the end, or do not count. */
  private tryAppend(key: string, log: FollowedLog, appended: Map<string, number>): boolean {
    if (this.others.has(log) || isHidden(key, log)) return true;
    const known = this.merged.get(key);
    const columns = log.columns.get(key);
    if (known === undefined || columns === undefined) return false;
    if (known.tail !== log) return !mayCount(log, known, columns);
    if (known.shared) {
      if (!columns.ascending) return false;
    } else {
      const first = firstIndexBeyond(columns, known.columns.lastStep);
      if (!columns.ascending || first === columns.length) return false;
      known.columns.append(columns, first);
    }
    if (known.columns.length > known.told && !appended.has(key)) appended.set(key, known.told);
    known.told = known.columns.length;
    return true;
  }

  private rebuild(key: string, appended: Map<string, number>, replaced: Set<string>): void {
    const before = this.merged.get(key);
    const told = appended.get(key) ?? before?.told ?? 0;
    const after = this.merge(key);
    if (after === undefined) {
      if (this.merged.delete(key)) replaced.add(key);
      return;
    }
    this.merged.set(key, after);
    const keeps =
      before !== undefined && told <= after.told && beginsAlike(before.columns, after.columns, told);
    if (before !== undefined && !keeps) {
      replaced.add(key);
      appended.delete(key);
    } else if (after.told > told) appended.set(key, told);
  }

  private merge(key: string): Merged | undefined {
    const groups = this.groupsOf(key);
    const [first, ...rest] = groups;
    if (first === undefined) return undefined;
    if (first.format !== "trainer-state") return toMerged(first.columns, first.logs.at(-1));
    // Written with each checkpoint only: another log knows what came since.
    const live = rest[0];
    if (live === undefined)
      return toMerged(first.columns, first.logs.length === 1 ? first.logs[0] : undefined);
    const columns = new PointColumns();
    columns.append(first.columns);
    columns.append(live.columns, firstIndexBeyond(live.columns, columns.lastStep));
    return { columns, told: columns.length, tail: live.logs.at(-1), shared: false };
  }

  /** The logs that have a metric, by kind, the kind that counts first. */
  private groupsOf(key: string): { format: LogFormatId; logs: FollowedLog[]; columns: PointColumns }[] {
    const byFormat = new Map<LogFormatId, FollowedLog[]>();
    for (const log of this.counted()) {
      if (isHidden(key, log) || (log.columns.get(key)?.length ?? 0) === 0) continue;
      const { format } = log.log;
      byFormat.set(format, [...(byFormat.get(format) ?? []), log]);
    }
    const groups = [...byFormat].map(([format, unordered]) => {
      const logs = [...unordered].sort((a, b) => compareAge(a, b, key));
      const parts = logs.flatMap((log) => log.columns.get(key) ?? []);
      const purges = logs.flatMap((log) => log.purges);
      const columns = mergeParts(parts, { purges, restarts: format !== "trainer-state" });
      return { format, logs, columns };
    });
    const rank = ({ format, columns: { length } }: (typeof groups)[number]) =>
      format === "trainer-state" ? Number.POSITIVE_INFINITY : format === "stdout" ? -1 : length;
    const place = ({ format }: (typeof groups)[number]) => preference.indexOf(format);
    return groups.sort((a, b) => rank(b) - rank(a) || place(a) - place(b));
  }
}

/** While a log is so short its first values may still tell of which training it is. */
const firstPoints = 8;

/** Whether what another log says may change what is shown: it has more points by now, or comes first. */
function mayCount({ log }: FollowedLog, { tail, columns }: Merged, own: PointColumns): boolean {
  return log.format === "trainer-state" || log.format === tail?.log.format || own.length > columns.length;
}

/** Epochs are an axis, and the closing entry is no point. */
function isHidden(key: string, { columns }: FollowedLog): boolean {
  if (key === "epoch" || key.endsWith("/epoch")) return true;
  return closingMetrics.has(key) && isTrainingSummary(columns);
}

function toMerged(columns: PointColumns, tail: FollowedLog | undefined): Merged {
  const shared = tail !== undefined && [...tail.columns.values()].includes(columns);
  return { columns, told: columns.length, tail, shared };
}

/** The older log first: by the time of its first point, else by how far the training had come. */
function compareAge(a: FollowedLog, b: FollowedLog, key: string): number {
  if (a.log.format === "trainer-state") return (a.report.facts.step ?? -1) - (b.report.facts.step ?? -1);
  const startOf = ({ columns }: FollowedLog) => columns.get(key)?.wallTimeAt(0) ?? Number.NaN;
  const difference = startOf(a) - startOf(b);
  return Number.isNaN(difference) ? 0 : difference;
}

function firstIndexBeyond({ steps }: PointColumns, step: number): number {
  const at = firstIndexAtStep(steps, step);
  return steps[at] === step ? at + 1 : at;
}

function beginsAlike(a: PointColumns, b: PointColumns, length: number): boolean {
  if (a === b) return true;
  const [stepsA, stepsB, valuesA, valuesB] = [a.steps, b.steps, a.values, b.values];
  for (let index = 0; index < length; index++) {
    if (stepsA[index] !== stepsB[index] || !isSameValue(valuesA[index], valuesB[index])) return false;
  }
  return true;
}

/** An event file has 32 bits of what trainer_state.json has whole: nobody sees the difference. */
function isSameValue(a = Number.NaN, b = Number.NaN): boolean {
  return Object.is(a, b) || Math.fround(a) === Math.fround(b);
}
