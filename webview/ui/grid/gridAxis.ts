/** One direction of a grid of any length, and how it is scrolled. All lengths in pixels. */
export interface GridAxis {
  /** Of all cells. */
  readonly length: number;
  /** Of what is seen at once. */
  readonly seen: number;
  /** Of the element that gives the scroll bar its size: not all browsers know larger ones. */
  readonly scrolled: number;
}

/** Half of what the most careful browser lays out, so that a zoomed page has room too. */
export const longestElement = 8_000_000;

export function gridAxis(length: number, seen: number): GridAxis {
  return { length, seen, scrolled: Math.min(length, longestElement) };
}

/** A grid longer than an element may be: a pixel of the scroll bar is more than one of the grid. */
export function isScaled({ length, scrolled }: GridAxis): boolean {
  return length > scrolled;
}

/** Where the grid is when the scroll bar is there. */
export function offsetOfScroll(axis: GridAxis, scroll: number): number {
  if (!isScaled(axis)) return scroll;
  return (scroll * largestOffset(axis)) / Math.max(1, axis.scrolled - axis.seen);
}

export function scrollOfOffset(axis: GridAxis, offset: number): number {
  if (!isScaled(axis)) return offset;
  return (offset * (axis.scrolled - axis.seen)) / Math.max(1, largestOffset(axis));
}

export function clampOffset(axis: GridAxis, offset: number): number {
  return Math.min(largestOffset(axis), Math.max(0, offset));
}

/** The nearest offset at which a cell is seen whole. */
export function offsetToReveal(axis: GridAxis, offset: number, cell: number, cellLength: number): number {
  const start = cell * cellLength;
  if (start < offset) return start;
  return Math.max(offset, start + cellLength - axis.seen);
}

function largestOffset({ length, seen }: GridAxis): number {
  return Math.max(0, length - seen);
}
