import { baseName } from "../../bytes/paths";
import { parseStepFolder } from "../../progress/checkpointNames";
import type { ConfigRow } from "../logs/logFormat";
import { countsEpochs, indexAtStep } from "../series/metricSeries";
import { type SampledSeries, type SampleRequest, SeriesSampler } from "../series/seriesSampler";
import type { FollowedLogs } from "./logSet";
import type { LogStore } from "./logStore";
import { MetricFacts } from "./metricFacts";
import type { RunHead, RunMarker } from "./runHead";
import { type RunLogChanges, RunLogFollower } from "./runLogFollower";
import { savedSettings } from "./savedSettings";

/** A run to chart. `Run` fits. */
export interface ChartSource extends FollowedLogs {
  readonly checkpoints: readonly {
    readonly path: string;
    readonly name?: string;
    readonly step?: number;
    /** Nothing but an optimizer's own count says the step. */
    readonly stepIsOptimizers?: true;
    readonly epoch?: number;
    readonly incomplete?: boolean;
  }[];
  /** Path of the best checkpoint. */
  readonly best?: string | undefined;
  /** Path of the checkpoint that the charts belong to. */
  readonly current?: string | undefined;
}

/** What a look at a run's logs brought. */
export interface RunNews {
  readonly progress: RunLogChanges["progress"];
  /** What the page shows at once, where it is different now. */
  readonly head?: RunHead;
}

/** More have no room on any page, and their heads would not fit a message. */
const maxShownMetrics = 2000;
const maxConfigRows = 2000;
const maxShownMarkers = 2000;

/** A run as its charts show it: what is known at once, samples of what is in sight, and what comes. */
export class ChartedRun {
  private readonly follower: RunLogFollower;
  private readonly sampler: SeriesSampler;
  private readonly facts = new MetricFacts();
  private checkpoints: ChartSource["checkpoints"];
  private version = 0;
  /** Of checkpoints; empty where logs tell the settings, or as long as nothing does. */
  private saved: readonly ConfigRow[] = [];

  private constructor(
    private readonly store: LogStore,
    private run: ChartSource,
    nowMs: (() => number) | undefined,
  ) {
    this.checkpoints = run.checkpoints;
    this.follower = new RunLogFollower(store, run, {
      watch: true,
      ...(nowMs === undefined ? {} : { nowMs }),
    });
    this.sampler = new SeriesSampler(this.follower);
  }

  /** Reads all logs of a run. @throws only the signal's reason: what cannot be read is a problem of the run. */
  static async follow(
    store: LogStore,
    run: ChartSource,
    { nowMs, signal }: { readonly nowMs?: () => number; readonly signal?: AbortSignal } = {},
  ): Promise<ChartedRun> {
    const charted = new ChartedRun(store, run, nowMs);
    await charted.follower.poll(signal);
    await charted.readSaved(signal);
    for (const key of charted.follower.keys()) charted.facts.replace(key, charted.follower.columns(key));
    return charted;
  }

  /**
   * Reads what is new. `run` tells of the run as it is known by now: its checkpoints and which is best. Logs
   * that are new in it are not followed.
   */
  async poll(run?: ChartSource, signal?: AbortSignal): Promise<RunNews> {
    const changes = await this.follower.poll(signal);
    for (const points of changes.appended) this.facts.append(points.key, points);
    for (const key of changes.replaced) this.facts.replace(key, this.follower.columns(key));
    const isRunChanged = run !== undefined && this.takeRun(run);
    this.takeCheckpoints(changes);
    const { progress } = changes;
    if (changes.unchanged && !isRunChanged) return { progress };
    await this.readSaved(signal);
    this.version++;
    return { progress, head: this.head() };
  }

  private async readSaved(signal?: AbortSignal): Promise<void> {
    if (this.saved.length > 0 || this.follower.config().length > 0) return;
    const ordered = [...this.checkpoints].sort((a, b) => (a.step ?? -1) - (b.step ?? -1));
    const folders = ordered.flatMap(({ path, incomplete }) => (incomplete === true ? [] : [path]));
    this.saved = await savedSettings(this.store.files, folders, signal);
  }

  /** Grows whenever something is different. */
  get generation(): number {
    return this.version;
  }

  head(): RunHead {
    const { follower, facts } = this;
    const { name, config, summary, maxSteps, sources, problems } = follower.overview();
    const metrics = facts.heads(maxShownMetrics);
    const originSeconds = follower.originSeconds();
    const unplaced = this.checkpoints.filter((one) => this.markerOf(one) === undefined).length;
    return {
      ...(name === undefined ? {} : { name }),
      metrics,
      omittedMetrics: facts.size - metrics.length,
      axes: follower.axes(),
      ...(originSeconds === undefined ? {} : { originSeconds }),
      checkpoints: this.markers(),
      ...(unplaced === 0 ? {} : { unplaced }),
      ...(maxSteps === undefined ? {} : { maxSteps }),
      summary: summary.flatMap(([key, value]) => (typeof value === "number" ? [[key, value] as const] : [])),
      notes: summary.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : [])),
      config: (config.length === 0 ? this.saved : config).slice(0, maxConfigRows),
      sources,
      problems,
      progress: follower.progress(),
    };
  }

  /** What charts show of its lines, in the order of the requests; undefined where there is nothing to show. */
  sample(requests: readonly SampleRequest[]): (SampledSeries | undefined)[] {
    return requests.map((request) => this.sampler.sample(request));
  }

  /** Last logged at or before a step; NaN where nothing was. */
  valuesAt(of: readonly { readonly key: string; readonly step: number }[]): Float64Array<ArrayBuffer> {
    return Float64Array.from(of, ({ key, step }) => {
      const columns = this.follower.columns(key);
      return columns?.values[indexAtStep(columns, step)] ?? Number.NaN;
    });
  }

  /** The epoch at each of ascending steps; NaN where no log says. */
  epochsAlong(steps: Float64Array): Float64Array {
    return this.follower.epochsAlong(steps);
  }

  get lines(): Pick<SeriesSampler, "line"> {
    return this.sampler;
  }

  /** Whether anything of it is different from what was known. */
  private takeRun(run: ChartSource): boolean {
    const isSame = describe(run) === describe({ ...this.run, checkpoints: this.checkpoints });
    this.run = run;
    this.checkpoints = run.checkpoints;
    return !isSame;
  }

  private takeCheckpoints({ checkpointsAdded, checkpointsRemoved }: RunLogChanges): void {
    const removed = new Set(checkpointsRemoved);
    const kept = this.checkpoints.filter(({ path }) => !removed.has(path));
    const known = new Set(kept.map(({ path }) => path));
    const added = checkpointsAdded.filter(({ path }) => !known.has(path));
    this.checkpoints = [
      ...kept,
      ...added.map(({ temporary, ...one }) => ({ ...one, incomplete: temporary })),
    ];
  }

  private markers(): RunMarker[] {
    const markers = this.checkpoints.flatMap((checkpoint) => this.markerOf(checkpoint) ?? []);
    markers.sort((a, b) => a.step - b.step);
    const last = markers.findLast(({ incomplete }) => !incomplete);
    return markers
      .slice(-maxShownMarkers)
      .map((marker) => (marker === last ? { ...marker, last: true } : marker));
  }

  /** On an axis of epochs a checkpoint is at its epoch; an optimizer's own count is no place on one of steps. */
  private counted({ step, stepIsOptimizers, epoch }: ChartSource["checkpoints"][number]): number | undefined {
    if (step !== undefined && (stepIsOptimizers !== true || epoch === undefined)) return step;
    const series = this.follower.series(this.follower.keys()[0] ?? "");
    return series !== undefined && countsEpochs(series) ? epoch : undefined;
  }

  private markerOf(checkpoint: ChartSource["checkpoints"][number]): RunMarker | undefined {
    const { path, name, incomplete = false } = checkpoint;
    const { best, current } = this.run;
    const own = this.follower.stateOf(path);
    const folderName = baseName(path);
    const step = this.counted(checkpoint) ?? own?.step ?? parseStepFolder(folderName)?.step;
    if (step === undefined) return undefined;
    return {
      path,
      name: name ?? folderName,
      step,
      epoch: checkpoint.epoch ?? own?.epoch ?? this.follower.epochAt(step),
      best: path === best,
      current: path === current,
      last: false,
      incomplete,
      wallTime: this.follower.wallTimeAt(step),
      tokens: this.follower.tokensAt(step),
    };
  }
}

function describe({ checkpoints, best, current }: ChartSource): string {
  const known = checkpoints.map(({ path, name, step, epoch, incomplete = false }) => [
    path,
    name ?? baseName(path),
    step ?? null,
    epoch ?? null,
    incomplete,
  ]);
  return JSON.stringify([known, best ?? null, current ?? null]);
}
