import { comparedIn } from "../core/analysis/tensorComparer";
import type { Comparison } from "../core/compare/comparison";
import { encodeAlignedChunk } from "../core/compare/tensors/alignedChunk";
import { alignSnapshots } from "../core/compare/tensors/alignSnapshots";
import { type DiffDetail, firstChanges } from "../core/compare/tensors/diffDetail";
import type { Tensor } from "../core/tensors/tensor";
import type { Handlers } from "../protocol/channel";
import type { DiffCalls } from "../protocol/diffCalls";
import type { AnalysisPool } from "./analysisPool";
import { TensorDiffing } from "./diff/tensorDiffing";
import type { HandleMap } from "./handleMap";

/** Answers about the tensors of snapshots and their values. What was aligned and compared lives with the comparison. */
export function diffHandlers(
  comparisons: HandleMap<Comparison>,
  analysis: AnalysisPool,
): Handlers<DiffCalls> {
  const diffings = new WeakMap<Comparison, TensorDiffing>();
  const diffingOf = (handle: number): TensorDiffing => {
    const comparison = comparisons.get(handle);
    const known = diffings.get(comparison);
    if (known !== undefined) return known;
    const { snapshots } = comparison;
    const diffing = new TensorDiffing(
      snapshots.map(({ session }) => session),
      alignSnapshots(snapshots),
    );
    diffings.set(comparison, diffing);
    return diffing;
  };
  return {
    alignedRows: ({ handle, first }) => {
      const columns = comparisons.get(handle).snapshots.length;
      return encodeAlignedChunk(diffingOf(handle).alignment, columns, first);
    },
    diffTensors: async ({ handle, threads }, signal, tell) => {
      const diffing = diffingOf(handle);
      try {
        await analysis.use(threads, (pool) =>
          diffing.run(pool, {
            signal,
            report: (done, total) => tell.progress(done, total, "Comparing values"),
          }),
        );
      } catch (error) {
        // Numbers of a file that changed must not be told of the new one.
        if (!signal.aborted) diffings.delete(comparisons.get(handle));
        throw error;
      }
      return { problems: diffing.problems };
    },
    diffEntries: ({ handle, first }) => diffingOf(handle).table.chunk(first),
    diffDetail: async ({ handle, row, pair, threads }, signal): Promise<DiffDetail> => {
      const { alignment, table } = diffingOf(handle);
      const { a, b } = table.pairs[pair] ?? { a: 0, b: 0 };
      const { snapshots } = comparisons.get(handle);
      const [left, right] = [snapshots[a]?.session, snapshots[b]?.session];
      const tensors = [alignment.rows[row]?.tensors[a], alignment.rows[row]?.tensors[b]];
      const [tensorA, tensorB] = tensors;
      if (left === undefined || right === undefined || tensorA === undefined || tensorB === undefined) {
        throw new Error("One of the two snapshots lacks the tensor.");
      }
      const difference = await analysis.use(threads, (pool) =>
        pool.diff({ source: left, tensor: tensorA }, { source: right, tensor: tensorB }, { signal }),
      );
      const readers = [left.tensorReader(), right.tensorReader()] as const;
      try {
        const read = (side: 0 | 1) => (tensor: Tensor, offset: number, length: number) =>
          readers[side].readRange(tensor, offset, length, signal);
        const changes =
          difference === undefined || difference.changedShare === 0
            ? []
            : await firstChanges([tensorA, tensorB], [read(0), read(1)], signal);
        return { difference, firstChanges: changes, ...noteOf(tensorA, tensorB) };
      } finally {
        await Promise.all(readers.map((reader) => reader.close()));
      }
    },
  };
}

function noteOf(left: Tensor, right: Tensor): { readonly note?: string } {
  const unpacked = [left, right].flatMap(({ packed }) => (packed === undefined ? [] : [packed.scheme]));
  if (unpacked.length > 0)
    return {
      note: `Compared as the values that the codes stand for, in F32: ${[...new Set(unpacked)].join("; ")}.`,
    };
  const [a, b] = [left.dtype, right.dtype];
  if (a === b) return {};
  return { note: `${a} against ${b}: compared in ${comparedIn(a, b)}, as differences of the values.` };
}
