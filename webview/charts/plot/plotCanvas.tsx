import "../../shell/common";
import { useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { nearestX } from "../chartSeries";
import { type ChartView, setRange } from "../chartView";
import { readingsAt, readingText } from "../reading";
import type { Formats } from "../seriesSummary";
import { LinePlot } from "./linePlot";
import { handlePlotKey, plotKeysHelp } from "./plotKeys";
import type { PlotModel } from "./plotModel";
import { markerNear, PlotOverlay } from "./plotOverlay";

export interface PlotCanvasProps {
  readonly id: string;
  readonly title: string;
  /** The chart in words. */
  readonly description: string;
  readonly model: PlotModel;
  readonly view: ChartView;
  readonly formats: Formats;
  readonly flags: boolean;
  readonly onMarker?: ((id: string) => void) | undefined;
  /** Pixels from the left to the right end of the axis, whenever they are others. */
  readonly onWidth?: ((pixels: number) => void) | undefined;
}

const hintDurationMs = 1500;
const clickSlack = 4;

/** The canvas with pointer, wheel and keys, and with the overlay above it. */
export function PlotCanvas(props: PlotCanvasProps) {
  const { id, title, description, model, view, formats, flags, onMarker } = props;
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const plot = useRef<LinePlot | undefined>(undefined);
  const drawn = useRef(model);
  const pressedAt = useRef<number | undefined>(undefined);
  const [, moveOverlay] = useReducer((version: number) => version + 1, 0);
  const [overMarker, setOverMarker] = useState(false);
  const [hint, showHint] = useHint();
  // Listeners outlive a drawing, so they read the newest model here.
  const latest = useRef(props);
  const toldWidth = useRef(0);
  const cursor = view.cursor.value;
  latest.current = props;

  const tellWidth = () => {
    const { left = 0, right = 0 } = plot.current?.area ?? {};
    const width = Math.round(right - left);
    if (width <= 0 || width === toldWidth.current) return;
    toldWidth.current = width;
    latest.current.onWidth?.(width);
  };

  useLayoutEffect(() => {
    if (canvas.current === null) return;
    const created = new LinePlot(canvas.current, latest.current.model, {
      onRange: (range) => setRange(latest.current.view, latest.current.model.domain, range),
      onLayout: () => {
        moveOverlay(0);
        tellWidth();
      },
      wheelZooms: (event) => {
        // A page of charts must still scroll: the wheel is the chart's only when that is clearly meant.
        const zooms =
          event.ctrlKey || event.metaKey || frame.current?.contains(document.activeElement) === true;
        if (!zooms) showHint();
        return zooms;
      },
    });
    plot.current = created;
    moveOverlay(0);
    tellWidth();
    return () => {
      plot.current = undefined;
      created.destroy();
    };
  }, []);

  useLayoutEffect(() => {
    if (drawn.current === model) return;
    drawn.current = model;
    plot.current?.update(model);
  }, [model]);

  const openAt = (pixel: number) => {
    const marker = plot.current === undefined ? undefined : markerNear(plot.current, model.markers, pixel);
    if (marker !== undefined) onMarker?.(marker.id);
  };

  const onPointerMove = (event: PointerEvent) => {
    const current = plot.current;
    if (current === undefined) return;
    const { left, right } = current.area;
    const pixel = event.offsetX;
    const x = nearestX(model.series, current.xForPixel(pixel));
    const inside = pixel >= left - 2 && pixel <= right + 2;
    setOverMarker(
      onMarker !== undefined && inside && markerNear(current, model.markers, pixel) !== undefined,
    );
    // While a rectangle is drawn its edges count, not the values.
    if (x === undefined || !inside || event.buttons !== 0) clearCursor();
    else if (view.cursor.value?.x !== x || view.cursor.value.chart !== id) {
      view.cursor.value = { x, chart: id };
    }
  };

  const clearCursor = () => {
    if (view.cursor.value?.chart === id) view.cursor.value = undefined;
  };

  return (
    <div ref={frame} class="plot-frame">
      <div
        class={`plot ${overMarker ? "over-marker" : ""}`}
        // A chart whose cursor reads values along x is, to who hears it, a slider.
        role="slider"
        aria-roledescription="chart"
        aria-label={title}
        aria-description={plotKeysHelp}
        aria-valuemin={model.domain.min}
        aria-valuemax={model.domain.max}
        aria-valuenow={cursor?.x ?? model.range.min}
        aria-valuetext={cursor === undefined ? description : cursorText(cursor.x, model, formats)}
        tabIndex={0}
        onKeyDown={(event) => {
          const target = {
            chart: id,
            view,
            domain: model.domain,
            series: model.series,
            ends: model.ends,
            openAt: (x: number) => openAt(plot.current?.pixelForX(x) ?? Number.NaN),
          };
          if (handlePlotKey(event, target)) event.preventDefault();
        }}
        onBlur={clearCursor}
        onPointerMove={onPointerMove}
        onPointerLeave={clearCursor}
        onPointerDown={(event) => {
          pressedAt.current = event.clientX;
        }}
        onClick={(event) => {
          const dragged = Math.abs(event.clientX - (pressedAt.current ?? event.clientX)) > clickSlack;
          if (!dragged) openAt(event.offsetX);
        }}
        onDblClick={() => {
          view.range.value = undefined;
        }}
      >
        <canvas ref={canvas} />
      </div>
      {plot.current !== undefined && (
        <PlotOverlay
          chart={id}
          plot={plot.current}
          view={view}
          series={model.series}
          markers={model.markers}
          formats={formats}
          theme={model.theme}
          onMarker={flags ? onMarker : undefined}
        />
      )}
      {hint && <div class="plot-hint">{`${wheelModifier} + wheel zooms`}</div>}
    </div>
  );
}

const wheelModifier = /Mac/.test(navigator.userAgent) ? "⌘" : "Ctrl";

function cursorText(x: number, { series, markers }: PlotModel, formats: Formats): string {
  const here = markers.filter((marker) => marker.x === x);
  return readingText({ readings: readingsAt(series, x), x, ...formats, markers: here });
}

/** A hint that goes away by itself. */
function useHint(): readonly [shown: boolean, show: () => void] {
  const [shown, setShown] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useLayoutEffect(() => () => clearTimeout(timer.current), []);
  const show = () => {
    setShown(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setShown(false), hintDurationMs);
  };
  return [shown, show];
}
