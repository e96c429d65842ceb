import type { LoraModule } from "../adapter/loraModule";
import type { Files } from "../bytes/files";
import type { UserStage } from "../session/stageOf";
import { loadModule, type ModuleReader } from "../update/measureModule";
import type { UpdateAnalysis } from "../update/updateAnalysis";
import {
  type CompareModuleDetail,
  type CompareView,
  type ModulePairDetail,
  maxListedTensors,
} from "./compareView";
import { type AlignedModule, alignModules, type ModuleAlignment } from "./modules/alignModules";
import { comparePairs, type Pairing } from "./modules/comparePairs";
import type { ModuleComparison } from "./modules/moduleComparison";
import { describeModule, describePair } from "./modules/moduleDetail";
import { changeFrom, findInitialSnapshot } from "./modules/trueChange";
import { openSnapshots, type Snapshot, withReaders } from "./openSnapshots";
import { settingsDifferences } from "./settingsDifferences";
import { describeBases } from "./snapshotProblems";
import { compareTensorLayouts } from "./tensorDiffSummary";
import { viewComparison } from "./viewComparison";

export interface ComparisonOptions {
  readonly pairing?: Pairing;
  readonly report?: (done: number, total: number, label: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Where modules are not compared here, one after the other, but many at once. */
  readonly compareModules?: CompareModules;
}

/** What comparing one module of aligned snapshots needs to know. */
export interface PairingOptions {
  readonly pairing: Pairing;
  /** The snapshot that others started from. */
  readonly initial: number | undefined;
}

/**
 * Compares the modules of aligned snapshots and tells of each in the order of the rows. Undefined where it would not be
 * faster than one after the other.
 */
export type CompareModules = (
  snapshots: readonly Snapshot[],
  rows: readonly AlignedModule[],
  options: PairingOptions,
  take: (compared: ModuleComparison) => void,
) => Promise<void> | undefined;

/**
 * Two to eight snapshots side by side. Modules are read and measured one at a time: of a module's factors
 * nothing is kept but its numbers, so that adapters of any size fit.
 */
export class Comparison {
  private constructor(
    readonly snapshots: readonly Snapshot[],
    readonly modules: readonly ModuleComparison[],
    /** Which module of one snapshot is which of another. */
    readonly alignment: ModuleAlignment,
    readonly view: CompareView,
  ) {}

  /** Never rejects for a snapshot that can't be read: its column says why, the others stand. */
  static async compute(
    files: Files,
    paths: readonly string[],
    userStage: UserStage,
    options: ComparisonOptions = {},
  ): Promise<Comparison> {
    const snapshots = await openSnapshots(files, paths, userStage, options.signal);
    const initial = findInitialSnapshot(snapshots);
    const alignment = alignModules(snapshots);
    const modules = await compareAll(snapshots, alignment, initial, options);
    const tensors = compareTensorLayouts(snapshots, maxListedTensors);
    const problems = [
      ...describeBases(snapshots, initial),
      ...settingsDifferences(snapshots),
      ...alignment.problems,
      ...tensors.problems,
    ];
    const view = viewComparison(snapshots, modules, tensors, problems, initial);
    return new Comparison(snapshots, modules, alignment, view);
  }

  /**
   * Reads the module's factors again and describes them in depth.
   * @throws when no snapshot adapts the module.
   */
  async moduleDetail(module: string, signal?: AbortSignal): Promise<CompareModuleDetail> {
    const found = this.alignedModule(module);
    return withReaders(this.snapshots, async (readers) => {
      const measured = await measureAll(found, readers, signal);
      const analyses = measured.map((each) => each?.analysis);
      const detail = describeModule(module, analyses, this.view.initialColumn);
      // Measured without factors, e.g. the spectrum that a full decomposition lists.
      const singularValues = measured.map((each) => each?.measurement.metrics?.singularValues ?? null);
      return { ...detail, singularValues };
    });
  }

  /** @throws when no snapshot adapts the module. */
  private alignedModule(module: string): readonly (LoraModule | undefined)[] {
    const found = this.alignment.rows.find(({ name }) => name === module);
    if (found === undefined) throw new Error(`No snapshot adapts "${module}".`);
    return found.modules;
  }

  /**
   * Any two of the snapshots, of which `moduleDetail` has those with the first and with the left neighbour alone.
   * @returns undefined where one of them has no update of the module that can be measured.
   */
  async modulePair(
    module: string,
    a: number,
    b: number,
    signal?: AbortSignal,
  ): Promise<ModulePairDetail | undefined> {
    const found = this.alignedModule(module);
    const chosen = [a, b].map((index) => found[index]);
    return withReaders([this.snapshots[a], this.snapshots[b]], async (readers) => {
      const [first, second] = await measureAll(chosen, readers, signal);
      if (first?.analysis === undefined || second?.analysis === undefined) return undefined;
      return describePair(a, b, first.analysis, second.analysis);
    });
  }
}

async function compareAll(
  snapshots: readonly Snapshot[],
  { rows }: ModuleAlignment,
  initial: number | undefined,
  { pairing = "first", report, signal, compareModules }: ComparisonOptions,
): Promise<ModuleComparison[]> {
  const compared: ModuleComparison[] = [];
  const take = (module: ModuleComparison) => {
    report?.(compared.length, rows.length, module.module);
    compared.push(module);
  };
  const asked = [snapshots, rows, { pairing, initial }, take] as const;
  await (compareModules?.(...asked) ?? compareOneByOne(signal)(...asked));
  return compared;
}

function compareOneByOne(signal: AbortSignal | undefined): CompareModules {
  return (snapshots, rows, options, take) =>
    withReaders(snapshots, async (readers) => {
      for (const row of rows) {
        signal?.throwIfAborted();
        take(await compareModule(row, readers, options, signal));
      }
    });
}

/** @param readers one for each snapshot that could be opened. */
export async function compareModule(
  { name: module, modules: bySnapshot }: AlignedModule,
  readers: readonly (ModuleReader | undefined)[],
  { pairing, initial }: PairingOptions,
  signal?: AbortSignal,
): Promise<ModuleComparison> {
  const loaded = await loadAll(bySnapshot, readers, signal);
  const { measured, pairs } = comparePairs(loaded, pairing);
  const analyses = measured.map((each) => each?.analysis);
  return {
    module,
    measurements: measured.map((each) => each?.measurement),
    pairs,
    ...(initial === undefined ? {} : { trueChanges: changesFrom(analyses, initial) }),
  };
}

async function measureAll(...asked: Parameters<typeof loadAll>) {
  return (await loadAll(...asked)).map((each) => each?.measure());
}

function loadAll(
  bySnapshot: readonly (LoraModule | undefined)[],
  readers: readonly (ModuleReader | undefined)[],
  signal?: AbortSignal,
) {
  return Promise.all(
    bySnapshot.map(async (loraModule, index) => {
      const reader = readers[index];
      if (loraModule === undefined || reader === undefined) return undefined;
      return loadModule(loraModule, (tensor) => reader.read(tensor, signal), signal);
    }),
  );
}

function changesFrom(analyses: readonly (UpdateAnalysis | undefined)[], initial: number) {
  return analyses.map((analysis, index) =>
    index === initial ? undefined : changeFrom(analyses[initial], analysis),
  );
}
