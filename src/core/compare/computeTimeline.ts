import type { Files } from "../bytes/files";
import type { UserStage } from "../session/stageOf";
import { type ModuleMeasurement, measureModule } from "../update/measureModule";
import { metricValues } from "../update/moduleMetrics";
import type { UpdateAnalysis } from "../update/updateAnalysis";
import { alignModules } from "./modules/alignModules";
import { compareUpdates, type UpdateComparison } from "./modules/compareUpdates";
import { moduleGrid } from "./modules/moduleGrid";
import { openSnapshots, type Snapshot } from "./openSnapshots";
import { type Timeline, type TimelineCheckpoint, type TimelineMetric, timelineMetrics } from "./timeline";

export interface TimelineOptions {
  readonly metrics?: readonly TimelineMetric[];
  readonly report?: (done: number, total: number, label: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Reads every checkpoint once, module by module; of the factors no more than three are in memory. */
export async function computeTimeline(
  files: Files,
  paths: readonly string[],
  userStage: UserStage,
  { metrics = timelineMetrics, report, signal }: TimelineOptions = {},
): Promise<Timeline> {
  const snapshots = inStepOrder(await openSnapshots(files, paths, userStage, signal));
  const aligned = alignModules(snapshots).rows;
  const values = Object.fromEntries(
    metrics.map((metric) => [metric, new Float32Array(aligned.length * snapshots.length).fill(Number.NaN)]),
  ) as Partial<Record<TimelineMetric, Float32Array>>;
  const readers = snapshots.map(({ session }) => session?.tensorReader());
  const needsPairs = metrics.some((metric) => pairMetrics.has(metric));
  try {
    for (const [row, { name, modules: bySnapshot }] of aligned.entries()) {
      signal?.throwIfAborted();
      report?.(row, aligned.length, name);
      let first: UpdateAnalysis | undefined;
      let previous: UpdateAnalysis | undefined;
      for (const [column, module] of bySnapshot.entries()) {
        const reader = readers[column];
        if (module === undefined || reader === undefined) continue;
        const { measurement, analysis } = await measureModule(
          module,
          (tensor) => reader.read(tensor, signal),
          signal,
        );
        const pairs = needsPairs && analysis !== undefined ? { first, previous, own: analysis } : undefined;
        const found = valuesOf(measurement, pairs);
        for (const metric of metrics) {
          const value = found[metric];
          const target = values[metric];
          if (target !== undefined && value !== undefined) target[row * snapshots.length + column] = value;
        }
        first ??= analysis;
        previous = analysis ?? previous;
      }
    }
  } finally {
    await Promise.all(readers.map((reader) => reader?.close()));
  }
  const modules = aligned.map(({ name }) => name);
  return { checkpoints: snapshots.map(checkpointOf), modules, grid: moduleGrid(modules), values };
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

/** From the training state, or from a name such as `checkpoint-500`. */
function stepOf({ session, label }: Snapshot): number | undefined {
  const state = session?.folder.trainerState?.globalStep;
  if (state !== undefined) return state;
  const digits = /(?:checkpoint|ckpt|step|iter)\D{0,3}(\d{1,12})/i.exec(label)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** By step; those without one keep their place after the others. */
export function inStepOrder(snapshots: readonly Snapshot[]): readonly Snapshot[] {
  return snapshots
    .map((snapshot, index) => ({ snapshot, index, step: stepOf(snapshot) ?? Number.POSITIVE_INFINITY }))
    .sort((a, b) => (a.step === b.step ? a.index - b.index : a.step - b.step))
    .map(({ snapshot }) => snapshot);
}
