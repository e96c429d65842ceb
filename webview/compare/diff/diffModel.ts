import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { decodeAlignedChunk, type ShownRow } from "../../../src/core/compare/tensors/alignedChunk";
import type { DiffDetail } from "../../../src/core/compare/tensors/diffDetail";
import { diffPairs } from "../../../src/core/compare/tensors/diffPairs";
import { DiffTable } from "../../../src/core/compare/tensors/diffTable";
import { isAbortError } from "../../../src/protocol/channel";
import type { DiffState } from "../../../src/protocol/diffSurface";
import { persisted } from "../../shell/persisted";
import type { CompareHost } from "../compareModel";
import { diffViewStateFrom, startDiffViewState } from "./diffViewState";

/** The tensor that is shown in depth, in one pair of columns. */
export type ShownDetail =
  | { readonly status: "loading" }
  | { readonly status: "failed"; readonly error: Error }
  | { readonly status: "ready"; readonly detail: DiffDetail };

/** Sorting and drawing tens of thousands of rows takes some hundredths of a second: not more often than this. */
const redrawMs = 400;

/** Arrow keys pass over tensors faster than anybody reads them. */
const detailDelayMs = 150;

/** The tensors of the snapshots, aligned by name, and what is known of their values. */
export class DiffModel {
  /** Undefined until all have come. */
  readonly rows: Signal<readonly ShownRow[] | undefined> = signal(undefined);
  /** Columns of these rows: the page may have moved its own meanwhile. */
  readonly paths: Signal<readonly string[]> = signal([]);
  readonly failure: Signal<Error | undefined> = signal(undefined);
  readonly state: Signal<DiffState> = signal({
    id: 0,
    status: "none",
    doneBytes: 0,
    totalBytes: 0,
    elapsedMs: 0,
    problems: [],
  });
  /** Grows with what is known; `table` itself is changed in place. */
  readonly version: Signal<number> = signal(0);
  table = new DiffTable(0, []);
  /** Undefined while nothing is known of the values. */
  readonly mostMismatches: ReadonlySignal<number | undefined> = computed(() => {
    void this.version.value;
    return this.table.length === 0 ? undefined : mostMismatchesOf(this.table);
  });
  private readonly chosen = persisted("tensorDiff", startDiffViewState, diffViewStateFrom);
  readonly viewState = this.chosen.state;
  readonly change = this.chosen.change;
  readonly selected: Signal<{ readonly row: number; readonly pair: number } | undefined> = signal(undefined);
  readonly detail: Signal<ShownDetail | undefined> = signal(undefined);

  private opening: AbortController | undefined;
  private asking: AbortController | undefined;
  private detailTimer: ReturnType<typeof setTimeout> | undefined;
  private isPulling = false;
  /** There may be results that were not asked for yet. */
  private hasMore = false;

  constructor(private readonly host: CompareHost) {}

  /** Another comparison is shown: its rows are asked for. */
  async open(paths: readonly string[]): Promise<void> {
    this.opening?.abort();
    const opening = new AbortController();
    this.opening = opening;
    const { signal: aborted } = opening;
    batch(() => {
      this.rows.value = undefined;
      this.failure.value = undefined;
      this.select(undefined);
    });
    try {
      const rows: ShownRow[] = [];
      for (;;) {
        const chunk = await this.host.call("alignedRows", { first: rows.length }, aborted);
        const decoded = decodeAlignedChunk(chunk);
        for (const row of decoded) rows.push(row);
        if (rows.length >= chunk.total || decoded.length === 0) break;
      }
      const state = await this.host.call("diffState", null, aborted);
      batch(() => {
        this.table = new DiffTable(rows.length, diffPairs(paths.length));
        this.paths.value = paths;
        this.rows.value = rows;
        this.state.value = state;
        this.version.value++;
      });
      void this.pull();
    } catch (error) {
      if (!isAbortError(error)) this.failure.value = error as Error;
    }
  }

  receive(state: DiffState): void {
    if (state.id !== this.state.value.id && this.rows.value !== undefined) {
      this.table = new DiffTable(this.rows.value.length, diffPairs(this.paths.value.length));
      this.version.value++;
    }
    this.state.value = state;
    void this.pull();
  }

  start(): void {
    this.host.notify("startDiff", null);
  }

  stop(): void {
    this.host.notify("stopDiff", null);
  }

  /** Shows a tensor in depth; the second column against the first where no pair is named. */
  select(row: number | undefined, pair = this.selected.value?.pair ?? 0): void {
    clearTimeout(this.detailTimer);
    this.asking?.abort();
    if (row === undefined) {
      this.selected.value = undefined;
      this.detail.value = undefined;
      return;
    }
    this.selected.value = { row, pair };
    this.detail.value = { status: "loading" };
    this.detailTimer = setTimeout(() => void this.loadDetail(row, pair), detailDelayMs);
  }

  private async loadDetail(row: number, pair: number): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    try {
      const detail = await this.host.call("diffDetail", { row, pair }, asking.signal);
      if (!asking.signal.aborted) this.detail.value = { status: "ready", detail };
    } catch (error) {
      if (asking.signal.aborted || isAbortError(error)) return;
      this.detail.value = { status: "failed", error: error as Error };
    }
  }

  /**
   * Asks for results until there are no more for now. One question at a time, and redrawn only so often. What is told
   * while a question is out may come after its answer was made: then there is one more.
   */
  private async pull(): Promise<void> {
    this.hasMore = true;
    if (this.isPulling || this.rows.value === undefined) return;
    this.isPulling = true;
    let drawn = performance.now();
    let isDrawn = true;
    while (this.hasMore) {
      this.hasMore = false;
      const { table } = this;
      const { id } = this.state.value;
      // Where this fails, the comparison was computed anew, and its rows are on their way.
      const chunk = await this.host.call("diffEntries", { id, first: table.length }).catch(() => undefined);
      if (chunk === undefined || chunk.rows.length === 0 || table !== this.table) continue;
      table.append(chunk);
      this.hasMore = true;
      isDrawn = performance.now() - drawn >= redrawMs;
      if (!isDrawn) continue;
      this.version.value++;
      drawn = performance.now();
      if (this.state.value.status === "running") await new Promise((done) => setTimeout(done, redrawMs));
    }
    if (!isDrawn) this.version.value++;
    this.isPulling = false;
  }
}

function mostMismatchesOf(table: DiffTable): number {
  let most = 0;
  for (let row = 0; row < table.rowCount; row++) {
    for (let pair = 0; pair < table.pairs.length; pair++) {
      // NaN where they were not compared.
      const found = table.number(row, pair, "mismatches");
      if (found > most) most = found;
    }
  }
  return most;
}
