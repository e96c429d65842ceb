import { rangeText } from "../adapter/adapterText";
import type { StageLabel } from "../stage/stage";
import { formatNumber, formatShare, plural } from "../text/quantities";
import type { ModuleMeasurement } from "../update/measureModule";
import { isKnownInBoth, pairOf, squaredMoves, totalChange, totalNorm } from "./adapterTotals";
import type { UpdateChange } from "./compareView";
import { type ChangeRegion, regionOfChange } from "./modules/changeRegion";
import type { ModuleComparison } from "./modules/moduleComparison";
import type { Snapshot } from "./openSnapshots";
import type { AlignedRow } from "./tensors/alignTensors";
import { tensorSentence } from "./tensors/tensorSentence";

/** What happened between two neighbouring snapshots, with its numbers. Plain data. */
export interface CompareStep {
  /** Indexes of the columns. */
  readonly from: number;
  readonly to: number;
  /** e.g. "rank 64 → 8 kept 97.2 % of the energy (error 16.7 %)" */
  readonly sentence: string;
  readonly change: UpdateChange | undefined;
  /** Where more than half of the squared change is. */
  readonly region: ChangeRegion | undefined;
  /** Set where neither is an adapter: the sentence is of their tensors. */
  readonly ofTensors?: true;
}

/** Below this a difference between what was kept and what is left is rounding. */
const smallestMove = 1e-3;

/** One step for each pair of neighbouring columns. */
export function compareSteps(
  snapshots: readonly Snapshot[],
  modules: readonly ModuleComparison[],
  stages: readonly (StageLabel | undefined)[],
  tensors: readonly AlignedRow[],
): readonly CompareStep[] {
  const hasAdapter = (index: number) => snapshots[index]?.session?.adapter !== undefined;
  return snapshots.slice(1).map((_, from): CompareStep => {
    const to = from + 1;
    if (isReadable(snapshots[from]) && isReadable(snapshots[to]) && !hasAdapter(from) && !hasAdapter(to)) {
      const sentence = tensorSentence(tensors, from, to, undefined);
      return {
        from,
        to,
        sentence,
        change: undefined,
        region: undefined,
        ofTensors: true,
      };
    }
    return new StepTeller(snapshots, modules, stages, from, to).tell();
  });
}

function isReadable(snapshot: Snapshot | undefined): boolean {
  return snapshot?.session !== undefined;
}

/** The steps as one sentence: "rank 64 → 8 kept 97.2 % of the energy; fine-tuning then moved the update by 31 %". */
export function storyOf(steps: readonly CompareStep[]): string | undefined {
  const told = steps.filter(({ change }) => change !== undefined).map(({ sentence }) => sentence);
  return told.length === 0
    ? undefined
    : told.map((sentence, index) => (index === 0 ? sentence : withThen(sentence))).join("; ");
}

/** "fine-tuning moved …" becomes "fine-tuning then moved …". */
function withThen(sentence: string): string {
  return sentence.replace(/\b(moved|kept)\b/, "then $1");
}

class StepTeller {
  private readonly common: readonly ModuleComparison[];

  constructor(
    private readonly snapshots: readonly Snapshot[],
    private readonly modules: readonly ModuleComparison[],
    private readonly stages: readonly (StageLabel | undefined)[],
    private readonly from: number,
    private readonly to: number,
  ) {
    this.common = modules.filter(
      (module) =>
        isMeasured(module.measurements[from]) &&
        isMeasured(module.measurements[to]) &&
        isKnownInBoth(module, from, to),
    );
  }

  tell(): CompareStep {
    const { from, to, modules } = this;
    const change = this.common.length === 0 ? undefined : totalChange(modules, from, to);
    const moved = movedBeyond(change);
    const region =
      change?.sameness === undefined ? regionOfChange(squaredMoves(modules, from, to)) : undefined;
    return { from, to, sentence: this.sentence(change, moved, region), change, region };
  }

  private sentence(
    change: UpdateChange | undefined,
    moved: number | undefined,
    region: ChangeRegion | undefined,
  ): string {
    const unreadable = [this.from, this.to].find((index) => this.snapshots[index]?.failure !== undefined);
    if (unreadable !== undefined) return `${this.snapshots[unreadable]?.label} could not be read`;
    const models = [this.from, this.to].filter(
      (index) => this.snapshots[index]?.session?.adapter === undefined,
    );
    if (models.length === 1) return `${this.snapshots[models[0] as number]?.label} is no adapter`;
    if (this.common.length === 0) return "the two have no module in common that can be measured";
    const main = change === undefined ? this.withoutChange() : this.mainClause(change, moved, region);
    return [main, ...this.moduleChanges()].join(", ");
  }

  private withoutChange(): string {
    const [before, after] = [totalNorm(this.modules, this.from), totalNorm(this.modules, this.to)];
    if (before === 0 && after === 0) return "both updates are zero";
    if (before !== 0 && after !== 0) return "the modules that both adapt have other shapes";
    return before === 0
      ? `training began: ‖ΔW‖ 0 → ${formatNumber(after, 3)}`
      : `the update became zero: ‖ΔW‖ ${formatNumber(before, 3)} → 0`;
  }

  private mainClause(
    change: UpdateChange,
    moved: number | undefined,
    region: ChangeRegion | undefined,
  ): string {
    if (change.sameness === "bytes") return "the update is the same, byte for byte";
    if (change.sameness === "gauge") {
      return `the same update in other factors (difference ${formatNumber(change.relativeChange ?? 0, 2)} of ‖ΔW‖, which is rounding)`;
    }
    const [before, after] = [this.rankIn(this.from), this.rankIn(this.to)];
    const isReduction = this.isReduction();
    if (!isReduction) {
      const ranks = before === after ? "" : `rank ${before} → ${after}: `;
      return `${ranks}${this.movedClause(change.relativeChange ?? 0, region)}${newDirections(change)}`;
    }
    const kept = change.energyKept ?? 0;
    const error = Math.sqrt(Math.max(1 - kept, 0));
    const reduction = `rank ${before} → ${after} kept ${formatShare(kept)} of the energy (error ${formatShare(error)})`;
    if (moved === undefined || moved < smallestMove) return reduction;
    return `${reduction}, and ${this.movedClause(moved, region)}`;
  }

  private movedClause(relative: number, region: ChangeRegion | undefined): string {
    const stage = this.stages[this.to]?.stage;
    const actor =
      stage === "fine-tuning" && this.stages[this.from]?.stage !== stage ? "fine-tuning" : "training";
    const where = region === undefined ? "" : `, ${formatShare(region.share)} of it in ${region.text}`;
    return `${actor} moved the update by ${formatShare(relative)}${where}`;
  }

  /** Rank went down in most of the modules that both adapt. */
  private isReduction(): boolean {
    const smaller = this.common.filter(
      ({ measurements }) =>
        (measurements[this.to]?.module.rank ?? 0) < (measurements[this.from]?.module.rank ?? 0),
    );
    return smaller.length * 2 > this.common.length;
  }

  private rankIn(index: number): string {
    return rangeText(this.common.flatMap(({ measurements }) => measurements[index]?.module.rank ?? []));
  }

  private moduleChanges(): readonly string[] {
    const { from, to } = this;
    const only = (one: number, other: number) =>
      this.modules.filter(
        ({ measurements }) => measurements[one] !== undefined && measurements[other] === undefined,
      ).length;
    const added = only(to, from);
    const gone = only(from, to);
    const unknown = this.modules.filter((module) => !isKnownInBoth(module, from, to)).length;
    const odd = this.common.filter((module) => pairOf(module, from, to)?.distance === undefined).length;
    return [
      ...(added > 0 ? [`${plural(added, "module")} added`] : []),
      ...(gone > 0 ? [`${plural(gone, "module")} no longer adapted`] : []),
      ...(unknown > 0
        ? [`${plural(unknown, "module")} left out whose ΔW is not known in one of the two`]
        : []),
      ...(odd > 0 ? [`${plural(odd, "module")} of other shapes`] : []),
    ];
  }
}

function isMeasured(measurement: ModuleMeasurement | undefined): boolean {
  return (measurement?.metrics ?? measurement?.experts) !== undefined;
}

/**
 * The part of ΔW before that lies outside the new spaces is orthogonal to what is left, so
 * ‖after - before‖² = (1 - kept)·‖before‖² + ‖after - projection‖²: the second term is no truncation.
 */
function movedBeyond(change: UpdateChange | undefined): number | undefined {
  if (change?.relativeChange === undefined || change.energyKept === undefined) return undefined;
  return Math.sqrt(Math.max(change.relativeChange ** 2 - (1 - change.energyKept), 0));
}

/** Named where it is more than a trifle. */
const smallestNewShare = 0.01;

function newDirections({ newShare }: UpdateChange): string {
  if (newShare === undefined || newShare < smallestNewShare) return "";
  return `, with ${formatShare(newShare)} of the new energy in new directions`;
}
