/** Two columns that are held against each other; differences are counted from `a` to `b`. */
export interface DiffPair {
  readonly a: number;
  readonly b: number;
}

/** Each column against the first, then against its left neighbour where that is another. */
export function diffPairs(columns: number): readonly DiffPair[] {
  const others = Array.from({ length: Math.max(0, columns - 1) }, (_, index) => index + 1);
  return [...others.map((b) => ({ a: 0, b })), ...others.filter((b) => b > 1).map((b) => ({ a: b - 1, b }))];
}

/** A matrix and its transpose have one number of elements, but nothing to compare. Of a square one no shape tells. */
export function isTransposed(a: readonly number[], b: readonly number[]): boolean {
  const [rows, columns] = a;
  return a.length === 2 && b.length === 2 && rows !== columns && rows === b[1] && columns === b[0];
}
