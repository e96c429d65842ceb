import { useMemo, useState } from "preact/hooks";
import type { Timeline } from "../../../src/core/compare/timeline";
import type { CellSize } from "../../cells/cellCanvas";
import { CellMap, RowLabels } from "../../cells/cellMap";
import type { CellLabels, CellMatrix } from "../../cells/cellMatrix";
import type { CellScale } from "../../cells/cellScale";
import type { GridCell } from "../../ui/grid/gridCell";
import { NameColumn } from "../../ui/names/nameColumn";
import { safeText } from "../../ui/safeText";
import { type MapValues, valueText } from "../heat/mapValues";

export interface TimelineMapProps {
  readonly timeline: Timeline;
  readonly values: MapValues;
  readonly order: readonly number[];
  readonly label: string;
  readonly matrix: CellMatrix;
  readonly look: CellScale;
  readonly size: CellSize;
  readonly selected: string | undefined;
  readonly onSelect: (module: string) => void;
}

export const timelineNameWidth = 190;
/** Labels are small. */
const labelLetterPx = 6;
const labelLength = 28;
const roomPx = 620;

export function timelineHeight(rows: number): number {
  return Math.min(6000, rows * Math.min(16, Math.max(3, Math.floor(roomPx / Math.max(1, rows)))));
}

/** Modules down, checkpoints across; what is under the cursor is read in the line above. */
export function TimelineMap(props: TimelineMapProps) {
  const { values, order, matrix, look, size, selected } = props;
  const { modules, columns } = values;
  const [cursor, setCursor] = useState<GridCell>();
  const names = useMemo(() => NameColumn.of(modules), [modules]);
  const ordered = order.map((module) => modules[module] ?? "");
  const cols = columns.length;
  const selectedRow = selected === undefined ? -1 : ordered.indexOf(selected);
  const start = cursor ?? { row: Math.max(0, selectedRow), column: cols - 1 };
  const column = columns[start.column];
  const reading =
    column === undefined || ordered[start.row] === undefined
      ? "no checkpoint"
      : `${ordered[start.row]}, ${column.label}: ${valueText(values, order[start.row] ?? -1, start.column)}`;
  const rowLabels: CellLabels = {
    texts: ordered.map((name) => names.shown(name, labelLength)),
    roomPx: 13,
  };
  return (
    <div class="timeline-map">
      <p class="timeline-reading mono" title={safeText(reading)}>
        {safeText(reading)}
      </p>
      <div class="timeline-grid" style={{ gridTemplateColumns: `${timelineNameWidth}px ${size.width}px` }}>
        <RowLabels labels={rowLabels} whole={ordered} height={size.height} />
        <CellMap
          label={props.label}
          description="Arrow keys go from cell to cell, Enter draws the line of a module."
          rows={order.length}
          cols={cols}
          panels={[{ key: "", matrix }]}
          look={look}
          size={size}
          colLabels={{
            texts: columns.map((_, at) => stepText(props.timeline, at, size.width / cols)),
            roomPx: 44,
          }}
          text={reading}
          cursor={cursor}
          start={start}
          marked={selectedRow < 0 ? undefined : { row: selectedRow, column: 0, rows: 1, columns: cols }}
          onCursor={setCursor}
          onOpen={({ row }) => {
            const module = ordered[row];
            if (module !== undefined) props.onSelect(module);
          }}
        />
      </div>
    </div>
  );
}

/** A stage of a pipeline has no step: its name, where that has room. */
function stepText({ checkpoints }: Timeline, col: number, roomPx: number): string {
  const { step, label = "" } = checkpoints[col] ?? {};
  if (step !== undefined) return step.toLocaleString("en");
  return label.length * labelLetterPx < roomPx ? safeText(label) : `#${col + 1}`;
}
