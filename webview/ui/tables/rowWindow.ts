import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { rowHeight } from "./rowHeight";

/** Which rows of a long table are worth having in the DOM, and what a table asks of where it is. */
export interface RowWindow {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
  /** Width within the scroller in pixels, 0 before the first layout. */
  readonly width: number;
  /** Rows that a key which turns a page goes by. */
  pageRows(): number;
  /** Scrolls as little as needed to show the row. */
  reveal(row: number): void;
}

const overscanRows = 8;

/**
 * Rows of one height below each other, in a scroller that may hold more above them. What is not in the window has no
 * element; its height stays.
 * @param headerHeight of what stays at the top of the scroller, over the rows, in pixels.
 */
export function useRowWindow(
  scroller: RefObject<HTMLElement | null>,
  body: RefObject<HTMLElement | null>,
  count: number,
  headerHeight = 0,
): RowWindow {
  const [window, setWindow] = useState({ first: 0, end: 0, width: 0 });
  const measure = () => {
    const view = scroller.current;
    const above = scrolledPast(view, body.current);
    if (view === null || above === undefined) return;
    const first = Math.max(0, Math.min(count, Math.floor(above / rowHeight) - overscanRows));
    // A few even when none is in sight, so that Tab finds one to go to.
    const end = Math.max(
      Math.min(count, first + overscanRows),
      Math.min(count, Math.ceil((above + view.clientHeight) / rowHeight) + overscanRows),
    );
    const width = view.clientWidth;
    setWindow((known) =>
      known.first === first && known.end === end && known.width === width ? known : { first, end, width },
    );
  };
  // Listeners outlive a drawing, so they call the newest here.
  const latest = useRef(measure);
  latest.current = measure;
  useLayoutEffect(measure);
  useLayoutEffect(() => {
    const view = scroller.current;
    if (view === null) return;
    const onMoved = () => latest.current();
    view.addEventListener("scroll", onMoved, { passive: true });
    const observer = new ResizeObserver(onMoved);
    observer.observe(view);
    // What is above the table may fold, which moves the rows without scrolling.
    if (view.firstElementChild !== null) observer.observe(view.firstElementChild);
    return () => {
      view.removeEventListener("scroll", onMoved);
      observer.disconnect();
    };
  }, []);

  return {
    ...window,
    first: Math.min(window.first, count),
    end: Math.min(window.end, count),
    pageRows: () =>
      Math.max(1, Math.floor(((scroller.current?.clientHeight ?? 0) - headerHeight) / rowHeight) - 1),
    reveal: (row) => {
      const view = scroller.current;
      const above = scrolledPast(view, body.current);
      if (view === null || above === undefined) return;
      const top = row * rowHeight - above;
      if (top < headerHeight) view.scrollTop += top - headerHeight;
      else view.scrollTop += Math.max(0, top + rowHeight - view.clientHeight);
    },
  };
}

/** Pixels of the rows that are above the upper edge of what is seen; negative while something else is seen above them. */
function scrolledPast(view: HTMLElement | null, rows: HTMLElement | null): number | undefined {
  if (view === null || rows === null) return undefined;
  return view.getBoundingClientRect().top - rows.getBoundingClientRect().top;
}
