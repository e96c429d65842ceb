import { useMemo, useRef } from "preact/hooks";
import type { CompareView } from "../../../src/core/compare/compareView";
import { HeatCanvas } from "../../charts/heatCanvas";
import type { HeatLook, HeatMatrix } from "../../charts/heatPaint";
import { safeText } from "../../ui/safeText";
import type { ColumnWidths } from "../columnWidths";
import type { ModuleLine } from "../compareMetrics";
import {
  absenceText,
  emptyReason,
  formatHeat,
  type HeatLayout,
  type HeatSubject,
  heatValue,
  shownLabels,
} from "./heatModel";

/** A place in the map, the same in all panels. */
export interface HeatPlace {
  readonly row: number;
  readonly col: number;
}

export interface HeatPanelsProps {
  readonly view: CompareView;
  readonly lines: readonly ModuleLine[];
  readonly widths: ColumnWidths;
  readonly layout: HeatLayout;
  readonly subject: HeatSubject;
  /** One a column. */
  readonly matrices: readonly (HeatMatrix | undefined)[];
  readonly look: HeatLook;
  readonly height: number;
  readonly panelWidth: number;
  readonly title: string;
  readonly cursor: HeatPlace | undefined;
  readonly onCursor: (place: HeatPlace | undefined) => void;
  readonly selected: string | undefined;
  readonly onSelect: (module: string | undefined) => void;
}

export const panelPadding = 12;
const labelRoomPx = 15;
const tickRoomPx = 26;

/** One map under each snapshot, all of one scale, with one cursor that is in all of them. */
export function HeatPanels(props: HeatPanelsProps) {
  const { view, lines, widths, layout, height, panelWidth, cursor, onSelect, selected } = props;
  const { rowLabels, colLabels, moduleAt } = layout;
  const panels = useRef<HTMLDivElement>(null);
  const selectedPlace = useMemo(() => placeOf(layout, lines, selected), [layout, lines, selected]);
  const lineAt = (place: HeatPlace | undefined) =>
    place === undefined ? undefined : lines[moduleAt[place.row * colLabels.length + place.col] ?? -1];
  const read = lineAt(cursor) ?? lineAt(selectedPlace);
  const start = cursor ?? selectedPlace ?? { row: 0, col: 0 };

  const placeUnder = (event: MouseEvent): HeatPlace | undefined => {
    const panel = (event.target as Element).closest<HTMLElement>(".heat-cells");
    if (panel === null) return undefined;
    const { left, top } = panel.getBoundingClientRect();
    const col = Math.floor(((event.clientX - left) / panelWidth) * colLabels.length);
    const row = Math.floor(((event.clientY - top) / height) * rowLabels.length);
    const place = { row, col };
    return lineAt(place) === undefined ? undefined : place;
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") onSelect(lineAt(start)?.module);
    else if (event.key === "Escape") onSelect(undefined);
    else {
      const next = nextPlace(event.key, start, rowLabels.length, colLabels.length, lineAt);
      if (next === undefined) return;
      props.onCursor(next);
    }
    event.preventDefault();
  };

  return (
    <div
      class="heat-grid"
      style={{
        width: `${widths.total}px`,
        gridTemplateColumns: [widths.name, ...widths.snapshots].map((width) => `${width}px`).join(" "),
      }}
    >
      <div class="name-cell heat-row-labels" aria-hidden="true">
        {shownLabels(rowLabels.length, height, labelRoomPx - 2).map((row) => (
          <span
            key={row}
            class="ellipsis"
            style={{ top: `${((row + 0.5) * height) / rowLabels.length}px` }}
            title={safeText(rowLabels[row] ?? "")}
          >
            {safeText(rowText(layout, row))}
          </span>
        ))}
      </div>
      <div
        ref={panels}
        class="heat-panels"
        style={{ gridTemplateColumns: widths.snapshots.map((width) => `${width}px`).join(" ") }}
        // Read along its places, it is to who hears it a slider; as charts are.
        role="slider"
        aria-roledescription="heat map"
        aria-label={safeText(props.title)}
        aria-description="Arrow keys go from module to module, Enter shows the details of one."
        aria-valuemin={0}
        aria-valuemax={Math.max(0, moduleAt.length - 1)}
        aria-valuenow={start.row * colLabels.length + start.col}
        aria-valuetext={readingText(props, read)}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => props.onCursor(undefined)}
        onPointerMove={(event) => {
          const place = placeUnder(event);
          if (place?.row !== cursor?.row || place?.col !== cursor?.col) props.onCursor(place);
        }}
        onPointerLeave={() => props.onCursor(undefined)}
        onClick={(event) => {
          const line = lineAt(placeUnder(event));
          if (line !== undefined) onSelect(line.module);
        }}
      >
        {view.columns.map(({ path }, at) => {
          const matrix = props.matrices[at];
          return (
            <div key={path} class="heat-panel">
              {matrix === undefined ? (
                <p class="heat-none dim" style={{ height: `${height}px` }}>
                  {emptyReason(view, at, props.subject)}
                </p>
              ) : (
                <div class="heat-cells" style={{ width: `${panelWidth}px`, height: `${height}px` }}>
                  <HeatCanvas matrix={matrix} look={props.look} width={panelWidth} height={height} />
                  {selectedPlace !== undefined && (
                    <Mark class="heat-selected" place={selectedPlace} {...props} />
                  )}
                  {cursor !== undefined && <Mark class="heat-cursor" place={cursor} {...props} />}
                </div>
              )}
              {matrix !== undefined && <ColumnLabels layout={layout} width={panelWidth} />}
            </div>
          );
        })}
      </div>
      <div class="name-cell heat-read-name mono ellipsis" title={safeText(read?.module ?? "")}>
        {read === undefined ? <span class="dim">Point at a module</span> : safeText(shortName(read.module))}
      </div>
      {view.columns.map(({ path }, at) => (
        <div key={path} class="heat-read number">
          {read === undefined ? "" : placeText(props, read, at)}
        </div>
      ))}
    </div>
  );
}

function Mark(props: HeatPanelsProps & { readonly class: string; readonly place: HeatPlace }) {
  const { place, layout, panelWidth, height } = props;
  const width = panelWidth / layout.colLabels.length;
  const rowHeight = height / layout.rowLabels.length;
  return (
    <span
      class={props.class}
      style={{
        left: `${place.col * width}px`,
        top: `${place.row * rowHeight}px`,
        width: `${Math.max(3, width)}px`,
        height: `${Math.max(3, rowHeight)}px`,
      }}
    />
  );
}

/** Layers as numbers under their columns; kinds turned on their side, where there is room for a line of text. */
function ColumnLabels({ layout, width }: { readonly layout: HeatLayout; readonly width: number }) {
  const { colLabels, areLayersAcross } = layout;
  const shown = shownLabels(colLabels.length, width, areLayersAcross ? tickRoomPx : labelRoomPx);
  return (
    <div class={areLayersAcross ? "heat-layers" : "heat-kinds"} aria-hidden="true">
      {shown.map((col) => (
        <span key={col} style={{ left: `${((col + 0.5) * width) / colLabels.length}px` }}>
          {safeText(colLabels[col] ?? "")}
        </span>
      ))}
    </div>
  );
}

function rowText({ rowLabels, areLayersAcross }: HeatLayout, row: number): string {
  const label = rowLabels[row] ?? "";
  return areLayersAcross || !/^\d/.test(label) ? label : `layer ${label}`;
}

function shortName(module: string): string {
  return module.length > 44 ? `…${module.slice(-43)}` : module;
}

function placeText({ view, subject }: HeatPanelsProps, line: ModuleLine, column: number): string {
  const value = heatValue(view, line, column, subject);
  return value === undefined ? absenceText(view, line, column, subject) : formatHeat(subject, value);
}

function readingText(props: HeatPanelsProps, line: ModuleLine | undefined): string {
  if (line === undefined) return "no module";
  const values = props.view.columns.map(({ label }, at) => `${label} ${placeText(props, line, at)}`);
  return safeText(`${line.module}: ${values.join(", ")}`);
}

function placeOf(
  { moduleAt, colLabels }: HeatLayout,
  lines: readonly ModuleLine[],
  module: string | undefined,
): HeatPlace | undefined {
  if (module === undefined) return undefined;
  const at = moduleAt.findIndex((index) => lines[index]?.module === module);
  return at < 0 ? undefined : { row: Math.floor(at / colLabels.length), col: at % colLabels.length };
}

/** The next place in that direction that holds a module. */
function nextPlace(
  key: string,
  from: HeatPlace,
  rows: number,
  cols: number,
  lineAt: (place: HeatPlace) => ModuleLine | undefined,
): HeatPlace | undefined {
  const steps: Partial<Record<string, readonly [number, number]>> = {
    ArrowRight: [0, 1],
    ArrowLeft: [0, -1],
    ArrowDown: [1, 0],
    ArrowUp: [-1, 0],
  };
  const step = steps[key];
  let place: HeatPlace;
  let move: readonly [number, number];
  if (step !== undefined) {
    move = step;
    place = { row: from.row + move[0], col: from.col + move[1] };
  } else if (key === "Home") {
    move = [0, 1];
    place = { row: from.row, col: 0 };
  } else if (key === "End") {
    move = [0, -1];
    place = { row: from.row, col: cols - 1 };
  } else return undefined;
  while (place.row >= 0 && place.row < rows && place.col >= 0 && place.col < cols) {
    if (lineAt(place) !== undefined) return place;
    place = { row: place.row + move[0], col: place.col + move[1] };
  }
  return from;
}
