import { useMemo } from "preact/hooks";
import type { CompareView } from "../../../src/core/compare/compareView";
import type { DiffTable } from "../../../src/core/compare/tensors/diffTable";
import { CellLegend } from "../../cells/cellLegend";
import { blanksOf } from "../../cells/cellMatrix";
import { useCellScale } from "../../cells/cellScale";
import type { ColumnWidths } from "../columnWidths";
import { formatChange } from "../compareFormat";
import type { CompareModel } from "../compareModel";
import type { MapValues } from "../heat/mapValues";
import { ModuleMap } from "../heat/moduleMap";
import { useModuleMapLayout } from "../heat/moduleMapLayout";
import { pairOfColumn, type StatedRow } from "./diffRows";

export interface DiffHeatProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly rows: readonly StatedRow[];
}

/** Where in the model the weights changed: √Σ‖b − a‖² / √Σ‖a‖² over the tensors of each module, under each snapshot. */
export function DiffHeat({ model, view, widths, rows }: DiffHeatProps) {
  const { diff } = model;
  const { against } = diff.viewState.value;
  const modules = useMemo(() => modulesOf(rows), [rows]);
  const values = useMemo(
    () => changeValues(view, modules, diff.table, against),
    [view, modules, diff.table, against],
  );
  const { layout, size, matrices } = useModuleMapLayout(values, widths);
  const look = useCellScale(matrices, "sequential", undefined);
  const blanks = useMemo(() => blanksOf(matrices), [matrices]);
  const selectedRow = diff.selected.value?.row;
  return (
    <>
      <div class="compare-section-head heat-head">
        <div class="toolbar">
          <span class="dim">Relative L2 by layer and kind</span>
          <CellLegend label="Rel. L2" look={look} format={formatChange} absentWord="not there" {...blanks} />
        </div>
      </div>
      <ModuleMap
        values={values}
        widths={widths}
        layout={layout}
        matrices={matrices}
        look={look}
        size={size}
        title="Relative L2 of the weights by layer and kind"
        selected={selectedRow === undefined ? undefined : moduleName(nameOf(rows, selectedRow))}
        onSelect={(module) => {
          const first = module === undefined ? undefined : modules.get(module)?.[0];
          diff.select(first?.index);
        }}
      />
    </>
  );
}

function nameOf(rows: readonly StatedRow[], index: number): string {
  return (rows[index]?.index === index ? rows[index] : rows.find((row) => row.index === index))?.name ?? "";
}

/** The module that a tensor belongs to: its name without the last part. */
function moduleName(tensor: string): string {
  const dot = tensor.lastIndexOf(".");
  return dot > 0 ? tensor.slice(0, dot) : tensor;
}

function modulesOf(rows: readonly StatedRow[]): ReadonlyMap<string, readonly StatedRow[]> {
  const modules = new Map<string, StatedRow[]>();
  for (const row of rows) {
    // What only one snapshot has says nothing of where weights changed.
    if (row.layouts.filter((layout) => layout !== null).length < 2) continue;
    const module = moduleName(row.name);
    const members = modules.get(module);
    if (members === undefined) modules.set(module, [row]);
    else members.push(row);
  }
  return modules;
}

/** How much the weights of each module changed, in the pair that each column shows. */
function changeValues(
  { columns }: CompareView,
  modules: ReadonlyMap<string, readonly StatedRow[]>,
  table: DiffTable,
  against: "first" | "previous",
): MapValues {
  const members = [...modules.values()];
  const pairs = columns.map((_, column) => pairOfColumn(column, columns.length, against));
  const has = (module: number, column: number) =>
    members[module]?.some(({ layouts }) => (layouts[column] ?? null) !== null) === true;
  const isUnmatched = (module: number, column: number) =>
    !has(module, table.pairs[pairs[column] ?? -1]?.a ?? 0);
  const changes = members.map((rows) =>
    pairs.map((pair) => (pair === undefined ? undefined : changeOf(rows, table, pair))),
  );
  return {
    columns,
    modules: [...modules.keys()],
    value: (module, column) => changes[module]?.[column],
    isAbsent: (module, column) => !has(module, column) || isUnmatched(module, column),
    absence: (module, column) => {
      if (pairs[column] === undefined) return "–";
      if (!has(module, column)) return "not there";
      return isUnmatched(module, column) ? "added" : "–";
    },
    none: (column) => {
      if (columns[column]?.failure !== undefined) return "unreadable";
      return pairs[column] === undefined ? "the others are held against it" : undefined;
    },
    format: formatChange,
    exact: String,
  };
}

function changeOf(members: readonly StatedRow[], table: DiffTable, pair: number): number | undefined {
  let [squares, squaresA, known] = [0, 0, 0];
  for (const { index } of members) {
    const norm = table.number(index, pair, "normDifference");
    if (Number.isNaN(norm)) continue;
    squares += norm ** 2;
    squaresA += table.number(index, pair, "normA") ** 2;
    known++;
  }
  if (known === 0) return undefined;
  return squares === 0 ? 0 : Math.sqrt(squares / squaresA);
}
