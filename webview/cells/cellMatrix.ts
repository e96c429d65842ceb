/** Why a place of a map has no colour: nothing belongs there, or it is not in this snapshot. */
export const blanks = { empty: 0, present: 1, absent: 2 } as const;

/** Values laid out in rows and columns, row by row. */
export interface CellMatrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: ArrayLike<number>;
  /** One of `blanks` for each place; all present where it is left out. A present NaN could not be computed. */
  readonly presence?: Uint8Array;
}

/** Which marks without a colour there are in some of the maps. */
export function blanksOf(matrices: readonly (CellMatrix | undefined)[]): {
  readonly hasAbsent: boolean;
  readonly hasBroken: boolean;
} {
  const isSome = (wanted: number, lacksValue: boolean) =>
    matrices.some((matrix) =>
      matrix?.presence?.some(
        (presence, at) => presence === wanted && (!lacksValue || Number.isNaN(matrix.values[at] ?? 0)),
      ),
    );
  return { hasAbsent: isSome(blanks.absent, false), hasBroken: isSome(blanks.present, true) };
}

/** What stands beside the rows or below the columns. */
export interface CellLabels {
  readonly texts: readonly string[];
  /** What one takes along the map, in pixels. */
  readonly roomPx: number;
  /** Written downwards, where only a line of text has room. */
  readonly turned?: boolean;
}

/** Every n-th label, so that they do not touch. Few labels are all shown. */
export function shownLabels(count: number, lengthPx: number, roomPx: number): readonly number[] {
  const every = [1, 2, 4, 5, 8, 10, 16, 20, 25, 50, 100, 200, 500, 1000].find(
    (step) => (lengthPx / Math.max(1, count)) * step >= roomPx,
  );
  if (every === undefined) return count > 0 ? [0] : [];
  return Array.from({ length: Math.ceil(count / every) }, (_, index) => index * every);
}
