import type { RefObject } from "preact";
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { clampOffset, type GridAxis, gridAxis, isScaled, offsetOfScroll, scrollOfOffset } from "./gridAxis";

export interface GridLengths {
  readonly height: number;
  readonly width: number;
  /** What stays at the top and at the left, inside of the scroller. */
  readonly headHeight: number;
  readonly headWidth: number;
}

export interface GridOffset {
  readonly top: number;
  readonly left: number;
}

export interface GridScroll extends GridOffset {
  readonly down: GridAxis;
  readonly across: GridAxis;
  scrollTo(offset: GridOffset): void;
}

/**
 * Scrolls a grid that may be longer than any element: what is seen is drawn at its offset, and the element behind is
 * there for its scroll bars. Where a pixel of the bar is many of the grid, the wheel moves the grid, and the bar
 * follows.
 */
export function useGridScroll(
  scroller: RefObject<HTMLElement | null>,
  lengths: GridLengths,
  initial: GridOffset,
  onMoved: (offset: GridOffset) => void,
): GridScroll {
  const [, redraw] = useReducer((version: number) => version + 1, 0);
  const offset = useRef<GridOffset>(initial);
  const seen = useRef({ width: 0, height: 0 });
  const { headHeight, headWidth } = lengths;
  const down = gridAxis(lengths.height, Math.max(0, seen.current.height - headHeight));
  const across = gridAxis(lengths.width, Math.max(0, seen.current.width - headWidth));
  // Listeners outlive a drawing, so they read the newest here.
  const latest = useRef({ down, across, onMoved });
  latest.current = { down, across, onMoved };

  const scrollTo = ({ top, left }: GridOffset) => {
    const axes = latest.current;
    offset.current = { top: clampOffset(axes.down, top), left: clampOffset(axes.across, left) };
    const element = scroller.current;
    if (element !== null) {
      element.scrollTop = scrollOfOffset(axes.down, offset.current.top);
      element.scrollLeft = scrollOfOffset(axes.across, offset.current.left);
    }
    axes.onMoved(offset.current);
    redraw(0);
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => {
      seen.current = { width: element.clientWidth, height: element.clientHeight };
      redraw(0);
    };
    const onScroll = () => {
      const axes = latest.current;
      const top = followed(axes.down, offset.current.top, element.scrollTop);
      const left = followed(axes.across, offset.current.left, element.scrollLeft);
      if (top === offset.current.top && left === offset.current.left) return;
      offset.current = { top, left };
      axes.onMoved(offset.current);
      redraw(0);
    };
    const onWheel = (event: WheelEvent) => {
      const axes = latest.current;
      if (event.ctrlKey || event.metaKey || !(isScaled(axes.down) || isScaled(axes.across))) return;
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? pixelsPerLine : 1;
      const [x, y] = event.shiftKey ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
      scrollTo({ top: offset.current.top + y * lines, left: offset.current.left + x * lines });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", onScroll);
      element.removeEventListener("wheel", onWheel);
    };
  }, []);

  // Another tensor or format, another size of the pane: the bars go where the grid is.
  const { length: height, seen: seenHeight } = down;
  const { length: width, seen: seenWidth } = across;
  useLayoutEffect(() => {
    if (seenHeight > 0 && seenWidth > 0) scrollTo(offset.current);
  }, [height, seenHeight, width, seenWidth]);

  return { ...offset.current, down, across, scrollTo };
}

const pixelsPerLine = 22;

/** Browsers round where the bar is; the grid's own place is kept where the bar is as near as it can be. */
function followed(axis: GridAxis, offset: number, scroll: number): number {
  if (Math.abs(scroll - scrollOfOffset(axis, offset)) < 1) return offset;
  return clampOffset(axis, offsetOfScroll(axis, scroll));
}
