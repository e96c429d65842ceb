import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { OptimizerRow } from "../../../src/core/optimizer/optimizerView";
import { isAbortError } from "../../../src/protocol/channel";
import type { ShownOptimizers } from "../../../src/protocol/checkpointCalls";
import type { EditorHost } from "../editorHost";
import { OnDemand } from "../onDemand";
import type { OptimizerViewState } from "../viewState";

/** Parameters of the shown optimizer that have arrived. */
export interface LoadedParameters {
  readonly optimizer: number;
  readonly rows: readonly OptimizerRow[];
  readonly total: number;
  readonly failure?: string;
}

export class OptimizerModel {
  readonly view: OnDemand<ShownOptimizers>;
  /** Which of them is shown. */
  readonly optimizer: Signal<number>;
  readonly text: Signal<string>;
  readonly selected: Signal<number | undefined>;
  readonly detailShare: Signal<number>;
  readonly parameters: Signal<LoadedParameters | undefined> = signal(undefined);
  readonly shownRows: ReadonlySignal<readonly OptimizerRow[]>;
  private loading = new AbortController();

  constructor(
    private readonly host: EditorHost,
    viewState: OptimizerViewState,
  ) {
    this.view = new OnDemand((wanted) => host.call("optimizers", null, wanted));
    this.optimizer = signal(viewState.optimizer);
    this.text = signal(viewState.text);
    this.selected = signal(viewState.selected);
    this.detailShare = signal(viewState.detailShare);
    this.shownRows = computed(() => filterParameters(this.parameters.value?.rows ?? [], this.text.value));
  }

  /** The file of the checkpoint that holds the state, where it is not the one that is shown. */
  file(): string | undefined {
    const answer = this.view.answer.value;
    return answer.status === "ready" ? answer.value.file : undefined;
  }

  viewState(): OptimizerViewState {
    return {
      optimizer: this.optimizer.value,
      text: this.text.value,
      selected: this.selected.value,
      detailShare: this.detailShare.value,
    };
  }

  choose(optimizer: number): void {
    this.optimizer.value = optimizer;
    this.selected.value = undefined;
    void this.load();
  }

  ensureLoaded(): void {
    this.view.ensureLoaded();
    if (this.parameters.value === undefined) void this.load();
  }

  /** Page after page; what is there can be used already. */
  async load(): Promise<void> {
    this.loading.abort();
    const controller = new AbortController();
    this.loading = controller;
    const wanted = controller.signal;
    const optimizer = this.optimizer.value;
    const rows: OptimizerRow[] = [];
    let total = 0;
    try {
      do {
        const page = await this.host.call("optimizerPage", { optimizer, first: rows.length }, wanted);
        if (wanted.aborted) return;
        rows.push(...page.rows);
        total = page.rows.length === 0 ? rows.length : page.total;
        this.parameters.value = { optimizer, rows: [...rows], total };
      } while (rows.length < total);
    } catch (error) {
      if (wanted.aborted || isAbortError(error)) return;
      this.parameters.value = { optimizer, rows: [...rows], total, failure: (error as Error).message };
    }
  }

  /** The file has changed. */
  invalidate(): void {
    this.loading.abort();
    this.view.invalidate();
    this.parameters.value = undefined;
  }
}

/** Every word must occur in the name, or in "parameter 17" where there is none. */
function filterParameters(rows: readonly OptimizerRow[], text: string): readonly OptimizerRow[] {
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words.every((word) => word === "")) return rows;
  return rows.filter((row) => {
    const name = nameOf(row).toLowerCase();
    return words.every((word) => name.includes(word));
  });
}

export function nameOf({ name, index }: OptimizerRow): string {
  return name ?? `parameter ${index}`;
}
