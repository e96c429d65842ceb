import { type Signal, signal } from "@preact/signals";
import type { ValueBlock } from "../../../src/core/values/readBlock";
import type { SliceBlock, SliceSize } from "../../../src/core/values/tensorSlice";
import { isAbortError } from "../../../src/protocol/channel";

export type FetchBlock = (block: SliceBlock, signal: AbortSignal) => Promise<ValueBlock>;

/** A value in the block that it came with. */
export interface CellValue {
  readonly block: ValueBlock;
  readonly at: number;
  readonly exactDigits: string | undefined;
}

interface Tile {
  readonly block: ValueBlock;
  readonly exact: ReadonlyMap<number, string>;
}

/** A screen of values is about four of these. */
const tileRows = 64;
const tileColumns = 16;

/** About 2 MB of values. */
const maxTiles = 256;

const parallelFetches = 4;

/** The values of one slice that were looked at, fetched tile by tile as they come into view. */
export class BlockCache {
  /** Grows when other values are there. */
  readonly version = signal(0);
  readonly failure: Signal<Error | undefined> = signal(undefined);
  private readonly tiles = new Map<string, Tile>();
  private readonly underway = new Set<string>();
  private readonly disposed = new AbortController();
  private wanted: SliceBlock | undefined;

  constructor(
    private readonly size: SliceSize,
    private readonly fetch: FetchBlock,
  ) {}

  /** What is in view now; what was wanted before and has not been asked for yet no longer is. */
  request(block: SliceBlock): void {
    this.wanted = block;
    this.fetchNext();
  }

  at(row: number, column: number): CellValue | undefined {
    const tileRow = Math.floor(row / tileRows);
    const tileColumn = Math.floor(column / tileColumns);
    const tile = this.tiles.get(keyOf(tileRow, tileColumn));
    if (tile === undefined) return undefined;
    const { block } = tile;
    const at = (row - block.row) * block.columns + (column - block.column);
    return { block, at, exactDigits: tile.exact.get(at) };
  }

  retry(): void {
    this.failure.value = undefined;
    this.fetchNext();
  }

  dispose(): void {
    this.disposed.abort();
  }

  private fetchNext(): void {
    if (this.failure.peek() !== undefined || this.disposed.signal.aborted) return;
    for (const { key, block } of this.missing()) {
      if (this.underway.size >= parallelFetches) return;
      this.underway.add(key);
      void this.fetchTile(key, block);
    }
  }

  private *missing(): Generator<{ readonly key: string; readonly block: SliceBlock }> {
    const { wanted, size } = this;
    if (wanted === undefined) return;
    const lastRow = Math.min(size.rows, wanted.row + wanted.rows) - 1;
    const lastColumn = Math.min(size.columns, wanted.column + wanted.columns) - 1;
    for (let down = Math.floor(wanted.row / tileRows); down * tileRows <= lastRow; down++) {
      for (
        let across = Math.floor(wanted.column / tileColumns);
        across * tileColumns <= lastColumn;
        across++
      ) {
        const key = keyOf(down, across);
        const known = this.tiles.get(key);
        if (known !== undefined) {
          // Used just now: the last to be forgotten.
          this.tiles.delete(key);
          this.tiles.set(key, known);
        } else if (!this.underway.has(key)) {
          const [row, column] = [down * tileRows, across * tileColumns];
          yield { key, block: { row, column, rows: tileRows, columns: tileColumns } };
        }
      }
    }
  }

  private async fetchTile(key: string, wanted: SliceBlock): Promise<void> {
    try {
      const block = await this.fetch(wanted, this.disposed.signal);
      if (this.disposed.signal.aborted) return;
      this.tiles.set(key, { block, exact: new Map(block.exact) });
      for (const oldest of this.tiles.keys()) {
        if (this.tiles.size <= maxTiles) break;
        this.tiles.delete(oldest);
      }
      this.version.value++;
    } catch (error) {
      if (!this.disposed.signal.aborted && !isAbortError(error)) this.failure.value = error as Error;
    } finally {
      this.underway.delete(key);
      this.fetchNext();
    }
  }
}

function keyOf(tileRow: number, tileColumn: number): string {
  return `${tileRow},${tileColumn}`;
}
