import type { ComponentChildren } from "preact";
import { useId, useMemo, useRef, useState } from "preact/hooks";
import { formatOf } from "../../src/core/text/columnFormat";
import { Icon } from "../ui/icon";
import { OnceLoaded } from "../ui/lazyPart";
import { safeText } from "../ui/safeText";
import { formatPosition } from "./axisTicks";
import { ChartIcon } from "./chartIcon";
import { type ChartMarker, type ChartRange, type ChartSeries, domainOf } from "./chartSeries";
import { chartTheme } from "./chartTheme";
import { type ChartView, createChartView, visibleRange } from "./chartView";
import { IconButton } from "./iconButton";
import { Legend } from "./legend";
import { chartDrawing, pngOf, type SavePicture } from "./picture";
import type { PlotModel, PositionTicks } from "./plot/plotModel";
import { plotCanvas } from "./plotPart";
import { formatReading } from "./reading";
import { LocalRows, type RowSource } from "./rowSource";
import { type Formats, leftOutNotes, shortSummary, summarySentence } from "./seriesSummary";
import { type ValueColumn, ValuesTable } from "./valuesTable";

export interface LineChartProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly markers?: readonly ChartMarker[];
  readonly xLabel: string;
  /** Positions are whole numbers. */
  readonly integerX?: boolean;
  readonly formatX?: ((x: number) => string) | undefined;
  readonly xTicks?: PositionTicks | undefined;
  readonly formatY?: (value: number) => string;
  readonly logarithmic?: boolean;
  readonly yRange?: ChartRange;
  /** From where to where everything is in sight; by default the extent of the series. */
  readonly domain?: ChartRange;
  /** Shared by charts that zoom together. */
  readonly view?: ChartView;
  readonly size?: "large" | "small";
  readonly legend?: boolean;
  /** The line in words, where "latest, lowest, highest" are not what it is about. */
  readonly words?: SeriesWords;
  /** Something to know about how this chart is drawn. */
  readonly note?: string | undefined;
  /** Opens what a marker stands for. */
  readonly onMarker?: (id: string) => void;
  /** Buttons before the chart's own. */
  readonly actions?: ComponentChildren;
  readonly onCopy?: ((text: string, what: string) => void) | undefined;
  /** What the lines leave out and why, where they are only a part of what was logged. */
  readonly leftOut?: readonly string[] | undefined;
  /** First and last position of the whole lines, where only what is in sight of them is here. */
  readonly ends?: ChartRange | undefined;
  /** The table of all values, where only what is in sight of the lines is here. */
  readonly table?: ChartTable | undefined;
  /** Copies all values as CSV. */
  readonly onCopyCsv?: (() => void) | undefined;
  readonly onWidth?: ((pixels: number) => void) | undefined;
  /** Lines that are left out, where a legend for several charts decides. */
  readonly hidden?: ReadonlySet<string> | undefined;
  /** Offers the chart as a picture. */
  readonly onSavePicture?: SavePicture | undefined;
}

export interface ChartTable {
  readonly columns: readonly ValueColumn[];
  readonly rows: RowSource;
  readonly xWidth?: number | undefined;
}

export interface SeriesWords {
  /** Beside the title, of the only line. */
  readonly short: (series: ChartSeries) => string;
  /** A sentence, for who does not see the chart. */
  readonly sentence: (series: ChartSeries) => string;
  /** Beside its name in the legend, of several lines. */
  readonly latest?: (series: ChartSeries) => string;
}

const noMarkers: readonly ChartMarker[] = [];

/** A line chart with its title, its legend and its twin: the same values as a table. */
export function LineChart(props: LineChartProps) {
  const { title, xLabel, markers = noMarkers, size = "large", logarithmic = false } = props;
  const id = useId();
  const figure = useRef<HTMLElement>(null);
  const [asTable, setAsTable] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const ownView = useMemo(createChartView, []);
  const view = props.view ?? ownView;
  const theme = chartTheme().value;
  const range = view.range.value;
  const formats: Formats = useMemo(
    () => ({ xLabel, formatX: props.formatX ?? formatPosition, formatY: props.formatY ?? formatReading }),
    [xLabel, props.formatX, props.formatY],
  );

  const shown = useMemo(
    () => props.series.filter(({ key }) => !hidden.has(key) && props.hidden?.has(key) !== true),
    [props.series, hidden, props.hidden],
  );
  const domain = useMemo(
    () => props.domain ?? domainOf(props.series, markers),
    [props.domain, props.series, markers],
  );
  const flags = size === "large" && markers.length > 0 && props.onMarker !== undefined;
  const model = useMemo<PlotModel>(
    () => ({
      series: shown,
      markers,
      domain,
      range: visibleRange(view, domain),
      logarithmic,
      integerX: props.integerX ?? false,
      flags,
      theme,
      ...(props.yRange === undefined ? {} : { yRange: props.yRange }),
      ...(props.formatY === undefined ? {} : { formatY: props.formatY }),
      xTicks: props.xTicks,
      ends: props.ends,
    }),
    [
      shown,
      markers,
      domain,
      range,
      logarithmic,
      props.integerX,
      flags,
      theme,
      props.yRange,
      props.formatY,
      props.xTicks,
      props.ends?.min,
      props.ends?.max,
    ],
  );
  const words: SeriesWords = useMemo(
    () =>
      props.words ?? {
        short: (each) => shortSummary(each, formats),
        sentence: (each) => summarySentence(each, formats),
      },
    [props.words, formats],
  );
  const description = useMemo(() => props.series.map(words.sentence).join(" "), [props.series, words]);
  const notes = useMemo(
    () => [
      ...(props.note === undefined ? [] : [props.note]),
      ...(props.leftOut ?? leftOutNotes(shown, logarithmic)),
    ],
    [shown, logarithmic, props.note, props.leftOut],
  );
  const [only] = props.series.length === 1 ? props.series : [];
  const legend = props.legend ?? props.series.length > 1;

  const savePicture = async (onSavePicture: SavePicture) => {
    const canvas = figure.current?.querySelector("canvas");
    if (!canvas) return;
    onSavePicture({ bytes: await pngOf(chartDrawing(canvas, theme, title, shown), theme), name: title });
  };
  const toggle = (key: string) => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    setHidden(next);
  };

  return (
    <figure ref={figure} class={`chart chart-${size}`} aria-labelledby={`${id}-title`}>
      <figcaption class="chart-head">
        <h3 class="chart-title ellipsis" id={`${id}-title`} title={safeText(title)}>
          {safeText(title)}
        </h3>
        {only !== undefined && (
          <span class="chart-summary ellipsis" title={safeText(description)}>
            {words.short(only)}
          </span>
        )}
        <span class="chart-actions">
          {props.actions}
          {range !== undefined && !asTable && (
            <IconButton
              label="Reset zoom (0)"
              onClick={() => {
                view.range.value = undefined;
              }}
            >
              <ChartIcon name="resetZoom" />
            </IconButton>
          )}
          {props.onCopyCsv !== undefined && (
            <IconButton label={`Copy ${safeText(title)} as CSV`} onClick={props.onCopyCsv}>
              <Icon name="copy" />
            </IconButton>
          )}
          {props.onSavePicture !== undefined && !asTable && (
            <IconButton
              label={`Save ${safeText(title)} as a PNG picture`}
              onClick={() => props.onSavePicture && void savePicture(props.onSavePicture)}
            >
              <ChartIcon name="save" />
            </IconButton>
          )}
          <IconButton
            label={asTable ? `Show ${safeText(title)} as a chart` : `Show ${safeText(title)} as a table`}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? <ChartIcon name="chart" /> : <Icon name="table" />}
          </IconButton>
        </span>
      </figcaption>
      {asTable ? (
        <ChartValues
          table={props.table}
          series={props.series}
          label={`Values of ${safeText(title)}`}
          xLabel={xLabel}
          formatX={formats.formatX}
          onCopy={props.onCopy}
        />
      ) : (
        <>
          <OnceLoaded
            part={plotCanvas}
            waiting={
              <div class="plot-frame">
                <div class="plot" />
              </div>
            }
          >
            {(PlotCanvas) => (
              <PlotCanvas
                id={id}
                title={`${safeText(title)} by ${xLabel.toLowerCase()}`}
                description={safeText(description)}
                model={model}
                view={view}
                formats={formats}
                flags={flags}
                onMarker={props.onMarker}
                onWidth={props.onWidth}
              />
            )}
          </OnceLoaded>
          {legend && (
            <Legend
              series={props.series}
              theme={theme}
              hidden={hidden}
              onToggle={toggle}
              latest={words.latest}
            />
          )}
        </>
      )}
      {notes.length > 0 && <p class="chart-note">{safeText(notes.join(". "))}</p>}
    </figure>
  );
}

interface ChartValuesProps {
  readonly table: ChartTable | undefined;
  readonly series: readonly ChartSeries[];
  readonly label: string;
  readonly xLabel: string;
  readonly formatX: (x: number) => string;
  readonly onCopy: ((text: string, what: string) => void) | undefined;
}

function ChartValues({ table, series, label, xLabel, formatX, onCopy }: ChartValuesProps) {
  const shown = useMemo(() => table ?? localTable(series, xLabel, onCopy), [table, series, xLabel]);
  return <ValuesTable label={label} xLabel={xLabel} formatX={formatX} onCopy={onCopy} {...shown} />;
}

function localTable(
  series: readonly ChartSeries[],
  xLabel: string,
  onCopy: ((text: string, what: string) => void) | undefined,
): ChartTable {
  const columns = series.flatMap(({ key, label, x, y, smoothed }) => [
    { key, label, x, values: y, format: formatOf(y) },
    ...(smoothed === undefined
      ? []
      : [
          {
            key: `${key} smoothed`,
            label: `${label}, smoothed`,
            x,
            values: smoothed,
            format: formatOf(smoothed),
          },
        ]),
  ]);
  return { columns, rows: new LocalRows(columns, xLabel, onCopy) };
}
