import { formatOf } from "../../src/core/text/columnFormat";
import { formatNumber, plural } from "../../src/core/text/quantities";
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
  /** Of the points that it stands for, where there are several. */
  readonly among: { readonly count: number; readonly min: number; readonly max: number } | undefined;
}

export function readingsAt(series: readonly ChartSeries[], x: number): Reading[] {
  return series.flatMap((each) => {
    const index = nearestIndex(each.x, x);
    const at = each.x[index];
    const value = each.y[index];
    if (at === undefined || value === undefined) return [];
    return [{ series: each, x: at, value, smoothed: each.smoothed?.[index], among: amongAt(each, index) }];
  });
}

function amongAt({ slices }: ChartSeries, index: number): Reading["among"] {
  const count = slices?.count[index] ?? 1;
  const [min, max] = [slices?.min[index] ?? Number.NaN, slices?.max[index] ?? Number.NaN];
  return count > 1 && Number.isFinite(min) ? { count, min, max } : undefined;
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
  // One below the other the points of the numbers must be too.
  const inLine = formatY === formatReading ? formatOf(readings.map(({ value }) => value)) : formatY;
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
              <td class="number">{inLine(reading.value)}</td>
              <td class="dim">{detail(reading, x, xLabel, formatX, inLine)}</td>
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
    reading.among === undefined
      ? ""
      : `${formatY(reading.among.min)} to ${formatY(reading.among.max)} in ${plural(reading.among.count, "point")}`,
    reading.x === x ? "" : `at ${xLabel.toLowerCase()} ${formatX(reading.x)}`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

export function markerText(marker: ChartMarker): string {
  const last = marker.last === true && !marker.current;
  const marks = [
    marker.current ? "this checkpoint" : "",
    marker.best ? "best" : "",
    last ? "last" : "",
  ].filter((mark) => mark !== "");
  return safeText(marks.length === 0 ? marker.label : `${marker.label} (${marks.join(", ")})`);
}

export function formatReading(value: number): string {
  return formatNumber(value, 5);
}
