import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { CompareModuleDetail, CompareView } from "../../src/core/compare/compareView";
import { type Channel, isAbortError } from "../../src/protocol/channel";
import { joinPieces } from "../../src/protocol/comparePieces";
import type { CompareHostCalls, ComparePageCalls, CompareState } from "../../src/protocol/compareSurface";
import { PageModel } from "../shell/pageModel";
import type { CopyText } from "../ui/tables/copyButtons";
import { arrangedView } from "./arrangedView";
import type { CompareViewState, HeatChoice } from "./compareViewState";
import { SnapshotBases } from "./detail/snapshotBases";
import { DiffModel } from "./diff/diffModel";
import { LineageModel } from "./lineage/lineageModel";

export type CompareHost = Channel<ComparePageCalls, CompareHostCalls>;

export interface WorkProgress {
  readonly done: number;
  readonly total: number;
  readonly label: string;
}

export type ModuleDetail =
  | { readonly status: "loading"; readonly module: string }
  | { readonly status: "failed"; readonly module: string; readonly error: Error }
  | {
      readonly status: "ready";
      readonly module: string;
      readonly detail: CompareModuleDetail;
      /** Of the columns when it was asked for; they may have moved since. */
      readonly paths: readonly string[];
    };

type ReadyState = Extract<CompareState, { readonly status: "ready" }>;

/** Arrow keys pass over modules faster than anybody reads them. */
const detailDelayMs = 60;

/** What the compare panel knows and where the reader is in it. */
export class CompareModel extends PageModel<CompareState> {
  readonly progress: Signal<WorkProgress | undefined> = signal(undefined);
  /** The last finished comparison: it stays in sight while the next one is computed. */
  readonly view: Signal<CompareView | undefined> = signal(undefined);
  readonly viewState: Signal<CompareViewState>;
  readonly detail: Signal<ModuleDetail | undefined> = signal(undefined);
  readonly working: ReadonlySignal<boolean> = computed(() => this.state.value?.status === "working");

  /** The tensors of the snapshots and the differences of their values. */
  readonly diff: DiffModel;
  /** The snapshots and the weights that their updates are added to. */
  readonly bases: SnapshotBases;

  readonly lineage: LineageModel;

  /** Not a signal: nothing is drawn differently for it. */
  scroll: CompareViewState["scroll"];
  onScroll: () => void = () => {};

  /** Hands text over to be copied. */
  readonly copy: CopyText = (text, what) => this.host.notify("copy", { text, what });

  private asking: AbortController | undefined;
  private collecting: AbortController | undefined;
  private detailTimer: ReturnType<typeof setTimeout> | undefined;
  private generation = -1;
  /** As the extension computed it, whose answers come in the order of its columns. */
  private computed: CompareView | undefined;
  /** The order of the columns is on its way: an answer given now could mean the old one or the new one. */
  private unsettled = false;

  constructor(
    readonly host: CompareHost,
    viewState: CompareViewState,
  ) {
    super(() => host.call("ready", null));
    this.viewState = signal(viewState);
    this.diff = new DiffModel(host);
    this.bases = new SnapshotBases(host);
    this.lineage = new LineageModel(host);
    this.scroll = viewState.scroll;
  }

  receive(state: CompareState): void {
    // `ready` may be answered while a newer `changed` is already here.
    if (state.status === "ready" && state.generation < this.generation) return;
    this.collecting?.abort();
    batch(() => {
      this.progress.value = undefined;
      if (state.status === "ready") {
        this.generation = state.generation;
        if (state.piece.next === undefined) this.show(state, joinPieces(state.head, [state.piece]));
        else void this.collect(state);
        return;
      }
      this.state.value = state;
      this.unsettled = state.status === "working";
      if (state.status === "failed") this.askForDetail(0);
    });
  }

  /** Asks for the rows that did not fit into the first message. Until all are here, the comparison is at work. */
  private async collect(state: ReadyState): Promise<void> {
    const controller = new AbortController();
    this.collecting = controller;
    const { head, generation } = state;
    this.state.value = { status: "working", paths: head.columns.map(({ path }) => path) };
    const pieces = [state.piece];
    try {
      for (let next = state.piece.next; next !== undefined; next = pieces.at(-1)?.next) {
        const total = head.moduleCount + head.tensorCount;
        this.progress.value = { done: next, total, label: "Receiving the rows" };
        pieces.push(await this.host.call("rows", { generation, first: next }, controller.signal));
      }
    } catch (error) {
      if (controller.signal.aborted || isAbortError(error)) return;
      this.receive({ status: "failed", message: (error as Error).message });
      return;
    }
    batch(() => {
      this.progress.value = undefined;
      this.show(state, joinPieces(head, pieces));
    });
  }

  private show(state: ReadyState, view: CompareView): void {
    this.state.value = state;
    this.unsettled = false;
    this.computed = view;
    this.view.value = view;
    this.bases.forget();
    void this.lineage.load();
    void this.diff.open(view.columns.map(({ path }) => path));
    this.askForDetail(0);
  }

  change(part: Partial<CompareViewState>): void {
    this.viewState.value = { ...this.viewState.value, ...part };
  }

  changeHeat(part: Partial<HeatChoice>): void {
    this.change({ heat: { ...this.viewState.value.heat, ...part } });
  }

  rememberScroll(left: number, top: number): void {
    this.scroll = { left, top };
    this.onScroll();
  }

  select(module: string | undefined): void {
    // The pane shows one of both.
    this.diff.select(undefined);
    if (this.viewState.value.selected === module) return;
    this.change({ selected: module });
    this.askForDetail(detailDelayMs);
  }

  /** Puts the snapshots in this order. What only moves is moved at once, before the extension has answered. */
  arrange(paths: readonly string[]): void {
    const view = this.view.value;
    if (view === undefined) return;
    this.unsettled = true;
    const arranged = arrangedView(view, paths);
    if (arranged !== undefined) this.view.value = arranged;
    this.host.notify("arrange", { paths });
  }

  private askForDetail(delayMs: number): void {
    clearTimeout(this.detailTimer);
    this.asking?.abort();
    const module = this.viewState.value.selected;
    const view = this.view.value;
    if (module === undefined || view === undefined || !view.modules.some((row) => row.module === module)) {
      this.detail.value = undefined;
      return;
    }
    if (this.detail.value?.module !== module) this.detail.value = { status: "loading", module };
    if (this.unsettled) return;
    this.detailTimer = setTimeout(() => void this.loadDetail(module), delayMs);
  }

  private async loadDetail(module: string): Promise<void> {
    const controller = new AbortController();
    this.asking = controller;
    try {
      const detail = await this.host.call("moduleDetail", { module }, controller.signal);
      const paths = (this.computed?.columns ?? []).map(({ path }) => path);
      if (!controller.signal.aborted) this.detail.value = { status: "ready", module, detail, paths };
    } catch (error) {
      if (controller.signal.aborted || isAbortError(error)) return;
      this.detail.value = { status: "failed", module, error: error as Error };
    }
  }
}
