import { hasStoredFactors } from "../adapter/factorLayout";
import type { LoraModule } from "../adapter/loraModule";
import { type LinearUpdate, loadLinearUpdate } from "./composed/linearUpdate";
import { loadExpertFactors } from "./expertFactors";
import { type FactorHealth, factorHealth } from "./factorHealth";
import { loadFactors, type ReadTensor, UpdateUnavailableError } from "./factors";
import { listedSpectrum } from "./listedSpectrum";
import { fingerprintOf, type ModuleFingerprint } from "./stageFingerprint";
import { UpdateAnalysis } from "./updateAnalysis";
import type { UpdateMetrics } from "./updateMetrics";

/** What an adapter does to one module. */
export interface ModuleMeasurement {
  readonly module: LoraModule;
  readonly alpha: number | undefined;
  /** NaN where it could not be read. */
  readonly scale: number;
  /** Undefined where the factors cannot be read or are not finite; `unavailable` says why. */
  readonly metrics: UpdateMetrics | undefined;
  /** Of each expert's update, where the module holds those of a mixture: then there are no `metrics` of the whole. */
  readonly experts?: readonly UpdateMetrics[];
  readonly unavailable: string | undefined;
  /** The factors or their product hold NaN or infinity. */
  readonly notFinite: boolean;
  /** What the factors tell of their making; undefined where they cannot tell. */
  readonly fingerprint: ModuleFingerprint | undefined;
  /** Undefined for updates that are zero or were not measured. */
  readonly health: FactorHealth | undefined;
}

export interface MeasuredModule {
  readonly measurement: ModuleMeasurement;
  /** For comparisons; holds the factors, so drop it as soon as possible. */
  readonly analysis: UpdateAnalysis | undefined;
  /** What is compared of an update without small factors. */
  readonly linear?: LinearUpdate;
  /** The same of one expert, made anew at each call, where the module holds those of a mixture. */
  readonly expertAnalysis?: (expert: number) => UpdateAnalysis;
}

/** What a checkpoint's modules are read with; a `TensorReader` is one. */
export interface ModuleReader {
  readonly read: ReadTensor;
}

/** A module whose factors are read. */
export interface LoadedModule {
  /** Not measured yet: what is known of it elsewhere may be given first. Undefined where there are no small factors. */
  readonly analysis: UpdateAnalysis | undefined;
  /** Once. */
  measure(): MeasuredModule;
}

/** Reads the factors of a module and measures its update. Rejects only when cancelled or on a fault of ours. */
export async function measureModule(...asked: Parameters<typeof loadModule>): Promise<MeasuredModule> {
  return (await loadModule(...asked)).measure();
}

/** Reads the factors of a module, to be measured. Rejects only when cancelled or on a fault of ours. */
export async function loadModule(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<LoadedModule> {
  const done = (measured: MeasuredModule): LoadedModule => ({ analysis: undefined, measure: () => measured });
  try {
    if (module.layout === "experts") return done(await measureExperts(module, readTensor, signal));
    const listed = await listedSpectrum(module, readTensor, signal);
    if (listed !== undefined) {
      const about = { module, alpha: module.alpha, scale: module.scale ?? 1 };
      return done({ measurement: { ...about, ...nothing, metrics: listed }, analysis: undefined });
    }
    const linear = await loadLinearUpdate(module, readTensor, signal);
    if (linear !== undefined) return done(measuredLinear(module, linear));
    const analysis = new UpdateAnalysis(await loadFactors(module, readTensor, signal));
    return { analysis, measure: () => measured(module, analysis) };
  } catch (error) {
    signal?.throwIfAborted();
    return done(unreadable(module, error));
  }
}

function measured(module: LoraModule, analysis: UpdateAnalysis): MeasuredModule {
  try {
    const { metrics, factors } = analysis;
    const about = { module, alpha: factors.alpha, scale: factors.scale };
    if (!metrics.finite) return { measurement: { ...about, ...broken }, analysis: undefined };
    const fingerprint = hasStoredFactors(module.layout) ? fingerprintOf(analysis, module.a.dtype) : undefined;
    const health = factorHealth(analysis);
    return { measurement: { ...about, ...nothing, metrics, fingerprint, health }, analysis };
  } catch (error) {
    return unreadable(module, error);
  }
}

/** @throws the error where it is none of the module's. */
function unreadable(module: LoraModule, error: unknown): MeasuredModule {
  // A RangeError is a tensor beyond the end of a cut file.
  if (!(error instanceof UpdateUnavailableError || error instanceof RangeError)) throw error;
  const about = { module, alpha: module.alpha, scale: module.scale ?? Number.NaN };
  return { measurement: { ...about, ...nothing, unavailable: error.message }, analysis: undefined };
}

function measuredLinear(module: LoraModule, linear: LinearUpdate): MeasuredModule {
  const { alpha, scale, metrics } = linear;
  const about = { module, alpha, scale };
  if (!metrics.finite) return { measurement: { ...about, ...broken }, analysis: undefined };
  const unavailable =
    metrics.singularValues.length > 0 || metrics.zero
      ? undefined
      : `Its rank may be ${module.rank}, and nothing in its file makes that cheaper to decompose: only the norm is computed.`;
  return { measurement: { ...about, ...nothing, metrics, unavailable }, analysis: undefined, linear };
}

/**
 * Measures modules of one adapter and tells of each in their order, as soon as it and those before it are measured.
 * Here one after the other; a host with threads measures many at once.
 */
export type MeasureModules = (
  modules: readonly LoraModule[],
  take: (measurement: ModuleMeasurement) => void,
) => Promise<void>;

export function measureOneByOne(readTensor: ReadTensor, signal?: AbortSignal): MeasureModules {
  return async (modules, take) => {
    for (const module of modules) {
      signal?.throwIfAborted();
      take((await measureModule(module, readTensor, signal)).measurement);
    }
  };
}

async function measureExperts(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<MeasuredModule> {
  const { count, alpha, scale, factorsOf } = await loadExpertFactors(module, readTensor, signal);
  const experts: UpdateMetrics[] = [];
  for (let expert = 0; expert < count; expert++) {
    signal?.throwIfAborted();
    experts.push(new UpdateAnalysis(factorsOf(expert)).metrics);
  }
  const brokenCount = experts.filter(({ finite }) => !finite).length;
  const unavailable =
    brokenCount > 0
      ? `The factors of ${brokenCount} of its ${count} experts hold NaN or infinity.`
      : `It holds one update for each of ${count} experts, whose numbers stand one by one; there is no single ΔW.`;
  const measurement = { module, alpha, scale, ...nothing, experts, unavailable, notFinite: brokenCount > 0 };
  const expertAnalysis = (expert: number) => new UpdateAnalysis(factorsOf(expert));
  return { measurement, analysis: undefined, expertAnalysis };
}

const nothing = {
  metrics: undefined,
  unavailable: undefined,
  notFinite: false,
  fingerprint: undefined,
  health: undefined,
};

const broken = {
  ...nothing,
  unavailable: "Its factors or their product hold NaN or infinity.",
  notFinite: true,
};
