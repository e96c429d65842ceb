import { type ChartRange, type ChartSeries, neighbourX } from "../chartSeries";
import { type ChartView, panBy, reveal, visibleRange, zoomBy } from "../chartView";

export interface PlotKeyTarget {
  readonly chart: string;
  readonly view: ChartView;
  readonly domain: ChartRange;
  readonly series: readonly ChartSeries[];
  /** First and last position, where only what is in sight of the lines is here. */
  readonly ends?: ChartRange | undefined;
  /** Opens what is marked at this position. */
  readonly openAt: (x: number) => void;
}

export const plotKeysHelp =
  "Plus and minus zoom, 0 shows everything, arrow keys move the view; with Shift, or when everything is in sight, they move the cursor from value to value.";

const zoomFactor = 1.6;
const panShare = 0.15;

/** True when the key was for the chart. */
export function handlePlotKey(event: KeyboardEvent, target: PlotKeyTarget): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const { view, domain } = target;
  const cursor = view.cursor.value?.x;
  switch (event.key) {
    case "+":
    case "=":
      zoomBy(view, domain, 1 / zoomFactor, cursor);
      return true;
    case "-":
    case "_":
      zoomBy(view, domain, zoomFactor, cursor);
      return true;
    case "0":
      view.range.value = undefined;
      return true;
    case "ArrowLeft":
    case "ArrowRight": {
      const direction = event.key === "ArrowRight" ? 1 : -1;
      if (event.shiftKey || view.range.value === undefined) moveCursor(target, direction);
      else panBy(view, domain, direction * panShare);
      return true;
    }
    case "Home":
      setCursor(target, target.ends?.min ?? neighbourX(target.series, Number.NEGATIVE_INFINITY, 1));
      return true;
    case "End":
      setCursor(target, target.ends?.max ?? neighbourX(target.series, Number.POSITIVE_INFINITY, -1));
      return true;
    case "Enter":
      if (cursor === undefined) return false;
      target.openAt(cursor);
      return true;
    case "Escape":
      if (cursor === undefined) return false;
      view.cursor.value = undefined;
      return true;
    default:
      return false;
  }
}

function moveCursor(target: PlotKeyTarget, direction: 1 | -1): void {
  const { view, domain, series } = target;
  const range = visibleRange(view, domain);
  const edge = direction === 1 ? range.min - 1e-9 : range.max + 1e-9;
  setCursor(target, neighbourX(series, view.cursor.value?.x ?? edge, direction));
}

function setCursor({ chart, view, domain }: PlotKeyTarget, x: number | undefined): void {
  if (x === undefined) return;
  view.cursor.value = { x, chart };
  reveal(view, domain, x);
}
