import { CheckpointError } from "../problem/checkpointError";
import { maxDenseBytes } from "../problem/limits";
import { formatBytes } from "../text/quantities";
import { decodeTensor } from "./decode";
import { elementCount, type Tensor } from "./tensor";
import type { SparseLayout } from "./tensorLayout";

/**
 * A sparse tensor as a dense one. Blocks of values (hybrid tensors) are copied whole; values that are given twice,
 * which torch would add up, are refused: sums would need every dtype's arithmetic.
 * @throws CheckpointError when it is too large, or its indices lie outside.
 */
export async function densify(
  tensor: Tensor,
  sparse: SparseLayout,
  read: (part: Tensor) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (tensor.byteSize > maxDenseBytes) {
    const size = `${formatBytes(tensor.byteSize)}; up to ${formatBytes(maxDenseBytes)} are shown`;
    throw new CheckpointError("SparseTooLarge", `As a dense tensor it would have ${size}.`);
  }
  const { values } = sparse;
  const [count = 0] = values.shape;
  const blockBytes = count === 0 ? 0 : values.byteSize / count;
  const places = await (sparse.kind === "coo" ? cooPlaces : compressedPlaces)(tensor, sparse, read);
  const bytes = await read(values);
  const dense = new Uint8Array(tensor.byteSize);
  const seen = new Set<number>();
  for (const [at, place] of places.entries()) {
    const start = place * blockBytes;
    if (!(start >= 0 && start + blockBytes <= dense.length)) {
      throw new CheckpointError("SparseIndex", `Index ${at} of the sparse tensor lies outside of its shape.`);
    }
    if (seen.has(place)) {
      throw new CheckpointError(
        "SparseDuplicates",
        "The sparse tensor is not coalesced: it gives values twice.",
      );
    }
    seen.add(place);
    dense.set(bytes.subarray(at * blockBytes, (at + 1) * blockBytes), start);
  }
  return dense;
}

type Places = (
  tensor: Tensor,
  sparse: SparseLayout,
  read: (part: Tensor) => Promise<Uint8Array>,
) => Promise<Float64Array>;

/** Indices [axes, count] of blocks over the first axes. */
const cooPlaces: Places = async ({ shape }, { indices: [indices] }, read) => {
  if (indices === undefined) throw new CheckpointError("SparseIndex", "The sparse tensor has no indices.");
  const [axes = 0, count = 0] = indices.shape;
  const values = decodeTensor(await read(indices), indices.dtype, axes * count);
  const places = new Float64Array(count);
  for (let axis = 0; axis < axes; axis++) {
    const size = shape[axis] ?? 1;
    for (let at = 0; at < count; at++) {
      const index = values[axis * count + at] as number;
      if (!(index >= 0 && index < size)) places[at] = Number.NaN;
      else places[at] = (places[at] as number) * size + index;
    }
  }
  return places;
};

/** Compressed rows (csr) or columns (csc) of a matrix. */
const compressedPlaces: Places = async ({ shape }, { kind, indices: [compressed, plain] }, read) => {
  const [rows, columns] = shape;
  if (compressed === undefined || plain === undefined || rows === undefined || columns === undefined) {
    throw new CheckpointError("SparseIndex", "The sparse matrix has no indices.");
  }
  if (shape.length !== 2)
    throw new CheckpointError("SparseBatches", "Batches of sparse matrices are not shown.");
  const starts = decodeTensor(await read(compressed), compressed.dtype, elementCount(compressed.shape));
  const inner = decodeTensor(await read(plain), plain.dtype, elementCount(plain.shape));
  const places = new Float64Array(inner.length).fill(Number.NaN);
  for (let line = 0; line + 1 < starts.length; line++) {
    const end = Math.min(inner.length, starts[line + 1] as number);
    for (let at = Math.max(0, starts[line] as number); at < end; at++) {
      const other = inner[at] as number;
      places[at] = kind === "csr" ? line * columns + other : other * columns + line;
    }
  }
  return places;
};
