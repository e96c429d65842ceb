import type { CompareTensorRow, TensorStatus } from "../../src/core/lora/compareView";

export const tensorStatuses: readonly {
  readonly id: TensorStatus;
  readonly label: string;
  readonly help: string;
}[] = [
  { id: "same layout", label: "same layout", help: "Same shape and dtype in all snapshots" },
  { id: "shape", label: "other shape", help: "The shape differs" },
  { id: "dtype", label: "other dtype", help: "The shape is the same, the dtype differs" },
  { id: "added", label: "added", help: "Not in the first snapshot" },
  { id: "removed", label: "removed", help: "In the first snapshot, not in all others" },
];

export function statusLabel(status: TensorStatus): string {
  return tensorStatuses.find(({ id }) => id === status)?.label ?? status;
}

export function countByStatus(rows: readonly CompareTensorRow[]): ReadonlyMap<TensorStatus, number> {
  const counts = new Map<TensorStatus, number>();
  for (const { status } of rows) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}

/** What differs comes first: among thousands of rows that are the same it would not be found. */
export function queryTensors(
  rows: readonly CompareTensorRow[],
  filter: string,
  status: string | undefined,
): readonly CompareTensorRow[] {
  const words = filter.trim().toLowerCase().split(/\s+/);
  const found = rows.filter((row) => {
    const name = row.name.toLowerCase();
    return (status === undefined || row.status === status) && words.every((word) => name.includes(word));
  });
  const isSame = ({ status: each }: CompareTensorRow) => each === "same layout";
  return [...found.filter((row) => !isSame(row)), ...found.filter(isSame)];
}
