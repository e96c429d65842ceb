import { batch, computed, type Signal, signal } from "@preact/signals";
import type { ValueFormat } from "../../../src/core/values/formatValue";
import type { TensorSlice } from "../../../src/core/values/tensorSlice";
import { blockBetween, type GridBlock, type GridCell } from "../../ui/grid/gridCell";
import type { GridOffset } from "../../ui/grid/gridScroll";

/** Where the user is among the values; kept for the next tensor too, where it has such a place. */
export interface ValuesViewState {
  readonly format: ValueFormat;
  readonly slice: TensorSlice | undefined;
  readonly cell: GridCell;
  /** The other corner of what is selected. */
  readonly anchor: GridCell;
  readonly offset: GridOffset;
}

export const startValues: ValuesViewState = {
  format: "decimal",
  slice: undefined,
  cell: { row: 0, column: 0 },
  anchor: { row: 0, column: 0 },
  offset: { top: 0, left: 0 },
};

export class ValuesModel {
  readonly format: Signal<ValueFormat>;
  readonly slice: Signal<TensorSlice | undefined>;
  readonly cell: Signal<GridCell>;
  readonly anchor: Signal<GridCell>;
  /** The grid is to scroll to its active cell: something other than a key in the grid has moved it. */
  readonly reveal = signal(0);
  readonly selection = computed(() => blockBetween(this.cell.value, this.anchor.value));
  /** Not a signal: the grid draws itself when it scrolls. */
  offset: GridOffset;
  onScroll: () => void = () => {};

  constructor(viewState: ValuesViewState) {
    this.format = signal(viewState.format);
    this.slice = signal(viewState.slice);
    this.cell = signal(viewState.cell);
    this.anchor = signal(viewState.anchor);
    this.offset = viewState.offset;
  }

  viewState(): ValuesViewState {
    return {
      format: this.format.value,
      slice: this.slice.value,
      cell: this.cell.value,
      anchor: this.anchor.value,
      offset: this.offset,
    };
  }

  /** Makes a cell the active one; with `extend` the selection reaches from where it began to there. */
  moveTo(cell: GridCell, extend = false): void {
    batch(() => {
      this.cell.value = cell;
      if (!extend) this.anchor.value = cell;
    });
  }

  select(block: GridBlock): void {
    batch(() => {
      this.anchor.value = {
        row: block.row + Math.max(0, block.rows - 1),
        column: block.column + Math.max(0, block.columns - 1),
      };
      this.cell.value = { row: block.row, column: block.column };
      this.reveal.value++;
    });
  }

  goTo(cell: GridCell, slice?: TensorSlice): void {
    batch(() => {
      if (slice !== undefined) this.slice.value = slice;
      this.moveTo(cell);
      this.reveal.value++;
    });
  }

  /** Another part of the tensor is laid out: what was selected is elsewhere now. */
  layOut(slice: TensorSlice): void {
    batch(() => {
      const before = this.slice.value;
      const isTurned = before?.rowAxis !== slice.rowAxis || before?.columnAxis !== slice.columnAxis;
      this.slice.value = slice;
      if (isTurned) this.moveTo({ row: 0, column: 0 });
      if (isTurned) this.reveal.value++;
    });
  }

  rememberOffset(offset: GridOffset): void {
    this.offset = offset;
    this.onScroll();
  }
}
