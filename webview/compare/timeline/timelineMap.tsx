import { useMemo, useState } from "preact/hooks";
import type { Timeline, TimelineMetric } from "../../../src/core/compare/timeline";
import { HeatCanvas } from "../../charts/heatCanvas";
import type { HeatLook, HeatMatrix } from "../../charts/heatPaint";
import { NameColumn } from "../../ui/nameColumn";
import { safeText } from "../../ui/safeText";
import { shownLabels } from "../heat/heatModel";
import { checkpointName, timelineMetricInfos } from "./timelineRows";

export interface TimelineMapProps {
  readonly timeline: Timeline;
  readonly order: readonly number[];
  readonly metric: TimelineMetric;
  readonly matrix: HeatMatrix;
  readonly look: HeatLook;
  /** Of the cells, in pixels. */
  readonly width: number;
  readonly selected: string | undefined;
  readonly onSelect: (module: string) => void;
}

export const timelineNameWidth = 190;
/** Labels are small: about six pixels a character. */
const labelLength = 28;
const roomPx = 620;

export function timelineHeight(rows: number): number {
  return Math.min(6000, rows * Math.min(16, Math.max(3, Math.floor(roomPx / Math.max(1, rows)))));
}

/** Modules down, checkpoints across; what is under the cursor is read in the line below. */
export function TimelineMap(props: TimelineMapProps) {
  const { timeline, order, metric, matrix, look, width, selected } = props;
  const [cursor, setCursor] = useState<{ readonly row: number; readonly col: number }>();
  const { checkpoints, modules } = timeline;
  const names = useMemo(() => NameColumn.of(modules), [modules]);
  const cols = checkpoints.length;
  const height = timelineHeight(order.length);
  const rowHeight = height / Math.max(1, order.length);
  const selectedRow = order.findIndex((module) => modules[module] === selected);
  const place = cursor ?? { row: Math.max(0, selectedRow), col: cols - 1 };
  const reading = readingOf(timeline, order[place.row] ?? -1, place.col, metric);
  const move = (row: number, col: number) =>
    setCursor({
      row: Math.min(order.length - 1, Math.max(0, row)),
      col: Math.min(cols - 1, Math.max(0, col)),
    });
  const select = (row: number) => {
    const module = modules[order[row] ?? -1];
    if (module !== undefined) props.onSelect(module);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") move(place.row, place.col + 1);
    else if (event.key === "ArrowLeft") move(place.row, place.col - 1);
    else if (event.key === "ArrowDown") move(place.row + 1, place.col);
    else if (event.key === "ArrowUp") move(place.row - 1, place.col);
    else if (event.key === "Home") move(place.row, 0);
    else if (event.key === "End") move(place.row, cols - 1);
    else if (event.key === "Enter" || event.key === " ") select(place.row);
    else return;
    event.preventDefault();
  };
  return (
    <div class="timeline-map">
      <p class="timeline-reading mono" title={safeText(reading)}>
        {safeText(reading)}
      </p>
      <div class="timeline-grid" style={{ gridTemplateColumns: `${timelineNameWidth}px ${width}px` }}>
        <div class="heat-row-labels timeline-names" aria-hidden="true">
          {shownLabels(order.length, height, 13).map((row) => (
            <span
              key={row}
              class="ellipsis"
              style={{ top: `${(row + 0.5) * rowHeight}px` }}
              title={safeText(modules[order[row] ?? -1] ?? "")}
            >
              {safeText(names.shown(modules[order[row] ?? -1] ?? "", labelLength))}
            </span>
          ))}
        </div>
        <div
          class="heat-cells"
          style={{ width: `${width}px`, height: `${height}px` }}
          role="slider"
          aria-roledescription="heat map"
          aria-label={safeText(`${timelineMetricInfos[metric].label} by module and checkpoint`)}
          aria-description="Arrow keys go from cell to cell, Enter draws the line of a module."
          aria-valuemin={0}
          aria-valuemax={Math.max(0, matrix.values.length - 1)}
          aria-valuenow={place.row * cols + place.col}
          aria-valuetext={safeText(reading)}
          tabIndex={0}
          onKeyDown={onKeyDown}
          onBlur={() => setCursor(undefined)}
          onPointerLeave={() => setCursor(undefined)}
          onPointerMove={(event) =>
            move(Math.floor(event.offsetY / rowHeight), Math.floor((event.offsetX / width) * cols))
          }
          onClick={(event) => select(Math.floor(event.offsetY / rowHeight))}
        >
          <HeatCanvas matrix={matrix} look={look} width={width} height={height} />
          {selectedRow >= 0 && (
            <span
              class="heat-selected"
              style={{
                left: "0",
                top: `${selectedRow * rowHeight}px`,
                width: `${width}px`,
                height: `${Math.max(3, rowHeight)}px`,
              }}
            />
          )}
          {cursor !== undefined && (
            <span
              class="heat-cursor"
              style={{
                left: `${(cursor.col * width) / cols}px`,
                top: `${cursor.row * rowHeight}px`,
                width: `${Math.max(3, width / cols)}px`,
                height: `${Math.max(3, rowHeight)}px`,
              }}
            />
          )}
        </div>
        <span />
        <div class="heat-layers" aria-hidden="true">
          {shownLabels(cols, width, 44).map((col) => (
            <span key={col} style={{ left: `${((col + 0.5) * width) / cols}px` }}>
              {stepText(timeline, col)}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}

function stepText({ checkpoints }: Timeline, col: number): string {
  const step = checkpoints[col]?.step;
  return step === undefined ? `#${col + 1}` : step.toLocaleString("en");
}

function readingOf(
  { checkpoints, modules, values }: Timeline,
  module: number,
  col: number,
  metric: TimelineMetric,
): string {
  const checkpoint = checkpoints[col];
  if (checkpoint === undefined || modules[module] === undefined) return "no checkpoint";
  const value = values[metric]?.[module * checkpoints.length + col] ?? Number.NaN;
  const text =
    checkpoint.failure !== undefined
      ? "unreadable"
      : Number.isNaN(value)
        ? "no value"
        : timelineMetricInfos[metric].format(value);
  return `${modules[module]}, ${checkpointName(checkpoint)}: ${text}`;
}
