import type { Problem } from "../../problem/problem";
import { stepsAgain } from "../../progress/logOddities";
import { formatCount, plural } from "../../text/quantities";
import type { LogFile, SummaryRow } from "../logs/logFormat";
import { logFormatOf } from "../logs/logFormats";
import { compareSeries, type MetricColumns, type MetricSeries } from "../series/metricSeries";
import { lossKeyOf, type RunProgress } from "../series/runProgress";
import { type AxisKind, tokenKeyOf } from "../series/seriesAxis";
import { StepCurve } from "../series/stepCurve";
import type { FollowedLog } from "./followedLog";
import { type FollowedLogs, LogSet } from "./logSet";
import type { LogStore } from "./logStore";
import { MergedMetrics } from "./mergedMetrics";
import { epochCurve, isClockTime, wallTimeCurve } from "./runCurves";
import type { LogSource, RunLog } from "./runLog";
import { RunMeter } from "./runMeter";
import { type NamedCheckpoint, RunWatcher } from "./runWatcher";
import { SeriesView } from "./seriesView";

export interface FollowOptions {
  /** Also look for new checkpoints and logs in the run's folder, from the second look on. */
  readonly watch?: boolean;
  readonly nowMs?: () => number;
}

/** New points of one metric, behind all that were known. */
export interface AppendedPoints {
  readonly key: string;
  readonly steps: Float64Array<ArrayBuffer>;
  readonly values: Float64Array<ArrayBuffer>;
  /** NaN where the log does not say. */
  readonly epochs: Float64Array<ArrayBuffer>;
  readonly wallTimes?: Float64Array<ArrayBuffer>;
}

/** What a look at a run's logs brought. */
export interface RunLogChanges {
  readonly appended: readonly AppendedPoints[];
  /**
   * Metrics of which earlier points changed too, that have very many new ones or are gone: ask for them anew.
   */
  readonly replaced: readonly string[];
  readonly checkpointsAdded: readonly NamedCheckpoint[];
  /** Paths. */
  readonly checkpointsRemoved: readonly string[];
  readonly progress: RunProgress;
  /** Nothing is different from the last look. */
  readonly unchanged: boolean;
}

/** More new points of one metric than that are not told one by one: a message must stay small. */
const maxToldPoints = 4096;

/** Reads the logs of a run, and reads on as they grow: a look costs what was appended. Holds no file open. */
export class RunLogFollower {
  private readonly set: LogSet;
  private readonly metrics: MergedMetrics;
  private readonly meter: RunMeter;
  private readonly watcher: RunWatcher | undefined;
  private readonly nowMs: () => number;
  private view = new SeriesView();
  private looked = false;
  private grew = false;
  private queue: Promise<unknown> = Promise.resolve();
  /** Not yet told: a look that is aborted must not lose them. */
  private added: NamedCheckpoint[] = [];
  private removed: string[] = [];

  constructor(store: LogStore, run: FollowedLogs, { watch = false, nowMs = Date.now }: FollowOptions = {}) {
    this.nowMs = nowMs;
    this.set = new LogSet(store, run, nowMs);
    this.metrics = new MergedMetrics(() => this.set.logs);
    this.meter = new RunMeter(this.metrics, () => this.set.logs);
    const { path, checkpoints } = run;
    if (watch && path !== undefined) this.watcher = new RunWatcher(store.files, { path, checkpoints });
  }

  /**
   * Reads what is new since the last call; the first reads everything. Calls wait for each other.
   * @throws the signal's reason; what cannot be read is a problem of the run.
   */
  poll(signal?: AbortSignal): Promise<RunLogChanges> {
    const look = this.queue.then(() => this.look(signal));
    this.queue = look.catch(() => undefined);
    return look;
  }

  /** Reads this log too from the next look on; it was found by other means. Known ones are no news. */
  follow(log: LogFile): void {
    this.set.follow(log);
  }

  keys(): string[] {
    return this.metrics.keys();
  }

  /**
   * One metric as it is now, with epochs and times as far as any log knows. Its columns are views: copy to
   * send.
   */
  series(key: string): MetricSeries | undefined {
    const columns = this.metrics.get(key);
    return columns === undefined ? undefined : this.view.series(key, columns, () => this.curves());
  }

  /** All metrics, copied: the columns are the caller's. */
  runLog(): RunLog {
    const series = this.keys().flatMap((key): MetricSeries[] => {
      const one = this.series(key);
      return one === undefined ? [] : [copySeries(one)];
    });
    return { series: series.sort(compareSeries), ...this.overview() };
  }

  /** What the logs say besides points. */
  overview(): Omit<RunLog, "series"> {
    const reports = this.metrics.counted().map(({ report }) => report);
    return {
      config: this.config(),
      summary: this.summary(),
      maxSteps: this.meter.maxSteps(),
      name: reports.find(({ facts }) => facts.name !== undefined)?.facts.name,
      sources: this.set.logs.map((log) => this.sourceOf(log)),
      problems: [...this.set.logs.flatMap(({ report }) => report.problems), ...this.notes()],
    };
  }

  /** The settings in the logs; where several say one, the first that is counted has it. */
  config(): RunLog["config"] {
    const configs = this.metrics.counted().map(({ report }) => report.config);
    return [...new Map(configs.reverse().flat())];
  }

  /** What was left out of the logs, and why. */
  notes(): Problem[] {
    const longer = this.longerStarts();
    return [...this.otherTrainings(), ...(longer.length > 0 ? longer : this.stepsAgain())];
  }

  progress(): RunProgress {
    const step = this.meter.step();
    return this.meter.progress(step === undefined ? Number.NaN : this.newestEpoch(step));
  }

  /** The epoch at a step; NaN where no log says. */
  epochAt(step: number): number {
    return this.curves().epochs.at(step);
  }

  epochsAlong(steps: Float64Array): Float64Array {
    return this.curves().epochs.along(steps);
  }

  /** The numbers of a metric alone, which cost nothing. They are views: copy to send. */
  columns(key: string): MetricColumns | undefined {
    return this.metrics.get(key);
  }

  /** When a step was logged, in seconds; NaN where no log says. */
  wallTimeAt(step: number): number {
    return this.curves().wallTimes.at(step);
  }

  /** Tokens that were trained on until a step; NaN where no log says. */
  tokensAt(step: number): number {
    const tokens = this.metrics.get(tokenKeyOf(this.keys()) ?? "");
    return tokens === undefined ? Number.NaN : StepCurve.ofColumns(tokens).at(step);
  }

  /** What a chart can have from left to right. */
  axes(): AxisKind[] {
    const { epochs, wallTimes } = this.curves();
    return [
      "step",
      ...(epochs.length > 0 ? (["epoch"] as const) : []),
      // Seconds since the training began are no date.
      ...(isClockTime(wallTimes.firstValue) ? (["wallTime"] as const) : []),
      ...(wallTimes.length > 0 ? (["relativeTime"] as const) : []),
      ...(tokenKeyOf(this.keys()) === undefined ? [] : (["tokens"] as const)),
    ];
  }

  originSeconds(): number | undefined {
    const { wallTimes } = this.curves();
    if (wallTimes.length === 0) return undefined;
    const ofCurve = wallTimes.firstValue;
    const firsts = this.keys().map((key) => this.metrics.get(key)?.wallTimes?.find(Number.isFinite));
    return firsts.reduce<number>(
      (origin, first) =>
        first !== undefined && isClockTime(first) === isClockTime(ofCurve) ? Math.min(origin, first) : origin,
      ofCurve,
    );
  }

  /** What a checkpoint's own trainer_state.json says. */
  stateOf(checkpointPath: string): { readonly step?: number; readonly epoch?: number } | undefined {
    return this.set.factsOf(checkpointPath);
  }

  private async look(signal: AbortSignal | undefined): Promise<RunLogChanges> {
    signal?.throwIfAborted();
    await (this.looked ? this.lookAround(signal) : this.watcher?.lookFirst(signal));
    const changes = await (this.looked ? this.set.readMore(signal) : this.set.readFirst(signal));
    const { appended, replaced } = this.metrics.update(changes);
    this.looked = true;
    this.grew = appended.size > 0;
    if (changes.size > 0) this.view = new SeriesView();
    this.meter.observe(this.nowMs() / 1000);
    const { added, removed } = this;
    this.added = [];
    this.removed = [];
    const isMany = ([key, first]: readonly [string, number]) =>
      (this.metrics.get(key)?.length ?? 0) - first > maxToldPoints;
    const few = [...appended].filter((one) => !isMany(one));
    const many = [...appended].filter(isMany).map(([key]) => key);
    return {
      appended: few.map(([key, first]) => this.appendedPoints(key, first)),
      replaced: [...replaced, ...many],
      checkpointsAdded: added,
      checkpointsRemoved: removed,
      progress: this.progress(),
      unchanged: changes.size + added.length + removed.length === 0,
    };
  }

  private async lookAround(signal: AbortSignal | undefined): Promise<void> {
    const known = this.set.logs.map(({ log }) => log);
    // While the known event files grow, no other one does.
    const news = await this.watcher?.look(known, !this.grew, signal);
    if (news === undefined) return;
    this.added.push(...news.added);
    this.removed.push(...news.removed);
    for (const { path } of news.added) this.set.awaitStateOf(path);
    for (const log of news.logs) this.set.follow(log);
  }

  private appendedPoints(key: string, first: number): AppendedPoints {
    const columns = this.metrics.get(key);
    const from = (column: Float64Array | undefined) => Float64Array.from(column?.subarray(first) ?? []);
    const steps = from(columns?.steps);
    const known = columns?.epochs;
    const tail = this.metrics.tailOf(key);
    return {
      key,
      steps,
      values: from(columns?.values),
      epochs: known === undefined ? steps.map((step) => this.epochIn(tail, step)) : from(known),
      ...(columns?.wallTimes === undefined ? {} : { wallTimes: from(columns.wallTimes) }),
    };
  }

  /** From what the logs themselves say of epochs: a curve of all logs would cost as much as they are long. */
  private newestEpoch(step: number): number {
    const epochs = this.metrics.counted().map((log) => this.epochIn(log, step));
    return epochs.find(Number.isFinite) ?? Number.NaN;
  }

  private epochIn(log: FollowedLog | undefined, step: number): number {
    return log === undefined ? Number.NaN : this.view.epochIn(log, step);
  }

  private curves() {
    const logs = this.metrics.counted();
    return this.view.curves(
      () => epochCurve(logs),
      () => wallTimeCurve(logs),
    );
  }

  /** trainer_state.json's closing entry, and what else logs say of the whole. */
  private summary(): SummaryRow[] {
    const rows = new Map<string, number | string>();
    const stepOf = ({ report }: FollowedLog) => report.facts.step ?? -1;
    const counted = [...this.metrics.counted()].sort((a, b) => stepOf(a) - stepOf(b));
    const isState = ({ log }: FollowedLog) => log.format === "trainer-state";
    const state = counted.findLast((log) => isState(log) && log.report.summary.length > 0);
    const rest = counted.filter((log) => !isState(log)).flatMap(({ report }) => report.summary);
    const own = state?.report.summary ?? [];
    for (const [name, value] of [...own, ...this.metrics.closingValues(), ...rest]) {
      if (!rows.has(name)) rows.set(name, value);
    }
    return [...rows];
  }

  private sourceOf(followed: FollowedLog): LogSource {
    const { log, columns } = followed;
    let points = 0;
    for (const { length } of columns.values()) points += length;
    const otherTraining = this.metrics.otherTrainings.has(followed);
    return { ...log, label: logFormatOf(log.format).label, metrics: columns.size, points, otherTraining };
  }

  /** A training that was started again goes on where it was started; what came beyond is void, but no secret. */
  private longerStarts(): Problem[] {
    const shown = largestStep(this.keys().map((key) => this.metrics.get(key)?.lastStep));
    const logged = this.metrics.counted().map(({ columns }) => {
      return largestStep([...columns.values()].map(({ lastStep }) => lastStep));
    });
    const longest = largestStep(logged);
    if (longest <= shown || !Number.isFinite(shown)) return [];
    const message =
      `An earlier start of the training went on to step ${formatCount(longest)}. ` +
      `A later one began again before that and came to step ${formatCount(shown)}: its values are shown.`;
    return [{ severity: "info", code: "LongerEarlierStart", message }];
  }

  /** Of the loss, or else of what is logged most often. trainer_state.json tells of itself where it is listed. */
  private stepsAgain(): Problem[] {
    const keys = this.keys();
    const key = lossKeyOf(keys) ?? keys[0];
    const log = this.metrics.tailOf(key ?? "");
    if (key === undefined || log === undefined || log.log.format === "trainer-state") return [];
    const again = stepsAgain(this.metrics.stepsBack(key, log.log.format));
    return again === undefined ? [] : [again];
  }

  private otherTrainings(): Problem[] {
    const count = this.metrics.otherTrainings.size;
    if (count === 0) return [];
    const message =
      `Left out: ${plural(count, "log")} of other trainings. ` +
      "Their values differ from trainer_state.json at the same steps.";
    return [{ severity: "info", code: "OtherTraining", message }];
  }
}

function largestStep(steps: readonly (number | undefined)[]): number {
  return steps.reduce<number>(
    (largest, step) => Math.max(largest, step ?? largest),
    Number.NEGATIVE_INFINITY,
  );
}

function copySeries(series: MetricSeries): MetricSeries {
  const { steps, epochs, values, wallTimes } = series;
  const copy = { ...series, steps: steps.slice(), epochs: epochs.slice(), values: values.slice() };
  return wallTimes === undefined ? copy : { ...copy, wallTimes: wallTimes.slice() };
}
