import { type Signal, signal } from "@preact/signals";
import type { NameSeparator } from "../../../src/core/tensors/nameOrder";
import type { PackedKind, PackedRows } from "../../../src/core/tensors/packed/packedRows";
import { TensorTable } from "../../../src/core/tensors/tensorTable";
import { isAbortError } from "../../../src/protocol/channel";
import type { EditorHost } from "../editorHost";

/** The rows of the tensor table that have arrived. A new object for each chunk, so that signals see it. */
export interface LoadedTensors {
  readonly table: TensorTable;
  readonly loaded: number;
  readonly total: number;
  readonly separator: NameSeparator;
  /** By row: the weights that codes stand for. It comes when all rows are there. */
  readonly packed: ReadonlyMap<number, PackedKind>;
}

/** Fetches the tensor table piece by piece; what is there can already be used. */
export class TensorDirectory {
  readonly tensors: Signal<LoadedTensors | undefined> = signal(undefined);
  readonly failure: Signal<Error | undefined> = signal(undefined);
  private loading: AbortController | undefined;

  constructor(private readonly host: EditorHost) {}

  /** Asks for the rows unless they are there or on their way: not everyone who opens a file opens its list. */
  ensureLoaded(): void {
    if (this.loading === undefined) void this.load();
  }

  /** The file has changed. */
  outdate(): void {
    if (this.loading !== undefined) void this.load();
  }

  /** Starts anew; rows of an earlier state of the file stay until the first new ones are there. */
  async load(): Promise<void> {
    this.loading?.abort();
    const controller = new AbortController();
    const wanted = controller.signal;
    this.loading = controller;
    this.failure.value = undefined;
    const table = new TensorTable();
    try {
      do {
        const chunk = await this.host.call("tensorChunk", { first: table.length }, wanted);
        if (wanted.aborted) return;
        const before = table.length;
        table.append(chunk);
        if (table.length === before && before < table.total)
          throw new Error("The extension sent no more tensors.");
        this.tensors.value = {
          table,
          loaded: table.length,
          total: table.total,
          separator: table.separator,
          packed: new Map(),
        };
      } while (table.length < table.total);
      if (table.hasPacked) void this.loadPacked(wanted);
    } catch (error) {
      if (!wanted.aborted && !isAbortError(error)) this.failure.value = error as Error;
    }
  }

  /** Where it fails the rows say what is stored, as they did. */
  private async loadPacked(wanted: AbortSignal): Promise<void> {
    const rows = await this.host.call("packedRows", null, wanted).catch(() => undefined);
    const loaded = this.tensors.value;
    if (rows === undefined || loaded === undefined || wanted.aborted) return;
    this.tensors.value = { ...loaded, packed: byRow(rows) };
  }

  stop(): void {
    this.loading?.abort();
    this.loading = undefined;
    this.tensors.value = undefined;
    this.failure.value = undefined;
  }
}

function byRow({ rows, kindOf, kinds }: PackedRows): ReadonlyMap<number, PackedKind> {
  const packed = new Map<number, PackedKind>();
  for (const [at, row] of rows.entries()) {
    const kind = kinds[kindOf[at] as number];
    if (kind !== undefined) packed.set(row, kind);
  }
  return packed;
}
