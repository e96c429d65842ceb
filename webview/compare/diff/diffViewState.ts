/** Numbers that the table can be sorted by. */
export const sortFields = ["relativeL2", "maxAbs", "cosine"] as const;
export type SortField = (typeof sortFields)[number];

export type DiffSort =
  /** What differs in layout, then the largest change of values first. */
  | { readonly by: "change" }
  | { readonly by: "name" }
  /** `column` is the place of the snapshot. */
  | { readonly by: SortField; readonly column: number; readonly descending: boolean };

/** Where the reader is among the tensors; it outlives the page. */
export interface DiffViewState {
  readonly sort: DiffSort;
  /** What each snapshot is held against. */
  readonly against: "first" | "previous";
  readonly showsMap: boolean;
  /** What optimizers keep is folded away until it is asked for. */
  readonly showsOptimizer: boolean;
}

export const startDiffViewState: DiffViewState = {
  sort: { by: "change" },
  against: "first",
  showsMap: true,
  showsOptimizer: false,
};

/** What was saved, by some version of this page. */
export function diffViewStateFrom(saved: Partial<DiffViewState>): DiffViewState {
  const { sort = startDiffViewState.sort, against, showsMap, showsOptimizer } = saved;
  const isKnown =
    sort.by === "change" ||
    sort.by === "name" ||
    ((sortFields as readonly string[]).includes(sort.by) && Number.isInteger(sort.column));
  return {
    sort: isKnown ? sort : startDiffViewState.sort,
    against: against === "previous" ? "previous" : "first",
    showsMap: showsMap ?? true,
    showsOptimizer: showsOptimizer === true,
  };
}
