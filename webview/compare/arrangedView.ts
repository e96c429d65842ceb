import type { CompareView } from "../../src/core/lora/compareView";

/**
 * The same comparison with its columns in another order or without some of them. Undefined where that takes new
 * numbers: everything is compared with the first snapshot, and a snapshot may be new.
 */
export function arrangedView(view: CompareView, paths: readonly string[]): CompareView | undefined {
  if (paths[0] !== view.columns[0]?.path) return undefined;
  const order = paths.map((path) => view.columns.findIndex((column) => column.path === path));
  if (order.some((at) => at < 0)) return undefined;
  const pick = <T>(cells: readonly T[]) => order.map((at) => cells[at] as T);
  return {
    ...view,
    columns: pick(view.columns),
    modules: view.modules
      .map(({ module, cells }) => ({ module, cells: pick(cells) }))
      .filter(({ cells }) => cells.some((cell) => cell !== null)),
    tensors: view.tensors.map((row) => ({ ...row, cells: pick(row.cells) })),
  };
}
