import { type Signal, signal } from "@preact/signals";
import type { WritableDtype } from "../../../src/core/tensors/encode";
import type { Reducible } from "../../../src/core/transform/reducibleModules";
import type { ReductionOptions, ReductionRule } from "../../../src/core/transform/reductionPlan";
import { rankKeeping } from "../../../src/core/update/rankChoice";
import type { CallListeners } from "../../../src/protocol/channel";
import type { MadeSnapshot, ReductionStart } from "../../../src/protocol/makeCalls";
import type { EditorHost } from "../editorHost";
import { OnDemand } from "../onDemand";
import type { ReduceViewState } from "../viewState";

export interface WantedOutput {
  readonly options: ReductionOptions;
  readonly out: string;
  readonly dtype: WritableDtype | undefined;
}

/** The form that lowers ranks: what the user chose in it, and what became of it. */
export class ReduceModel {
  readonly viewState: Signal<ReduceViewState>;
  readonly start: OnDemand<ReductionStart>;
  /** Undefined where the user decided against replacing what is there. */
  readonly writing: OnDemand<MadeSnapshot | undefined>;
  private wanted: WantedOutput | undefined;

  constructor(
    private readonly host: EditorHost,
    viewState: ReduceViewState,
  ) {
    this.viewState = signal(viewState);
    this.start = new OnDemand((wanted) => host.call("reductionStart", null, wanted));
    this.writing = new OnDemand((...wanted) => this.write(...wanted));
  }

  change(part: Partial<ReduceViewState>): void {
    this.viewState.value = { ...this.viewState.value, ...part };
  }

  setOpen(open: boolean): void {
    if (!open) this.writing.invalidate();
    this.change({ open });
  }

  reduce(wanted: WantedOutput): void {
    this.wanted = wanted;
    void this.writing.ask();
  }

  async chooseFolder(folder: string): Promise<void> {
    const chosen = await this.host.call("chooseFolder", { folder });
    if (chosen !== undefined) this.change({ folder: chosen });
  }

  isTaken(path: string, signal: AbortSignal): Promise<boolean> {
    return this.host.call("isTaken", { path }, signal);
  }

  open(path: string): void {
    this.host.notify("open", { path });
  }

  compare(path: string): void {
    this.host.notify("compareMade", { path });
  }

  invalidate(): void {
    this.start.invalidate();
  }

  private write(signal: AbortSignal, listeners: CallListeners): Promise<MadeSnapshot | undefined> {
    if (this.wanted === undefined) throw new Error("Nothing was chosen.");
    const { options, out, dtype } = this.wanted;
    const params = { options, out, ...(dtype === undefined ? {} : { dtype }) };
    return this.host.call("reduce", params, signal, listeners);
  }
}

/**
 * The rank to begin with: the one that keeps 99 % of the energy of all modules together where that is lower than
 * what they have, else half of it.
 */
export function proposedRank({ modules, largestRank }: Reducible): number {
  const spectra = modules.map(({ singularValues }) => singularValues);
  const { rank } = rankKeeping(spectra, 0.99);
  return rank > 0 && rank < largestRank ? rank : Math.max(1, Math.ceil(largestRank / 2));
}

/** What the form stands for. */
export function optionsOf(viewState: ReduceViewState, reducible: Reducible): ReductionOptions {
  const { kind, scope, limit, kohya } = viewState;
  const { maxRank } = reducible;
  const limits = [limit, maxRank].filter((each) => each !== undefined);
  return {
    rule: ruleOf(viewState, reducible),
    scope: kind === "rank" ? "module" : scope,
    ...(limits.length === 0 ? {} : { maxRank: Math.min(...limits) }),
    ...(kohya && kind !== "rank" && kind !== "energy" ? { kohyaPlusOne: true } : {}),
  };
}

function ruleOf(viewState: ReduceViewState, reducible: Reducible): ReductionRule {
  const { kind, rank, energy, svFro, svCumulative, svRatio } = viewState;
  switch (kind) {
    case "rank":
      return { kind, rank: rank ?? proposedRank(reducible) };
    case "energy":
      return { kind, share: energy };
    case "svFro":
      return { kind, share: svFro };
    case "svCumulative":
      return { kind, share: svCumulative };
    case "svRatio":
      return { kind, ratio: svRatio };
  }
}
