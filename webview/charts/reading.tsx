import { formatNumber } from "../../src/core/text/quantities";
import { safeText } from "../ui/safeText";
import { type ChartMarker, type ChartSeries, nearestIndex } from "./chartSeries";
import type { ChartTheme } from "./chartTheme";
import { Swatch } from "./legend";

/** One value under the cursor. */
export interface Reading {
  readonly series: ChartSeries;
  /** Where the value is, which is near the cursor but not always at it. */
  readonly x: number;
  readonly value: number;
  readonly smoothed: number | undefined;
}

export function readingsAt(series: readonly ChartSeries[], x: number): Reading[] {
  return series.flatMap((each) => {
    const index = nearestIndex(each.x, x);
    const at = each.x[index];
    const value = each.y[index];
    if (at === undefined || value === undefined) return [];
    return [{ series: each, x: at, value, smoothed: each.smoothed?.[index] }];
  });
}

export interface ReadingProps {
  readonly readings: readonly Reading[];
  readonly x: number;
  readonly xLabel: string;
  readonly formatX: (x: number) => string;
  readonly formatY: (value: number) => string;
  readonly markers: readonly ChartMarker[];
  readonly theme: ChartTheme;
}

/** The values under the cursor, as a box beside it. */
export function ReadingBox({ readings, x, xLabel, formatX, formatY, markers, theme }: ReadingProps) {
  return (
    <>
      <div class="reading-title">{`${xLabel} ${formatX(x)}`}</div>
      <table>
        <tbody>
          {readings.map((reading) => (
            <tr key={reading.series.key}>
              <th scope="row">
                <Swatch series={reading.series} theme={theme} />
                <span class="ellipsis">{safeText(reading.series.label)}</span>
              </th>
              <td class="number">{formatY(reading.value)}</td>
              <td class="dim">{detail(reading, x, xLabel, formatX, formatY)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {markers.map((marker) => (
        <div key={marker.id} class="reading-marker">
          {markerText(marker)}
        </div>
      ))}
    </>
  );
}

/** The same as a sentence, for whoever moves the cursor with the keys and does not see it. */
export function readingText({
  readings,
  x,
  xLabel,
  formatX,
  formatY,
  markers,
}: Omit<ReadingProps, "theme">): string {
  const values = readings.map((reading) => {
    const more = detail(reading, x, xLabel, formatX, formatY);
    return `${reading.series.label} ${formatY(reading.value)}${more === "" ? "" : `, ${more}`}`;
  });
  return safeText([`${xLabel} ${formatX(x)}`, ...values, ...markers.map(markerText)].join("; "));
}

function detail(
  reading: Reading,
  x: number,
  xLabel: string,
  formatX: (x: number) => string,
  formatY: (value: number) => string,
): string {
  const smoothed = reading.smoothed;
  return [
    smoothed !== undefined && Number.isFinite(smoothed) ? `smoothed ${formatY(smoothed)}` : "",
    reading.x === x ? "" : `at ${xLabel.toLowerCase()} ${formatX(reading.x)}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

export function markerText(marker: ChartMarker): string {
  const marks = [marker.current ? "this checkpoint" : "", marker.best ? "best" : ""].filter(
    (mark) => mark !== "",
  );
  return safeText(marks.length === 0 ? marker.label : `${marker.label} (${marks.join(", ")})`);
}

export function formatReading(value: number): string {
  return formatNumber(value, 5);
}
