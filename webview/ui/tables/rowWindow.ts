import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { rowHeight } from "./rowHeight";

/** Which rows of a long table body are worth having in the DOM. */
export interface RowWindow {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

const overscanRows = 10;

/**
 * Rows of one height in a table that scrolls with what is above it. The rest of the body is two empty rows as high
 * as what they stand for, so that the table stays a real table.
 */
export function useRowWindow(
  scroller: RefObject<HTMLElement | null>,
  body: RefObject<HTMLElement | null>,
  count: number,
): RowWindow {
  const [window, setWindow] = useState<RowWindow>({ first: 0, end: Math.min(count, 60) });
  useLayoutEffect(() => {
    const view = scroller.current;
    if (view === null) return;
    const measure = () => {
      const rows = body.current;
      if (rows === null) return;
      const above = view.getBoundingClientRect().top - rows.getBoundingClientRect().top;
      const first = Math.max(0, Math.min(count, Math.floor(above / rowHeight) - overscanRows));
      // A few even when none is in sight, so that Tab finds one to go to.
      const end = Math.max(
        Math.min(count, first + overscanRows),
        Math.min(count, Math.ceil((above + view.clientHeight) / rowHeight) + overscanRows),
      );
      setWindow((known) => (known.first === first && known.end === end ? known : { first, end }));
    };
    measure();
    view.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(view);
    // What is above the table may fold, which moves the rows without scrolling.
    if (view.firstElementChild !== null) observer.observe(view.firstElementChild);
    return () => {
      view.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, [count]);
  return { first: Math.min(window.first, count), end: Math.min(window.end, count) };
}
