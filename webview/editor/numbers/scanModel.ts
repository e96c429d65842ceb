import { batch, computed, type Signal, signal } from "@preact/signals";
import type { LayerOutlier } from "../../../src/core/analysis/layerOutliers";
import { ScanTable } from "../../../src/core/analysis/scanTable";
import type { Problem } from "../../../src/core/problem/problem";
import type { ScanState } from "../../../src/protocol/numbersSurface";
import type { EditorHost } from "../editorHost";

/** While results come in, the order of the rows follows this often; the numbers in them at once. */
const reorderEveryMs = 1500;

/** The scan of the checkpoint as the page knows it: the numbers are fetched chunk by chunk, again after a reload. */
export class ScanModel {
  readonly state: Signal<ScanState | undefined> = signal(undefined);
  /** Grows with every chunk. */
  readonly version = signal(0);
  /** Grows when rows are to be ordered anew. */
  readonly orderVersion = signal(0);
  readonly table: Signal<ScanTable | undefined> = signal(undefined);
  readonly problems = computed((): readonly Problem[] => this.state.value?.findings?.problems ?? []);
  readonly outliers = computed(
    (): ReadonlyMap<number, LayerOutlier> =>
      new Map((this.state.value?.findings?.outliers ?? []).map((outlier) => [outlier.row, outlier])),
  );
  private fetched = 0;
  private isFetching = false;
  private reorderedMs = 0;

  constructor(private readonly host: EditorHost) {}

  /** Asks for the scan that there may be. */
  async refresh(): Promise<void> {
    this.receive(await this.host.call("scanState", null));
  }

  receive(state: ScanState): void {
    const known = this.state.peek();
    // Messages may overtake each other.
    if (known !== undefined && state.id < known.id) return;
    if (known?.id === state.id && known.status !== "running" && state.status === "running") return;
    batch(() => {
      if (known?.id !== state.id) {
        this.fetched = 0;
        this.table.value = undefined;
        this.version.value++;
      }
      this.state.value = state;
      if (known?.status === "running" && state.status !== "running") this.orderVersion.value++;
    });
    void this.fetch();
  }

  /**
   * Once more where an earlier scan was told, whatever was kept.
   * @param ofCodes packed weights as their codes; what the last scan measured where it is not said.
   */
  start(ofCodes?: boolean): void {
    const last = this.state.peek()?.findings;
    const anew = ofCodes === undefined && last?.earlier !== undefined;
    this.host.notify("startScan", { ofCodes: ofCodes ?? last?.ofCodes ?? false, anew });
  }

  cancel(): void {
    this.host.notify("cancelScan", null);
  }

  private async fetch(): Promise<void> {
    if (this.isFetching) return;
    this.isFetching = true;
    try {
      for (;;) {
        const state = this.state.peek();
        if (state === undefined || this.fetched >= state.chunks) break;
        const chunk = await this.host.call("scanChunk", { id: state.id, chunk: this.fetched });
        if (this.state.peek()?.id !== state.id) continue;
        if (chunk === undefined) break;
        this.fetched++;
        const table = this.table.peek() ?? new ScanTable(this.rows);
        table.add(chunk);
        batch(() => {
          this.table.value = table;
          this.version.value++;
          this.reorder();
        });
      }
    } finally {
      this.isFetching = false;
    }
  }

  /** Rows of the tensor table; set when the file is opened. */
  rows = 0;

  private reorder(): void {
    const isAtEnd = this.state.peek()?.status !== "running" && this.fetched === this.state.peek()?.chunks;
    const now = performance.now();
    if (!isAtEnd && now - this.reorderedMs < reorderEveryMs) return;
    this.reorderedMs = now;
    this.orderVersion.value++;
  }
}
