import type {
  CompareMetric,
  CompareModuleRow,
  CompareTensorRow,
  CompareView,
} from "../core/compare/compareView";

/** A comparison without its rows, which may be too many for one message. The page lays out the grid itself. */
export type CompareHead = Omit<CompareView, "modules" | "tensors" | "metrics" | "grid"> & {
  readonly moduleCount: number;
  readonly tensorCount: number;
};

/** Some of the rows: modules, and after the last of them tensors. */
export interface ComparePiece {
  readonly modules: readonly CompareModuleRow[];
  readonly tensors: readonly CompareTensorRow[];
  /** Of these modules: rows × columns, row by row. */
  readonly metrics: Readonly<Partial<Record<CompareMetric, Float32Array>>>;
  /** Where the next piece begins, counted over modules and tensors; undefined after the last. */
  readonly next: number | undefined;
}

/** A message should stay well under a megabyte: larger ones block the page while they are read. */
const maxPieceBytes = 400_000;

export function headOf(view: CompareView): CompareHead {
  const { modules, tensors, metrics: _metrics, grid: _grid, ...head } = view;
  return { ...head, moduleCount: modules.length, tensorCount: tensors.length };
}

/** As many rows from the row `first` on as fit into a message, at least one. */
export function pieceOf(view: CompareView, first: number): ComparePiece {
  const { modules, tensors } = view;
  const total = modules.length + tensors.length;
  const start = Math.min(Math.max(0, Math.trunc(first)), total);
  const tables = Object.entries(view.metrics ?? {}) as [CompareMetric, Float32Array][];
  const tableBytes = tables.length * view.columns.length * Float32Array.BYTES_PER_ELEMENT;
  let bytes = 0;
  let end = start;
  while (end < total) {
    const row = end < modules.length ? modules[end] : tensors[end - modules.length];
    bytes += JSON.stringify(row).length + (end < modules.length ? tableBytes : 0);
    if (bytes > maxPieceBytes && end > start) break;
    end++;
  }
  const [from, to] = [Math.min(start, modules.length), Math.min(end, modules.length)];
  return {
    modules: modules.slice(from, to),
    tensors: tensors.slice(Math.max(0, start - modules.length), Math.max(0, end - modules.length)),
    metrics: Object.fromEntries(
      tables.map(([metric, values]) => [
        metric,
        values.slice(from * view.columns.length, to * view.columns.length),
      ]),
    ),
    next: end < total ? end : undefined,
  };
}

/** The comparison that was sent as a head and all its pieces in their order. */
export function joinPieces(head: CompareHead, pieces: readonly ComparePiece[]): CompareView {
  const { moduleCount, tensorCount: _tensorCount, ...view } = head;
  const columns = view.columns.length;
  const metrics: Partial<Record<CompareMetric, Float32Array>> = {};
  let first = 0;
  for (const piece of pieces) {
    for (const [metric, values] of Object.entries(piece.metrics) as [CompareMetric, Float32Array][]) {
      const table = metrics[metric] ?? new Float32Array(moduleCount * columns).fill(Number.NaN);
      metrics[metric] = table;
      table.set(values, first * columns);
    }
    first += piece.modules.length;
  }
  return {
    ...view,
    modules: pieces.flatMap(({ modules }) => modules),
    tensors: pieces.flatMap(({ tensors }) => tensors),
    metrics,
  };
}
