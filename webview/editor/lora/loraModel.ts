import { batch, type Signal, signal } from "@preact/signals";
import type { BaseComparison } from "../../../src/core/base/compareWithBase";
import type { LoraView } from "../../../src/core/session/loraView";
import type { IntruderReport } from "../../../src/core/update/intruders";
import type { CallListeners } from "../../../src/protocol/channel";
import { type LoraChunk, LoraParts } from "../../../src/protocol/loraChunks";
import type { SortOrder } from "../../ui/tables/dataTable";
import type { EditorHost } from "../editorHost";
import { OnDemand } from "../onDemand";
import { ReduceModel } from "../reduce/reduceModel";
import type { LoraColumn, LoraViewState } from "../viewState";

/** Rows that follow are shown together: showing thousands anew for each message would keep the page busy. */
const showEveryMs = 250;

export class LoraModel {
  readonly view: OnDemand<LoraView | undefined>;
  /** As far as it is measured, while it is. */
  readonly partial: Signal<LoraView | undefined> = signal(undefined);
  readonly text: Signal<string>;
  readonly sort: Signal<SortOrder<LoraColumn>>;
  /** A module. */
  readonly selected: Signal<string | undefined>;
  readonly detailShare: Signal<number>;
  /** Path of the base model, where it is known. */
  readonly base: OnDemand<string | undefined>;
  readonly ratios: OnDemand<BaseComparison>;
  readonly reduce: ReduceModel;
  /** What was asked about modules, by module; of the base that is chosen. */
  private readonly intruders = new Map<string, OnDemand<IntruderReport>>();

  constructor(
    private readonly host: EditorHost,
    viewState: LoraViewState,
    /** Health judges the fit of the base too. */
    private readonly onBaseChosen: () => void = () => undefined,
  ) {
    this.view = new OnDemand((wanted, { onProgress }) => this.readView(wanted, onProgress));
    this.text = signal(viewState.text);
    this.sort = signal(viewState.sort);
    this.selected = signal(viewState.selected);
    this.detailShare = signal(viewState.detailShare);
    this.base = new OnDemand((wanted) => host.call("baseModel", null, wanted));
    this.ratios = new OnDemand((...wanted) =>
      host.call("compareWithBase", { base: this.basePath ?? "" }, ...wanted),
    );
    this.reduce = new ReduceModel(host, viewState.reduce);
  }

  private async readView(
    wanted: AbortSignal,
    onProgress: CallListeners["onProgress"],
  ): Promise<LoraView | undefined> {
    const parts = new LoraParts();
    this.partial.value = undefined;
    let waiting: LoraView | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      if (!wanted.aborted) this.partial.value = waiting;
    };
    const onChunk = (chunk: LoraChunk) => {
      waiting = parts.add(chunk);
      if (chunk.head !== undefined) show();
      else timer ??= setTimeout(show, showEveryMs);
    };
    try {
      const rest = await this.host.call("lora", null, wanted, {
        onChunk,
        ...(onProgress === undefined ? {} : { onProgress }),
      });
      return rest && parts.finish(rest);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Undefined while it is not known. */
  get basePath(): string | undefined {
    const answer = this.base.answer.value;
    return answer.status === "ready" ? answer.value : undefined;
  }

  async chooseBase(): Promise<void> {
    const chosen = await this.host.call("chooseBaseModel", null);
    if (chosen === undefined) return;
    this.onBaseChosen();
    this.invalidateBase();
    await this.base.ask();
    void this.ratios.ask();
  }

  intrudersOf(module: string): OnDemand<IntruderReport> {
    const known = this.intruders.get(module);
    if (known !== undefined) return known;
    const asked = new OnDemand((wanted) =>
      this.host.call("intruders", { base: this.basePath ?? "", module }, wanted),
    );
    this.intruders.set(module, asked);
    return asked;
  }

  /** The file has changed: all answers were about another one. */
  invalidate(): void {
    this.view.invalidate();
    this.invalidateBase();
    this.reduce.invalidate();
  }

  /** Selects a module, whatever the filter hides. */
  show(module: string): void {
    batch(() => {
      this.text.value = "";
      this.selected.value = module;
    });
  }

  viewState(): LoraViewState {
    return {
      text: this.text.value,
      sort: this.sort.value,
      selected: this.selected.value,
      detailShare: this.detailShare.value,
      reduce: this.reduce.viewState.value,
    };
  }

  private invalidateBase(): void {
    for (const asked of this.intruders.values()) asked.cancel();
    this.intruders.clear();
    this.base.invalidate();
    this.ratios.invalidate();
  }
}
