import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SimilarityMap } from "../../../src/core/compare/compareView";
import { toCsv, toMarkdown } from "../../../src/core/text/tableText";
import { ChartIcon } from "../../charts/chartIcon";
import { chartTheme } from "../../charts/chartTheme";
import { colorRamp } from "../../charts/colorRamp";
import { HeatCanvas } from "../../charts/heatCanvas";
import { HeatLegend } from "../../charts/heatLegend";
import { type HeatLook, paintCells } from "../../charts/heatPaint";
import { IconButton } from "../../charts/iconButton";
import { type Drawing, paintTitle, pictureMargin, pngOf } from "../../charts/picture";
import type { ValueScale } from "../../charts/valueScale";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { ScrollRegion } from "../../ui/scrollRegion";
import type { CompareModel } from "../compareModel";
import { CopyButtons } from "../copyButtons";

export interface SubspaceMapProps {
  readonly model: CompareModel;
  readonly title: string;
  readonly help: string;
  readonly map: SimilarityMap | undefined;
  readonly first: string;
  readonly second: string;
}

const scale: ValueScale = { kind: "sequential", min: 0, max: 1, logarithmic: false };
const widestPx = 320;
const largestCellPx = 20;

interface Place {
  readonly row: number;
  readonly col: number;
}

/** φ(i, j): how much of the first i directions of one snapshot lies in the first j of the other (LoRA paper, 7.2). */
export function SubspaceMap({ model, title, help, map, first, second }: SubspaceMapProps) {
  const theme = chartTheme().value;
  const frame = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(widestPx);
  const [asTable, setAsTable] = useState(false);
  const [cursor, setCursor] = useState<Place>();
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setRoom(Math.max(60, Math.min(widestPx, element.clientWidth - 60))),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const ramp = useMemo(() => colorRamp("sequential", theme.isDark), [theme.isDark]);
  const look = useMemo<HeatLook>(() => ({ scale, ramp, theme }), [ramp, theme]);
  if (map === undefined) {
    return (
      <figure ref={frame} class="chart">
        <figcaption class="chart-head">
          <h3 class="chart-title">{title}</h3>
        </figcaption>
        <p class="dim">The spaces can't be compared: an update is zero, or the shapes differ.</p>
      </figure>
    );
  }
  const { rows, cols } = map;
  const cell = Math.min(largestCellPx, room / Math.max(rows, cols));
  const [width, height] = [cell * cols, cell * rows];
  const place = cursor ?? { row: rows - 1, col: cols - 1 };
  const reading = phiText(map, place.row, place.col);
  const name = `${title} of ${first} and ${second}`;
  const move = (row: number, col: number) =>
    setCursor({ row: Math.min(rows - 1, Math.max(0, row)), col: Math.min(cols - 1, Math.max(0, col)) });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") move(place.row, place.col + 1);
    else if (event.key === "ArrowLeft") move(place.row, place.col - 1);
    else if (event.key === "ArrowDown") move(place.row + 1, place.col);
    else if (event.key === "ArrowUp") move(place.row - 1, place.col);
    else if (event.key === "Home") move(0, 0);
    else if (event.key === "End") move(rows - 1, cols - 1);
    else return;
    event.preventDefault();
  };
  const copy = (format: "Markdown" | "CSV") => {
    const table = textOf(map, format === "CSV" ? 7 : 4);
    model.host.notify("copy", {
      text: format === "CSV" ? toCsv(table) : toMarkdown(table),
      what: `${rows} × ${cols} similarities as ${format}`,
    });
  };
  const save = async () => {
    const drawing = mapDrawing(map, look, name, first, second);
    model.host.notify("savePng", { bytes: await pngOf(drawing, theme), name });
  };
  return (
    <figure ref={frame} class="chart subspace">
      <figcaption class="chart-head">
        <h3 class="chart-title" title={help}>
          {title}
        </h3>
        <span class="chart-summary ellipsis">{reading}</span>
        <span class="chart-actions">
          <IconButton
            label={
              asTable
                ? `Show the ${title.toLowerCase()} as a map`
                : `Show the ${title.toLowerCase()} as a table`
            }
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? <ChartIcon name="chart" /> : <Icon name="table" />}
          </IconButton>
          {!asTable && (
            <IconButton
              label={`Save the ${title.toLowerCase()} as a PNG picture`}
              onClick={() => void save()}
            >
              <ChartIcon name="save" />
            </IconButton>
          )}
        </span>
      </figcaption>
      {asTable ? (
        <>
          <SubspaceTable map={map} label={safeText(name)} />
          <CopyButtons what={`the ${title.toLowerCase()}`} onCopy={copy} />
        </>
      ) : (
        <>
          <div class="subspace-frame">
            <span class="subspace-rows ellipsis" title={safeText(first)}>
              {safeText(`i of ${first}`)}
            </span>
            <div
              class="heat-cells"
              style={{ width: `${width}px`, height: `${height}px` }}
              role="slider"
              aria-roledescription="heat map"
              aria-label={safeText(name)}
              aria-description="Arrow keys go from cell to cell."
              aria-valuemin={0}
              aria-valuemax={rows * cols - 1}
              aria-valuenow={place.row * cols + place.col}
              aria-valuetext={reading}
              tabIndex={0}
              onKeyDown={onKeyDown}
              onBlur={() => setCursor(undefined)}
              onPointerLeave={() => setCursor(undefined)}
              onPointerMove={(event) =>
                move(Math.floor(event.offsetY / cell), Math.floor(event.offsetX / cell))
              }
            >
              <HeatCanvas matrix={map} look={look} width={width} height={height} />
              {cursor !== undefined && (
                <span
                  class="heat-cursor"
                  style={{
                    left: `${place.col * cell}px`,
                    top: `${place.row * cell}px`,
                    width: `${cell}px`,
                    height: `${cell}px`,
                  }}
                />
              )}
            </div>
            <span class="subspace-cols ellipsis" title={safeText(second)}>
              {safeText(`j of ${second}`)}
            </span>
          </div>
          <HeatLegend label="φ(i, j)" scale={scale} ramp={ramp} format={(value) => String(value)} />
        </>
      )}
    </figure>
  );
}

function phiText({ values, cols }: SimilarityMap, row: number, col: number): string {
  const value = values[row * cols + col] ?? Number.NaN;
  return `φ(${row + 1}, ${col + 1}) = ${value.toFixed(3)}`;
}

function textOf({ rows, cols, values }: SimilarityMap, digits: number) {
  return {
    headers: ["i \\ j", ...Array.from({ length: cols }, (_, col) => String(col + 1))],
    rows: Array.from({ length: rows }, (_, row) => [
      String(row + 1),
      ...Array.from(values.slice(row * cols, (row + 1) * cols), (value) =>
        String(Number(value.toPrecision(digits))),
      ),
    ]),
    alignEnd: new Set(Array.from({ length: cols + 1 }, (_, col) => col)),
  };
}

function SubspaceTable({ map, label }: { readonly map: SimilarityMap; readonly label: string }) {
  const { rows, cols, values } = map;
  return (
    <ScrollRegion label={label} class="subspace-table">
      <table aria-label={label}>
        <thead>
          <tr>
            <td>i \ j</td>
            {Array.from({ length: cols }, (_, col) => (
              <th key={col} scope="col">
                {col + 1}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows }, (_, row) => (
            <tr key={row}>
              <th scope="row">{row + 1}</th>
              {Array.from({ length: cols }, (_each, col) => (
                <td key={col}>{(values[row * cols + col] ?? Number.NaN).toFixed(3)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function mapDrawing(
  map: SimilarityMap,
  look: HeatLook,
  title: string,
  first: string,
  second: string,
): Drawing {
  const side = Math.max(160, Math.min(512, 16 * Math.max(map.rows, map.cols)));
  const cell = side / Math.max(map.rows, map.cols);
  const [width, height] = [cell * map.cols, cell * map.rows];
  const top = pictureMargin + 48;
  return {
    width: Math.max(width, 320) + 2 * pictureMargin,
    height: top + height + 30 + pictureMargin,
    paint: (context) => {
      const { theme } = look;
      paintTitle(context, theme, title, Math.max(width, 320));
      context.font = `11px ${theme.fontFamily}`;
      context.fillStyle = theme.muted;
      context.textBaseline = "middle";
      context.fillText(
        safeText(`down: i of ${first}, across: j of ${second}; φ from 0 to 1`),
        pictureMargin,
        top - 16,
      );
      paintCells(context, map, look, pictureMargin, top, width, height);
      for (let x = 0; x < 160; x++) {
        context.fillStyle = look.ramp[Math.floor((x / 160) * look.ramp.length)] ?? theme.background;
        context.fillRect(pictureMargin + 16 + x, top + height + 12, 1.5, 8);
      }
      context.fillStyle = theme.muted;
      context.fillText("0", pictureMargin, top + height + 17);
      context.fillText("1", pictureMargin + 184, top + height + 17);
    },
  };
}
