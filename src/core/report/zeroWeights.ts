import type { Checkpoint } from "../checkpoint/checkpoint";
import type { Problem } from "../problem/problem";
import { elementCount, type Tensor } from "../tensors/tensor";
import { formatBytes, formatCount } from "../text/quantities";
import { quote } from "../text/quote";
import type { ValueFindings } from "./valueFindings";

/** Fewer bytes than this are zeros for many reasons: biases, norms around zero. */
const fewestBytes = 4096;

/**
 * Weights that lie one behind the other in a file and hold nothing but zeros: what a download or a copy leaves that
 * fetched pieces out of order and did not end. A training starts single weights at zero, in no such row.
 */
export function zeroWeights({ tensors, files, path }: Checkpoint, values: ValueFindings): readonly Problem[] {
  const byFile = new Map<number, { readonly tensor: Tensor; readonly isZero: boolean }[]>();
  for (const [index, tensor] of tensors.entries()) {
    const stats = values.tensors.get(index)?.stats;
    if (stats === undefined || tensor.byteSize === 0) continue;
    const count = elementCount(tensor.shape);
    const row = byFile.get(tensor.fileIndex) ?? [];
    byFile.set(tensor.fileIndex, row);
    row.push({ tensor, isZero: stats.zeros === count });
  }
  return [...byFile].flatMap(([fileIndex, all]) => {
    const rows = all.sort((a, b) => a.tensor.offset - b.tensor.offset);
    const run = longestRun(rows.map(({ isZero }) => isZero));
    const zero = rows.slice(run.from, run.to).map(({ tensor }) => tensor);
    const [first] = zero;
    const byteSize = zero.reduce((sum, tensor) => sum + tensor.byteSize, 0);
    const matrices = zero.filter(({ shape }) => shape.length > 1).length;
    // A file of zeros alone was meant to be one.
    if (first === undefined || matrices < 2 || byteSize < fewestBytes || zero.length === rows.length)
      return [];
    const count = formatCount(zero.length);
    const which = run.to === rows.length ? `The last ${count} tensors` : `${count} tensors in a row`;
    const message = `${which}, from ${quote(first.name)} on (${formatBytes(byteSize)}), hold nothing but zeros. No training leaves that; a download or copy that did not end does: compare the file with its source, or fetch it again.`;
    const file = files[fileIndex]?.path ?? path;
    return [{ severity: "warning", code: "ZeroWeights", message, file, tensor: first.name }];
  });
}

function longestRun(flags: readonly boolean[]): { readonly from: number; readonly to: number } {
  let best = { from: 0, to: 0 };
  for (let from = 0; from < flags.length; ) {
    let to = from;
    while (flags[to] === true) to++;
    if (to - from > best.to - best.from) best = { from, to };
    from = Math.max(to, from) + 1;
  }
  return best;
}
