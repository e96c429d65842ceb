import { useMemo, useState } from "preact/hooks";
import type { CellSize } from "../../cells/cellCanvas";
import { CellMap, RowLabels } from "../../cells/cellMap";
import type { CellLabels, CellMatrix } from "../../cells/cellMatrix";
import type { CellScale } from "../../cells/cellScale";
import type { GridCell } from "../../ui/grid/gridCell";
import { safeText } from "../../ui/safeText";
import type { ColumnWidths } from "../columnWidths";
import type { HeatLayout } from "./heatModel";
import { type MapValues, valueText } from "./mapValues";

export interface ModuleMapProps {
  readonly values: MapValues;
  readonly widths: ColumnWidths;
  readonly layout: HeatLayout;
  /** One a column. */
  readonly matrices: readonly (CellMatrix | undefined)[];
  readonly look: CellScale;
  /** Of each map. */
  readonly size: CellSize;
  readonly title: string;
  readonly selected: string | undefined;
  readonly onSelect: (module: string | undefined) => void;
}

export const panelPadding = 12;
const labelRoomPx = 15;
const tickRoomPx = 26;

/** One map under each snapshot, all of one scale, with one cursor that is in all of them. */
export function ModuleMap(props: ModuleMapProps) {
  const { values, widths, layout, size, onSelect, selected, matrices } = props;
  const { rowLabels, colLabels, moduleAt } = layout;
  const [cursor, setCursor] = useState<GridCell>();
  const moduleIn = (cell: GridCell | undefined): number | undefined => {
    const module = cell === undefined ? -1 : (moduleAt[cell.row * colLabels.length + cell.column] ?? -1);
    return module < 0 ? undefined : module;
  };
  const chosen = useMemo(() => cellOf(values, layout, selected), [values, layout, selected]);
  const read = moduleIn(cursor) ?? moduleIn(chosen);
  const name = read === undefined ? undefined : (values.modules[read] ?? "");
  const texts = values.columns.map((_, at) => (read === undefined ? "" : valueText(values, read, at)));
  return (
    <div
      class="heat-grid"
      style={{
        width: `${widths.total}px`,
        gridTemplateColumns: [widths.name, ...widths.snapshots].map((width) => `${width}px`).join(" "),
      }}
    >
      <RowLabels class="name-cell" labels={rowLabelsOf(layout)} whole={rowLabels} height={size.height} />
      <CellMap
        class="heat-panels"
        columnWidths={widths.snapshots}
        label={props.title}
        description="Arrow keys go from module to module, Enter shows the details of one."
        rows={rowLabels.length}
        cols={colLabels.length}
        panels={values.columns.map(({ path }, at) => ({
          key: path,
          matrix: matrices[at],
          none: values.none(at),
        }))}
        look={props.look}
        size={size}
        colLabels={colLabelsOf(layout)}
        text={
          name === undefined
            ? "no module"
            : `${name}: ${values.columns.map(({ label }, at) => `${label} ${texts[at]}`).join(", ")}`
        }
        cursor={cursor}
        start={cursor ?? chosen ?? { row: 0, column: 0 }}
        marked={chosen && { ...chosen, rows: 1, columns: 1 }}
        holds={(cell) => moduleIn(cell) !== undefined}
        onCursor={setCursor}
        onOpen={(cell) => onSelect(values.modules[moduleIn(cell) ?? -1])}
        onEscape={() => onSelect(undefined)}
      />
      <div class="name-cell heat-read-name mono ellipsis" title={safeText(name ?? "")}>
        {name === undefined ? <span class="dim">Point at a module</span> : safeText(shortName(name))}
      </div>
      {values.columns.map(({ path }, at) => (
        <div key={path} class="heat-read number">
          {texts[at]}
        </div>
      ))}
    </div>
  );
}

/** Layers as numbers, and kinds turned on their side where they lie across. */
export function colLabelsOf({ colLabels, areLayersAcross }: HeatLayout): CellLabels {
  return {
    texts: colLabels,
    roomPx: areLayersAcross ? tickRoomPx : labelRoomPx,
    turned: !areLayersAcross,
  };
}

function rowLabelsOf({ rowLabels, areLayersAcross }: HeatLayout): CellLabels {
  const texts = rowLabels.map((label) => (areLayersAcross || !/^\d/.test(label) ? label : `layer ${label}`));
  return { texts, roomPx: labelRoomPx - 2 };
}

function shortName(module: string): string {
  return module.length > 44 ? `…${module.slice(-43)}` : module;
}

function cellOf(
  { modules }: MapValues,
  { moduleAt, colLabels }: HeatLayout,
  module: string | undefined,
): GridCell | undefined {
  if (module === undefined) return undefined;
  const at = moduleAt.findIndex((index) => modules[index] === module);
  return at < 0 ? undefined : { row: Math.floor(at / colLabels.length), column: at % colLabels.length };
}
