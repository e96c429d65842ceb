import type { SnapshotColumn } from "../../../src/core/compare/compareView";

/** The order in which a pipeline passes its stages; others come after them, in the order of the columns. */
const pipeline = ["base", "svd", "rank-reduction", "fine-tuning", "merged"];

/** Columns by stage, then by step; those without a stage keep their place at the end. */
export function inStageOrder(columns: readonly SnapshotColumn[]): SnapshotColumn[] {
  const others = [
    ...new Set(columns.flatMap(({ stage }) => (stage === undefined ? [] : [stage.stage]))),
  ].filter((stage) => !pipeline.includes(stage));
  const order = [...pipeline, ...others];
  const rank = ({ stage }: SnapshotColumn) =>
    stage === undefined ? order.length : order.indexOf(stage.stage);
  return columns
    .map((column, at) => ({ column, at }))
    .sort(
      (a, b) =>
        rank(a.column) - rank(b.column) ||
        (a.column.step ?? Number.NEGATIVE_INFINITY) - (b.column.step ?? Number.NEGATIVE_INFINITY) ||
        a.at - b.at,
    )
    .map(({ column }) => column);
}

export function isInStageOrder(columns: readonly SnapshotColumn[]): boolean {
  return inStageOrder(columns).every(({ path }, at) => path === columns[at]?.path);
}
