import {
  defaultRangeExtractor,
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

export interface VirtualRowsOptions {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly count: number;
  readonly rowHeight: number;
  /** Height of a sticky header above the rows, inside the scroller. */
  readonly headerHeight?: number | undefined;
  /** Stays in the DOM when it is scrolled away, so that `aria-activedescendant` never points at nothing. */
  readonly active?: number | undefined;
}

export interface VirtualRows {
  readonly items: readonly { readonly index: number; readonly top: number }[];
  readonly totalHeight: number;
  readonly pageRows: number;
  /** Width within the scroller, 0 before the first layout. */
  readonly width: number;
  /** Scrolls as little as needed to show the row. */
  reveal(row: number): void;
}

const overscanRows = 8;

/** Which rows of a long list are in the DOM. Ties virtual-core, which knows no UI library, to Preact. */
export function useVirtualRows(options: VirtualRowsOptions): VirtualRows {
  const { scroller, count, rowHeight, headerHeight = 0, active } = options;
  const [, redraw] = useReducer((version: number) => version + 1, 0);
  const [width, setWidth] = useState(0);
  const settings: VirtualizerOptions<HTMLElement, HTMLElement> = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    // The virtualizer redraws only when other rows come into view; columns depend on the width too.
    observeElementRect: (instance, report) =>
      observeElementRect(instance, (rect) => {
        report(rect);
        setWidth(scroller.current?.clientWidth ?? 0);
      }),
    observeElementOffset,
    scrollToFn: elementScroll,
    overscan: overscanRows,
    scrollMargin: headerHeight,
    scrollPaddingStart: headerHeight,
    rangeExtractor: (range) => {
      const rows = defaultRangeExtractor(range);
      if (active === undefined || active >= count) return rows;
      return rows.includes(active) ? rows : [...rows, active].sort((a, b) => a - b);
    },
    onChange: redraw,
  };
  const created = useRef<Virtualizer<HTMLElement, HTMLElement>>(undefined);
  created.current ??= new Virtualizer(settings);
  const virtualizer = created.current;
  virtualizer.setOptions(settings);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  // A scroll bar that comes with the rows takes some of it.
  useLayoutEffect(() => setWidth(scroller.current?.clientWidth ?? 0));

  const height = virtualizer.scrollRect?.height ?? 0;
  return {
    items: virtualizer.getVirtualItems().map((item: VirtualItem) => ({
      index: item.index,
      top: item.start - headerHeight,
    })),
    totalHeight: virtualizer.getTotalSize(),
    pageRows: Math.max(1, Math.floor((height - headerHeight) / rowHeight) - 1),
    width,
    reveal: (row) => virtualizer.scrollToIndex(row, { align: "auto" }),
  };
}
