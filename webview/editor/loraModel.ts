import { batch, type Signal, signal } from "@preact/signals";
import type { LoraView } from "../../src/core/lora/loraView";
import type { SortOrder } from "../ui/dataTable";
import type { EditorHost } from "./editorHost";
import { OnDemand } from "./onDemand";
import type { LoraColumn, LoraPlace } from "./place";

export class LoraModel {
  readonly view: OnDemand<LoraView | undefined>;
  readonly text: Signal<string>;
  readonly sort: Signal<SortOrder<LoraColumn>>;
  /** A module. */
  readonly selected: Signal<string | undefined>;
  readonly detailShare: Signal<number>;

  constructor(host: EditorHost, place: LoraPlace) {
    this.view = new OnDemand((wanted) => host.call("lora", null, wanted));
    this.text = signal(place.text);
    this.sort = signal(place.sort);
    this.selected = signal(place.selected);
    this.detailShare = signal(place.detailShare);
  }

  /** Selects a module, whatever the filter hides. */
  show(module: string): void {
    batch(() => {
      this.text.value = "";
      this.selected.value = module;
    });
  }

  place(): LoraPlace {
    return {
      text: this.text.value,
      sort: this.sort.value,
      selected: this.selected.value,
      detailShare: this.detailShare.value,
    };
  }
}
