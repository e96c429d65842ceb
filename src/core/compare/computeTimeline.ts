import type { Files } from "../bytes/files";
import type { UserStage } from "../session/stageOf";
import type { Tensor } from "../tensors/tensor";
import { type ModuleMeasurement, type ModuleReader, measureModule } from "../update/measureModule";
import { metricValues } from "../update/moduleMetrics";
import type { UpdateAnalysis } from "../update/updateAnalysis";
import { type AlignedModule, alignModules } from "./modules/alignModules";
import { compareUpdates, type UpdateComparison } from "./modules/compareUpdates";
import { moduleGrid } from "./modules/moduleGrid";
import { openSnapshots, type Snapshot, withReaders } from "./openSnapshots";
import { type Timeline, type TimelineCheckpoint, type TimelineMetric, timelineMetrics } from "./timeline";

export interface TimelineOptions {
  readonly metrics?: readonly TimelineMetric[];
  readonly report?: (done: number, total: number, label: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Where modules are not followed here, one after the other, but many at once. */
  readonly followModules?: FollowModules;
}

/** What is charted of one module: of each metric one value for each checkpoint, NaN where there is none. */
export type TimelineRow = Readonly<Partial<Record<TimelineMetric, Float32Array>>>;

/**
 * Follows modules through checkpoints in the order of their steps and tells of each in the order of the rows. Undefined
 * where it would not be faster than one after the other.
 */
export type FollowModules = (
  snapshots: readonly Snapshot[],
  rows: readonly AlignedModule[],
  metrics: readonly TimelineMetric[],
  take: (values: TimelineRow) => void,
) => Promise<void> | undefined;

/** Reads every checkpoint once, module by module; of the factors no more than three are in memory. */
export async function computeTimeline(
  files: Files,
  paths: readonly string[],
  userStage: UserStage,
  { metrics = timelineMetrics, report, signal, followModules }: TimelineOptions = {},
): Promise<Timeline> {
  const snapshots = inStepOrder(await openSnapshots(files, paths, userStage, signal));
  const aligned = alignModules(snapshots).rows;
  const values = Object.fromEntries(
    metrics.map((metric) => [metric, new Float32Array(aligned.length * snapshots.length).fill(Number.NaN)]),
  ) as Partial<Record<TimelineMetric, Float32Array>>;
  let done = 0;
  const take = (found: TimelineRow) => {
    report?.(done, aligned.length, aligned[done]?.name ?? "");
    for (const metric of metrics)
      values[metric]?.set(found[metric] ?? new Float32Array(), done * snapshots.length);
    done++;
  };
  const asked = [snapshots, aligned, metrics, take] as const;
  await (followModules?.(...asked) ?? followOneByOne(signal)(...asked));
  const modules = aligned.map(({ name }) => name);
  return { checkpoints: snapshots.map(checkpointOf), modules, grid: moduleGrid(modules), values };
}

function followOneByOne(signal: AbortSignal | undefined): FollowModules {
  return (snapshots, rows, metrics, take) =>
    withReaders(snapshots, async (readers) => {
      for (const row of rows) {
        signal?.throwIfAborted();
        take(await followModule(row, readers, metrics, signal));
      }
    });
}

/** @param readers one for each checkpoint that could be opened. */
export async function followModule(
  { modules }: AlignedModule,
  readers: readonly (ModuleReader | undefined)[],
  metrics: readonly TimelineMetric[],
  signal?: AbortSignal,
): Promise<TimelineRow> {
  const needsPairs = metrics.some((metric) => pairMetrics.has(metric));
  const values = Object.fromEntries(
    metrics.map((metric) => [metric, new Float32Array(modules.length).fill(Number.NaN)]),
  ) as TimelineRow;
  let first: UpdateAnalysis | undefined;
  let previous: UpdateAnalysis | undefined;
  for (const [column, module] of modules.entries()) {
    const reader = readers[column];
    if (module === undefined || reader === undefined) continue;
    const read = (tensor: Tensor) => reader.read(tensor, signal);
    const { measurement, analysis } = await measureModule(module, read, signal);
    const pairs = needsPairs && analysis !== undefined ? { first, previous, own: analysis } : undefined;
    const found = valuesOf(measurement, pairs);
    for (const metric of metrics) values[metric]?.set([found[metric] ?? Number.NaN], column);
    first ??= analysis;
    previous = analysis ?? previous;
  }
  return values;
}

const pairMetrics: ReadonlySet<TimelineMetric> = new Set([
  "relativeChange",
  "cosine",
  "energyKept",
  "fromFirst",
]);

interface Neighbours {
  readonly first: UpdateAnalysis | undefined;
  readonly previous: UpdateAnalysis | undefined;
  readonly own: UpdateAnalysis;
}

function valuesOf(
  { metrics }: ModuleMeasurement,
  pairs: Neighbours | undefined,
): Partial<Record<TimelineMetric, number | undefined>> {
  if (metrics === undefined) return {};
  const plain = metricValues(metrics);
  if (pairs === undefined) return plain;
  const { first, previous, own } = pairs;
  const change = compared(previous, own);
  const fromFirst = first === previous ? change : compared(first, own);
  return {
    ...plain,
    relativeChange: change?.relativeChange,
    cosine: change?.cosine,
    energyKept: change?.energyKept,
    fromFirst: fromFirst?.relativeChange,
  };
}

function compared(before: UpdateAnalysis | undefined, after: UpdateAnalysis): UpdateComparison | undefined {
  return before === undefined ? undefined : compareUpdates(before, after);
}

export function checkpointOf(snapshot: Snapshot): TimelineCheckpoint {
  const { path, label, failure } = snapshot;
  return { path, label, step: stepOf(snapshot), failure: failure?.message };
}

/** From the training state, from the file itself, or from a name such as `checkpoint-500`. */
function stepOf({ session, label }: Snapshot): number | undefined {
  const state = session?.folder.trainerState?.globalStep ?? session?.inside?.progress?.step;
  if (state !== undefined) return state;
  const digits = /(?:checkpoint|ckpt|step|iter)\D{0,3}(\d{1,12})/i.exec(label)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * By step. Of those without one what is given before the first step was before the training, as the stages of a
 * pipeline are, and the others come after it.
 */
export function inStepOrder(snapshots: readonly Snapshot[]): readonly Snapshot[] {
  const steps = snapshots.map(stepOf);
  const first = steps.findIndex((step) => step !== undefined);
  const { NEGATIVE_INFINITY: before, POSITIVE_INFINITY: after } = Number;
  return snapshots
    .map((snapshot, index) => ({ snapshot, index, at: steps[index] ?? (index < first ? before : after) }))
    .sort((a, b) => (a.at === b.at ? a.index - b.index : a.at - b.at))
    .map(({ snapshot }) => snapshot);
}
