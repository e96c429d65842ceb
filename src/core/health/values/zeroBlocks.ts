import type { TensorStatistics } from "../../analysis/statisticColumns";
import type { TensorReader } from "../../checkpoint/tensorReader";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatBytes, formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

/** What file systems and disks write at once. */
const block = 4096;

const widths: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

/** Only tensors with a block's worth of zeros are read again: few have them, and then for another reason mostly. */
const maxBytes = 512 * 1024 * 1024;
const chunkBytes = 4 * 1024 * 1024;

/** More runs of zeros in one tensor are a pattern, as of pruned weights. */
const maxRuns = 16;

interface Run {
  /** Bytes within the tensor. */
  readonly from: number;
  readonly to: number;
}

/**
 * Zeros that fill whole blocks of the file among other values, and no whole rows of the tensor: a block that was never
 * written, as a power loss, a full disk or a network file system leaves it, in a file of the right size.
 */
export async function zeroBlocks(
  tensors: readonly Tensor[],
  statisticsOf: (tensor: Tensor) => TensorStatistics | undefined,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  let left = maxBytes;
  const found: Problem[] = [];
  for (const tensor of tensors) {
    const width = widths[tensor.dtype] ?? 0;
    const zeros = statisticsOf(tensor)?.zeros ?? 0;
    const count = elementCount(tensor.shape);
    // Where the bytes lie in the file is told of plain tensors alone.
    const isPlain =
      tensor.layout === undefined && tensor.assembly === undefined && tensor.packed === undefined;
    if (!isPlain || width === 0 || zeros * width < block || zeros === count) continue;
    if (tensor.byteSize !== count * width) continue;
    left -= tensor.byteSize;
    if (left < 0) break;
    const rowBytes = tensor.shape.length > 1 ? tensor.byteSize / (tensor.shape[0] ?? 1) : 0;
    const runs = await lostRuns(tensor, rowBytes, reader, signal);
    const [first] = runs;
    if (first === undefined) continue;
    const bytes = runs.reduce((sum, { from, to }) => sum + to - from, 0);
    const more = runs.length > 1 ? `, the first of ${formatCount(runs.length)} such places` : "";
    const message = `${quote(tensor.name)} holds ${formatBytes(bytes)} of zeros that fill whole blocks of the file, from byte ${formatCount(tensor.offset + first.from)} on${more}, and end within its rows: no training leaves that; a block that was never written does (power loss, full disk, network file system). Compare the file with its source.`;
    found.push({ severity: "warning", code: "ZeroBlocks", message, tensor: tensor.name });
  }
  return found;
}

async function lostRuns(
  tensor: Tensor,
  rowBytes: number,
  reader: TensorReader,
  signal: AbortSignal | undefined,
): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let from = -1;
  const close = (to: number) => {
    if (from >= 0 && to - from >= block && isBlocks(tensor, { from, to }, rowBytes)) runs.push({ from, to });
    from = -1;
  };
  for (let at = 0; at < tensor.byteSize && runs.length <= maxRuns; at += chunkBytes) {
    const bytes = await reader.readRange(tensor, at, Math.min(chunkBytes, tensor.byteSize - at), signal);
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== 0) {
        if (from >= 0) close(at + i);
      } else if (from < 0) from = at + i;
    }
  }
  close(tensor.byteSize);
  return runs.length > maxRuns ? [] : runs;
}

/** Both ends are those of blocks or of the tensor, and not both those of rows, which may be zero on purpose. */
function isBlocks({ offset, byteSize }: Tensor, { from, to }: Run, rowBytes: number): boolean {
  const isEdge = (at: number) => (offset + at) % block === 0 || at === 0 || at === byteSize;
  if (!isEdge(from) || !isEdge(to) || (from === 0 && to === byteSize)) return false;
  return rowBytes === 0 || from % rowBytes !== 0 || to % rowBytes !== 0;
}
