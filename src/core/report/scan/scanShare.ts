import type { Tensor } from "../../tensors/tensor";

/** One of several shares of a checkpoint, or of a comparison; counted from 1. */
export interface ScanPart {
  readonly number: number;
  readonly count: number;
}

/**
 * The indexes of a share's tensors: of `count` runs of the checkpoint's tensors, file after file, that hold as many
 * bytes as whole tensors allow. Every tensor is in one share, and who computes the shares gets the same ones.
 */
export function tensorsOfPart(tensors: readonly Tensor[], part: ScanPart): readonly number[] {
  const order = [...tensors.keys()].sort(
    (a, b) => (tensors[a]?.fileIndex ?? 0) - (tensors[b]?.fileIndex ?? 0) || a - b,
  );
  return itemsOfPart(order, (index) => tensors[index]?.byteSize ?? 0, part);
}

/** Of items that are shared in their order those of one share. Every item is in just one. */
export function itemsOfPart<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  { number, count }: ScanPart,
): readonly T[] {
  const total = items.reduce((sum, item) => sum + bytesOf(item), 0);
  let before = 0;
  return items.filter((item) => {
    const bytes = bytesOf(item);
    // An item belongs to the share that its middle lies in; where nothing has bytes, to the first.
    const middle = total === 0 ? 0 : (before + bytes / 2) / total;
    before += bytes;
    return Math.min(count, Math.floor(middle * count) + 1) === number;
  });
}
