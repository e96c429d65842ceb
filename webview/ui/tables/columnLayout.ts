import type { NameColumn } from "../names/nameColumn";

/** What the layout of a table asks of a column. */
export interface SizedColumn {
  readonly width: string;
  readonly givesWay?: number | undefined;
  readonly names?: NameColumn | undefined;
}

export interface ColumnLayout<C> {
  readonly columns: readonly C[];
  readonly tracks: string;
  /** For a name, in characters; as many as wanted before the first layout. */
  readonly nameRoom: number;
}

/** Names of this many characters are read at a glance; for longer ones no other column is left out. */
const comfortableNameLength = 40;
/** With less a name is not worth reading: the table scrolls sideways. */
const shortestNameLength = 24;
const columnGapPx = 12;
const rowPaddingPx = 24;
/** For a mark after the name. */
const besideNamePx = 16;

/**
 * Names get the room first: while they have too little, the column that gives way first is left out.
 * @param roomPx of the table, 0 before the first layout
 */
export function layoutColumns<C extends SizedColumn>(
  columns: readonly C[],
  roomPx: number,
  letterPx: number,
): ColumnLayout<C> {
  const wanted = ({ names, width }: C, length: number) =>
    names === undefined ? leastPx(width) : Math.min(names.longest, length) * letterPx + besideNamePx;
  let shown = columns;
  const used = () =>
    shown.reduce((sum, column) => sum + wanted(column, comfortableNameLength) + columnGapPx, rowPaddingPx) -
    columnGapPx;
  while (roomPx > 0 && used() > roomPx) {
    const first = Math.max(...shown.map(({ givesWay = 0 }) => givesWay));
    if (first === 0) break;
    shown = shown.filter(({ givesWay = 0 }) => givesWay !== first);
  }
  const others = shown.reduce(
    (sum, { names, width }) => sum + columnGapPx + (names === undefined ? leastPx(width) : 0),
    rowPaddingPx - columnGapPx,
  );
  const namePx = (column: C) => Math.max(wanted(column, shortestNameLength), roomPx - others);
  const named = shown.find(({ names }) => names !== undefined);
  return {
    columns: shown,
    tracks: shown
      .map((column) =>
        column.names === undefined
          ? column.width
          : `minmax(${Math.round(wanted(column, shortestNameLength))}px, 1fr)`,
      )
      .join(" "),
    nameRoom:
      named === undefined || roomPx === 0
        ? Number.POSITIVE_INFINITY
        : Math.floor((namePx(named) - besideNamePx) / letterPx),
  };
}

/** Of a CSS grid track in pixels: "80px", "minmax(160px, 1fr)". */
function leastPx(track: string): number {
  return Number.parseFloat(/[\d.]+/.exec(track)?.[0] ?? "0");
}
