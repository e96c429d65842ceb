import type { CompareStep } from "../../src/core/compare/compareSteps";
import type { CompareMetric, CompareView, SnapshotColumn } from "../../src/core/compare/compareView";

type Tables = NonNullable<CompareView["metrics"]>;

/**
 * The same comparison with its columns in another order or without some of them. Undefined where that takes new
 * numbers: everything is compared with the first snapshot, and a snapshot may be new. What was counted against a
 * left neighbour that is no longer there is left out until the extension has counted again.
 */
export function arrangedView(view: CompareView, paths: readonly string[]): CompareView | undefined {
  if (paths[0] !== view.columns[0]?.path) return undefined;
  const order = paths.map((path) => view.columns.findIndex((column) => column.path === path));
  if (order.some((at) => at < 0)) return undefined;
  const pick = <T>(cells: readonly T[]) => order.map((at) => cells[at] as T);
  const kept = view.modules.flatMap(({ cells }, row) =>
    pick(cells).some((cell) => cell !== null) ? [row] : [],
  );
  const { grid: _grid, story, steps, metrics, initialColumn, ...rest } = view;
  const isSameOrder =
    order.length === view.columns.length && order.every((at, viewState) => at === viewState);
  const movedSteps = arrangedSteps(steps, order);
  const initial = initialColumn === undefined ? -1 : order.indexOf(initialColumn);
  return {
    ...rest,
    columns: order.map((at, viewState) =>
      arrangedColumn(view.columns[at] as SnapshotColumn, at, order[viewState - 1]),
    ),
    modules: kept.map((row) => {
      const { module, cells } = view.modules[row] as CompareView["modules"][number];
      return { module, cells: pick(cells) };
    }),
    tensors: view.tensors.map((row) => ({ ...row, cells: pick(row.cells) })),
    ...(metrics === undefined ? {} : { metrics: arrangedTables(metrics, kept, order, view.columns.length) }),
    ...(movedSteps === undefined ? {} : { steps: movedSteps }),
    ...(isSameOrder && story !== undefined ? { story } : {}),
    ...(initial < 0 ? {} : { initialColumn: initial }),
  };
}

function arrangedColumn(column: SnapshotColumn, at: number, left: number | undefined): SnapshotColumn {
  if (left === undefined || left === at - 1) return column;
  const { previous: _previous, ...rest } = column;
  return rest;
}

/** Undefined where neighbours meet that were none before. */
function arrangedSteps(
  steps: readonly CompareStep[] | undefined,
  order: readonly number[],
): readonly CompareStep[] | undefined {
  const moved = order.slice(1).map((to, viewState) => {
    const step = steps?.find((each) => each.from === order[viewState] && each.to === to);
    return step === undefined ? undefined : { ...step, from: viewState, to: viewState + 1 };
  });
  return moved.every((step) => step !== undefined) ? moved : undefined;
}

function arrangedTables(
  tables: Tables,
  rows: readonly number[],
  order: readonly number[],
  columns: number,
): Tables {
  const picked = Object.entries(tables).map(([metric, values]) => {
    const needsLeft = isAgainstPrevious(metric as CompareMetric);
    const table = new Float32Array(rows.length * order.length);
    for (const [row, from] of rows.entries()) {
      for (const [viewState, at] of order.entries()) {
        const isKnown = !needsLeft || viewState === 0 || order[viewState - 1] === at - 1;
        table[row * order.length + viewState] = isKnown
          ? (values[from * columns + at] as number)
          : Number.NaN;
      }
    }
    return [metric, table] as const;
  });
  return Object.fromEntries(picked);
}

function isAgainstPrevious(metric: CompareMetric): boolean {
  return metric.endsWith("Previous");
}
