import { safeText } from "../ui/safeText";
import type { ChartSeries } from "./chartSeries";
import { type ChartTheme, type PointShape, seriesStyle } from "./chartTheme";

export interface LegendProps {
  readonly series: readonly ChartSeries[];
  readonly theme: ChartTheme;
  readonly hidden: ReadonlySet<string>;
  readonly onToggle: (key: string) => void;
  /** Beside the name of a line: where it stands. */
  readonly latest?: ((series: ChartSeries) => string) | undefined;
}

/** Which line is which. A press leaves a line out, so that the others get the room. */
export function Legend({ series, theme, hidden, onToggle, latest }: LegendProps) {
  return (
    <ul class="chart-legend" aria-label="Lines">
      {series.map((each) => (
        <li key={each.key}>
          <button
            type="button"
            class="legend-item"
            aria-pressed={!hidden.has(each.key)}
            title={hidden.has(each.key) ? "Show this line" : "Hide this line"}
            onClick={() => onToggle(each.key)}
          >
            <Swatch series={each} theme={theme} />
            <span class="ellipsis">{safeText(each.label)}</span>
            {/* The chart's description says it too. */}
            {latest !== undefined && (
              <span class="dim number" aria-hidden="true">
                {latest(each)}
              </span>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** A piece of the line as the chart draws it. */
export function Swatch({ series, theme }: { readonly series: ChartSeries; readonly theme: ChartTheme }) {
  const style = seriesStyle(theme, series.style);
  const color = series.color ?? style.color;
  return (
    <svg class="swatch" viewBox="0 0 26 10" aria-hidden="true" focusable="false">
      <line
        x1="0"
        y1="5"
        x2="26"
        y2="5"
        stroke={color}
        stroke-width="2"
        stroke-dasharray={style.dash.join(" ")}
      />
      <path d={shapePaths[style.shape]} fill={color} stroke={color} stroke-width="1.5" />
    </svg>
  );
}

/** On the 26 × 10 grid of a swatch. */
export const shapePaths: Record<PointShape, string> = {
  circle: "M13 2.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 0 1 0-5.6Z",
  triangle: "M13 2 16 7.5h-6Z",
  rect: "M10.5 2.5h5v5h-5Z",
  rectRot: "M13 1.5 16.5 5 13 8.5 9.5 5Z",
  cross: "M13 1.5v7M9.5 5h7",
  star: "M13 1.5v7M10 3.2l6 3.6M16 3.2l-6 3.6",
  crossRot: "M10.5 2.5l5 5M15.5 2.5l-5 5",
  dash: "M10 5h6",
};
