import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { rowHeight } from "./rowHeight";

/** Two lines of titles that stay at the top. */
export const headHeight = 48;

export interface RowsOfTable {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly body: RefObject<HTMLElement | null>;
}

/** Where a row is or would be, from the top of what scrolls, in pixels. */
export function topOfRow({ scroller, body }: RowsOfTable, row: number): number | undefined {
  const outer = scroller.current?.getBoundingClientRect();
  const inner = body.current?.getBoundingClientRect();
  return outer === undefined || inner === undefined ? undefined : inner.top - outer.top + row * rowHeight;
}

/** Scrolls as little as is needed to see a row below the titles. */
export function revealRow(table: RowsOfTable, row: number): void {
  const view = table.scroller.current;
  const top = topOfRow(table, row);
  if (view === null || top === undefined) return;
  if (top < headHeight) view.scrollTop += top - headHeight;
  else if (top + rowHeight > view.clientHeight) view.scrollTop += top + rowHeight - view.clientHeight;
}

/** Set it before another row becomes the active one: when that row is in the DOM, its button gets the focus. */
export function useRowFocus(body: RefObject<HTMLElement | null>, active: number): { current: boolean } {
  const takeFocus = useRef(false);
  useLayoutEffect(() => {
    if (!takeFocus.current || active < 0) return;
    const button = body.current?.querySelector<HTMLElement>(`[data-row="${active}"] button`);
    if (!button) return;
    takeFocus.current = false;
    button.focus({ preventScroll: true });
  });
  return takeFocus;
}
