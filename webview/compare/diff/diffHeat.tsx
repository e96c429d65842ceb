import { useMemo, useState } from "preact/hooks";
import type { CompareCell, CompareView } from "../../../src/core/compare/compareView";
import { moduleGrid } from "../../../src/core/compare/modules/moduleGrid";
import type { DiffTable } from "../../../src/core/compare/tensors/diffTable";
import { chartTheme } from "../../charts/chartTheme";
import { colorRamp } from "../../charts/colorRamp";
import { HeatLegend } from "../../charts/heatLegend";
import { blanks, type HeatLook } from "../../charts/heatPaint";
import { valueScale } from "../../charts/valueScale";
import type { ColumnWidths } from "../columnWidths";
import { moduleLines } from "../compareMetrics";
import type { CompareModel } from "../compareModel";
import { formatHeat, type HeatSubject, heatLayout, heatMatrix, panelHeight } from "../heat/heatModel";
import { HeatPanels, type HeatPlace, panelPadding } from "../heat/heatPanels";
import { pairOfColumn, type StatedRow } from "./diffRows";

export interface DiffHeatProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly rows: readonly StatedRow[];
}

const subject: HeatSubject = { metric: "change", from: undefined };
const title = "Relative L2 of the weights by layer and kind";

/** Where in the model the weights changed: √Σ‖b − a‖² / √Σ‖a‖² over the tensors of each module, under each snapshot. */
export function DiffHeat({ model, view, widths, rows }: DiffHeatProps) {
  const { diff } = model;
  const theme = chartTheme().value;
  const [cursor, setCursor] = useState<HeatPlace>();
  const { against } = diff.viewState.value;
  const modules = useMemo(() => modulesOf(rows), [rows]);
  const weights = useMemo(
    () => weightView(view, modules, diff.table, against),
    [view, modules, diff.table, against],
  );
  const lines = useMemo(() => moduleLines(weights), [weights]);
  const grid = useMemo(() => moduleGrid(weights.modules.map(({ module }) => module)), [weights]);
  const panelWidth = Math.max(40, Math.min(...widths.snapshots) - 2 * panelPadding);
  const layout = useMemo(() => heatLayout(grid, panelWidth), [grid, panelWidth]);
  const matrices = useMemo(
    () => weights.columns.map((_, at) => heatMatrix(weights, lines, layout, at, subject)),
    [weights, lines, layout],
  );
  const scale = useMemo(
    () =>
      valueScale(
        matrices.flatMap((matrix) => (matrix === undefined ? [] : [...matrix.values])),
        "sequential",
        undefined,
      ),
    [matrices],
  );
  const ramp = useMemo(() => colorRamp("sequential", theme.isDark), [theme.isDark]);
  const look = useMemo<HeatLook>(() => ({ scale, ramp, theme }), [scale, ramp, theme]);
  const selectedRow = diff.selected.value?.row;
  const selected = selectedRow === undefined ? undefined : moduleName(nameOf(rows, selectedRow));
  return (
    <>
      <div class="compare-section-head heat-head">
        <div class="toolbar">
          <span class="dim">Relative L2 by layer and kind</span>
          <HeatLegend
            label="Rel. L2"
            scale={scale}
            ramp={ramp}
            format={(value) => formatHeat(subject, value)}
            hasAbsent={matrices.some((matrix) => matrix?.presence?.includes(blanks.absent) === true)}
            hasBroken={matrices.some((matrix) =>
              matrix?.presence?.some(
                (presence, at) => presence === blanks.present && Number.isNaN(matrix.values[at] ?? 0),
              ),
            )}
          />
        </div>
      </div>
      <HeatPanels
        view={weights}
        lines={lines}
        widths={widths}
        layout={layout}
        subject={subject}
        matrices={matrices}
        look={look}
        height={panelHeight(layout)}
        panelWidth={panelWidth}
        title={title}
        cursor={cursor}
        onCursor={setCursor}
        selected={selected}
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

/** The weights' changes in the form in which the heat map of updates is drawn. */
function weightView(
  view: CompareView,
  modules: ReadonlyMap<string, readonly StatedRow[]>,
  table: DiffTable,
  against: "first" | "previous",
): CompareView {
  const columns = view.columns.length;
  const { grid: _grid, metrics: _metrics, initialColumn: _initial, ...rest } = view;
  return {
    ...rest,
    columns: view.columns.map((column) => ({ ...column, moduleCount: modules.size })),
    modules: [...modules].map(([module, members]) => ({
      module,
      cells: view.columns.map((_, column) => {
        const pair = pairOfColumn(column, columns, against);
        const has = members.some(({ layouts }) => layouts[column] !== null);
        return has ? cellOf(pair === undefined ? undefined : changeOf(members, table, pair)) : null;
      }),
    })),
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

function cellOf(relativeChange: number | undefined): CompareCell {
  return {
    rank: 0,
    alpha: undefined,
    scale: 1,
    frobenius: undefined,
    spectral: undefined,
    stableRank: undefined,
    effectiveRank: undefined,
    relativeChange,
    cosine: undefined,
  };
}
