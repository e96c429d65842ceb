import type { Tensor } from "../../tensors/tensor";

/** One of several shares of a checkpoint; counted from 1. */
export interface ScanPart {
  readonly number: number;
  readonly count: number;
}

/**
 * The indexes of a share's tensors: of `count` runs of the checkpoint's tensors, file after file, that hold as many
 * bytes as whole tensors allow. Every tensor is in one share, and who computes the shares gets the same ones.
 */
export function tensorsOfPart(tensors: readonly Tensor[], { number, count }: ScanPart): readonly number[] {
  const order = [...tensors.keys()].sort(
    (a, b) => (tensors[a]?.fileIndex ?? 0) - (tensors[b]?.fileIndex ?? 0) || a - b,
  );
  const total = tensors.reduce((sum, { byteSize }) => sum + byteSize, 0);
  const found: number[] = [];
  let before = 0;
  for (const index of order) {
    const bytes = tensors[index]?.byteSize ?? 0;
    // A tensor belongs to the share that its middle lies in; where nothing has bytes, to the first.
    const middle = total === 0 ? 0 : (before + bytes / 2) / total;
    if (Math.min(count, Math.floor(middle * count) + 1) === number) found.push(index);
    before += bytes;
  }
  return found;
}
