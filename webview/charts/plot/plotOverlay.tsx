import type { ChartMarker, ChartSeries } from "../chartSeries";
import { type ChartTheme, seriesStyle } from "../chartTheme";
import type { ChartView } from "../chartView";
import { markerText, ReadingBox, readingsAt } from "../reading";
import type { Formats } from "../seriesSummary";
import type { LinePlot } from "./linePlot";

export interface PlotOverlayProps {
  readonly chart: string;
  readonly plot: LinePlot;
  readonly view: ChartView;
  readonly series: readonly ChartSeries[];
  readonly markers: readonly ChartMarker[];
  readonly formats: Formats;
  readonly theme: ChartTheme;
  /** Small buttons at the top of the marked positions; without it they are lines only. */
  readonly onMarker?: ((id: string) => void) | undefined;
}

/** Flags closer than this would cover each other. */
const flagDistance = 18;
/** The reading box goes to the other side of the cursor when the room on its own ends. */
const readingRoom = 0.55;
const readingHeightShare = 0.4;
const nearMarker = 5;

/** What lies over the canvas: flags to click, the cursor, and the values under it. */
export function PlotOverlay(props: PlotOverlayProps) {
  const { plot, markers, onMarker } = props;
  return (
    <>
      {onMarker !== undefined &&
        visibleFlags(plot, markers).map(({ marker, x }) => (
          <button
            key={marker.id}
            type="button"
            class={`plot-flag ${marker.best ? "best" : ""} ${marker.current ? "current" : ""} ${marker.last ? "last" : ""}`}
            style={{ left: `${x}px` }}
            aria-label={`Open ${markerText(marker)}, ${position(marker, props.formats)}`}
            title={`${markerText(marker)}, ${position(marker, props.formats)}. Click to open.`}
            onClick={() => onMarker(marker.id)}
          >
            <svg viewBox="0 0 12 12" aria-hidden="true" focusable="false">
              <path d={flagPath(marker)} />
            </svg>
          </button>
        ))}
      <Cursor {...props} />
    </>
  );
}

function flagPath({ best, current, last }: ChartMarker): string {
  if (best) return starPath;
  if (current) return diamondPath;
  return last ? pennantPath : dotPath;
}

const starPath = "M6 .8 7.6 4.3 11.4 4.7 8.6 7.2 9.4 11 6 9.1 2.6 11 3.4 7.2.6 4.7 4.4 4.3Z";
const diamondPath = "M6 1 11 6 6 11 1 6Z";
const pennantPath = "M3 1h1.4v10H3ZM5 1.6 11 4 5 6.4Z";
const dotPath = "M6 3.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 0 1 0-5.6Z";

function position({ x }: ChartMarker, { xLabel, formatX }: Formats): string {
  return `${xLabel.toLowerCase()} ${formatX(x)}`;
}

/** The current, the best and the last first, then from the newest back, as long as there is room. */
function visibleFlags(plot: LinePlot, markers: readonly ChartMarker[]) {
  const { left, right } = plot.area;
  const placed: { marker: ChartMarker; x: number }[] = [];
  const rank = ({ current, best, last }: ChartMarker) => (current ? 0 : best ? 1 : last ? 2 : 3);
  for (const marker of [...markers].sort((a, b) => rank(a) - rank(b) || b.x - a.x)) {
    const x = plot.pixelForX(marker.x);
    if (!(x >= left - 0.5 && x <= right + 0.5)) continue;
    if (placed.every((other) => Math.abs(other.x - x) >= flagDistance)) placed.push({ marker, x });
  }
  return placed.sort((a, b) => a.x - b.x);
}

/** The marker close enough to a pixel to be meant. */
export function markerNear(
  plot: LinePlot,
  markers: readonly ChartMarker[],
  pixel: number,
): ChartMarker | undefined {
  return markers.find((marker) => Math.abs(plot.pixelForX(marker.x) - pixel) <= nearMarker);
}

function Cursor({ chart, plot, view, series, markers, formats, theme }: PlotOverlayProps) {
  const cursor = view.cursor.value;
  if (cursor === undefined) return null;
  const { left, right, top, bottom } = plot.area;
  const x = plot.pixelForX(cursor.x);
  if (!(x >= left - 1 && x <= right + 1)) return null;
  const ours = cursor.chart === chart;
  const readings = readingsAt(series, cursor.x);
  const near = markers.filter((marker) => Math.abs(plot.pixelForX(marker.x) - x) <= nearMarker);
  const reading = { readings, x: cursor.x, ...formats, markers: near };
  // Away from the lines as far as that goes: below where they are high.
  const levels = readings.map(({ value }) => plot.pixelForY(value)).filter((y) => Number.isFinite(y));
  const high = levels.length > 0 && Math.min(...levels) - top < (bottom - top) * readingHeightShare;
  const onRight = (x - left) / Math.max(1, right - left) < readingRoom;
  return (
    <>
      <svg class="plot-cursor" aria-hidden="true" focusable="false">
        <line x1={x} x2={x} y1={top} y2={bottom} />
        {readings.map(({ series: each, x: at, value, smoothed }) => {
          const y = plot.pixelForY(smoothed !== undefined && Number.isFinite(smoothed) ? smoothed : value);
          const atX = plot.pixelForX(at);
          if (!(y >= top - 4 && y <= bottom + 4 && atX >= left - 1 && atX <= right + 1)) return null;
          return (
            <circle
              key={each.key}
              cx={atX}
              cy={y}
              r="3.5"
              stroke={each.color ?? seriesStyle(theme, each.style).color}
            />
          );
        })}
      </svg>
      {ours && (
        <div
          class={`reading ${onRight ? "" : "reading-left"} ${high ? "reading-low" : ""}`}
          style={{ left: `${x}px`, top: `${high ? bottom : top}px` }}
          aria-hidden="true"
        >
          <ReadingBox {...reading} theme={theme} />
        </div>
      )}
    </>
  );
}
