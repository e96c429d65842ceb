import { finishNumbers } from "../../core/analysis/finishNumbers";
import { cellsEncoding, encodingOf, pairsEncoding, runsEncoding } from "../../core/analysis/numberEncoding";
import type { NumberKernels } from "../../core/analysis/numberKernels";
import { TensorMeasurer } from "../../core/analysis/tensorMeasurer";
import { messageOf } from "../../core/problem/messageOf";
import type { CodeCells } from "../../core/tensors/packed/codeCells";
import {
  type CodeRuns,
  type PackedWeight,
  type PackingHints,
  rowsOf,
} from "../../core/tensors/packed/packedWeight";
import { PackedWeights } from "../../core/tensors/packed/packedWeights";
import { asBeforeConversion } from "../../core/tensors/packed/rearranged";
import { readUnpacked } from "../../core/tensors/packed/unpackedTensor";
import type { Tensor } from "../../core/tensors/tensor";
import type { JobFiles } from "./jobFiles";
import type { JobControl, PackedPiece, PackedSide, PieceResult } from "./numbersJob";

/** What unpacked weights are. */
export const unpackedEncoding = encodingOf({ dtype: "F32" });

/** The last axis is unpacked at once; no model has one as long. */
const maxRowValues = 1 << 26;

/** Rows of a weight, and what they are measured with. */
interface MeasuredRows {
  readonly files: JobFiles;
  readonly weight: PackedWeight;
  readonly firstRow: number;
  readonly rows: number;
  readonly kernels: NumberKernels;
  readonly measurer: TensorMeasurer;
  readonly control: JobControl;
}

/**
 * Measures rows of a packed weight. All its reads are done when they are asked for: nothing else gets to the thread
 * before it is done.
 */
export async function unpackPiece(
  files: JobFiles,
  { stored, firstRow, rows, bytes, isWhole }: PackedPiece,
  hints: PackingHints,
  kernels: NumberKernels,
  control: JobControl,
): Promise<PieceResult> {
  let measurer = new TensorMeasurer(kernels, unpackedEncoding);
  const { readRange } = files;
  let failure: string | undefined;
  try {
    const weight = await weightOf({ stored, madeBy: { hints } }, files);
    const { pairs, runs, cells } = weight;
    const columns = Math.max(1, rowsOf(weight.shape).columns);
    const isCounted = cells !== undefined && areCounted(cells, columns, kernels);
    if (pairs !== undefined) measurer = new TensorMeasurer(kernels, pairsEncoding(pairs));
    else if (runs !== undefined) {
      const levels = Float32Array.from(await runs.levels(readRange));
      measurer = new TensorMeasurer(kernels, runsEncoding(levels));
    } else if (isCounted) measurer = new TensorMeasurer(kernels, cellsEncoding(cells));
    const step = cells === undefined ? 0 : rowsAtOnce(cells, columns, isCounted, kernels);
    const haveRoom = step > 0;
    if (pairs === undefined && runs === undefined && !haveRoom)
      measurer = new TensorMeasurer(kernels, unpackedEncoding);
    const part = { files, weight, firstRow, rows, kernels, measurer, control };
    if (pairs !== undefined) addPairs(part, pairs.blockBytes);
    else if (runs !== undefined) await addRuns(part, runs);
    else if (cells === undefined || !haveRoom) await addRows(part);
    else if (!(await addCells(part, cells, step, isCounted))) {
      measurer = new TensorMeasurer(kernels, unpackedEncoding);
      await addRows({ ...part, measurer });
    }
  } catch (error) {
    failure = messageOf(error);
  }
  control.addBytes(bytes);
  // Taken in any case: what was counted must not reach the next piece.
  const partial = measurer.take();
  if (failure !== undefined) return { failure };
  return isWhole ? { numbers: finishNumbers(partial, unpackedEncoding) } : { partial };
}

/** Codes and scales are counted as they are stored. */
function addPairs(
  { files, weight, firstRow, rows, kernels, measurer, control }: MeasuredRows,
  blockBytes: number,
): void {
  const { shape, stored } = weight;
  const perRow = rowsOf(shape).columns / (2 * blockBytes);
  const [codes, scales] = stored as [Tensor, Tensor];
  const [end, step] = [(firstRow + rows) * perRow, Math.floor(measurer.chunkBytes / blockBytes)];
  for (let at = firstRow * perRow; at < end && !control.isCancelled; at += step) {
    const blocks = Math.min(step, end - at);
    const failure =
      files.read(codes.fileIndex, codes.offset + blockBytes * at, kernels.chunk, blockBytes * blocks) ??
      files.read(scales.fileIndex, scales.offset + at, kernels.otherChunk, blocks);
    if (failure !== undefined) throw new RangeError(failure);
    measurer.add(blockBytes * blocks);
  }
}

async function addRuns(
  { files, weight, firstRow, rows, kernels, measurer, control }: MeasuredRows,
  { size, scales, plainScales }: CodeRuns,
): Promise<void> {
  const { shape, stored } = weight;
  const perRow = rowsOf(shape).columns / 64;
  const perScale = size / 64;
  const [codes] = stored as [Tensor];
  const [end, step] = [(firstRow + rows) * perRow, Math.floor(measurer.chunkBytes / 32)];
  for (let at = firstRow * perRow; at < end && !control.isCancelled; at += step) {
    const runs = Math.min(step, end - at);
    let failure: string | undefined;
    if (plainScales !== undefined && perScale === 1) {
      const { fileIndex, offset } = plainScales;
      failure = files.read(fileIndex, offset + 4 * at, kernels.otherChunk, 4 * runs);
    } else {
      const first = Math.floor(at / perScale);
      const found = await scales(first, Math.ceil((at + runs) / perScale) - first, files.readRange);
      const target = new Float32Array(kernels.otherChunk.buffer, kernels.otherChunk.byteOffset, runs);
      for (let run = 0; run < runs; run++)
        target[run] = found[Math.floor((at + run) / perScale) - first] as number;
    }
    failure ??= files.read(codes.fileIndex, codes.offset + 32 * at, kernels.chunk, 32 * runs);
    if (failure !== undefined) throw new RangeError(failure);
    measurer.add(32 * runs);
  }
}

/**
 * Codes are counted, or else the values are made where they are measured.
 * @param step rows that there is room for.
 * @returns false where nothing was measured, as the rows are no such cells after all.
 */
async function addCells(
  { files, weight, firstRow, rows, kernels, measurer, control }: MeasuredRows,
  cells: CodeCells,
  step: number,
  isCounted: boolean,
): Promise<boolean> {
  const columns = Math.max(1, rowsOf(weight.shape).columns);
  const { bandRows = 1 } = cells;
  const other = kernels.otherChunk;
  const codesIn = isCounted ? kernels.chunk : other.subarray(other.length / 2);
  const perRow = columns / cells.cellCodes;
  const quarter = (from: number, count: number) =>
    new Float32Array(other.buffer, other.byteOffset + from, count);
  for (let done = 0; done < rows && !control.isCancelled; ) {
    const first = firstRow + done;
    const most = Math.min(step, rows - done);
    const taken = isCounted ? wholeBands(first, most, bandRows) : most;
    const count = taken * perRow;
    const codes = codesIn.subarray(0, (taken * columns * cells.bits) / 8);
    const into = { codes, scales: quarter(0, count), offsets: quarter(other.length / 4, count) };
    if (!(await cells.fill(first, taken, into, files.readRange))) return false;
    if (isCounted) measurer.addCells(count, { rows: Math.min(taken, bandRows), perRow });
    else {
      kernels.expandCodes(cells, count);
      measurer.add(4 * taken * columns);
    }
    done += taken;
  }
  return true;
}

/** So many of `most` rows from the `first` on as are whole bands, or the rows of one band. */
function wholeBands(first: number, most: number, bandRows: number): number {
  const left = bandRows - (first % bandRows);
  if (left < bandRows || most < bandRows) return Math.min(left, most);
  return most - (most % bandRows);
}

/**
 * Whether counting the codes of cells tells their values sooner than making the values: always with 4 bits, and with
 * more where the codes that share their numbers are many times as many as there are codes.
 */
function areCounted(
  { bits, cellCodes, bandRows = 1 }: CodeCells,
  columns: number,
  { chunk }: NumberKernels,
): boolean {
  return bits === 4 || cellCodes * Math.min(bandRows, Math.floor(chunk.length / columns)) >= leastCounted;
}

const leastCounted = 2048;

/** Rows whose codes and numbers, or values, the kernels' memory holds; 0 where it holds none. */
function rowsAtOnce(
  { bits, cellCodes }: CodeCells,
  columns: number,
  isCounted: boolean,
  { chunk }: NumberKernels,
): number {
  const rowBytes = isCounted ? (columns * bits) / 8 : 4 * columns;
  const byBytes = Math.floor(chunk.length / rowBytes);
  return Math.min(byBytes, Math.floor(maxCells / (columns / cellCodes)));
}

/** A quarter of the other chunk holds as many numbers of F32. */
const maxCells = 0x4000;

/** A row may be longer than the kernels' memory, and is measured in parts then. */
async function addRows({
  files,
  weight,
  firstRow,
  rows,
  kernels,
  measurer,
  control,
}: MeasuredRows): Promise<void> {
  const { columns } = rowsOf(weight.shape);
  if (columns > maxRowValues) throw new RangeError(`A row of ${columns} values is too long to be unpacked.`);
  const room = Math.floor(measurer.chunkBytes / 4);
  const step = Math.max(1, Math.floor(room / Math.max(1, columns)));
  for (let done = 0; done < rows && !control.isCancelled; done += step) {
    const taken = Math.min(step, rows - done);
    const fits = taken * columns <= room;
    // Every platform that runs this is little-endian, as the kernels' memory is.
    const into = fits
      ? new Float32Array(kernels.chunk.buffer, kernels.chunk.byteOffset, taken * columns)
      : undefined;
    const values = await weight.readRows(firstRow + done, taken, files.readRange, undefined, into);
    if (into !== undefined && values === into) {
      measurer.add(4 * values.length);
      continue;
    }
    for (let at = 0; at < values.length; at += room) {
      const part = values.subarray(at, at + room);
      new Float32Array(kernels.chunk.buffer, kernels.chunk.byteOffset, part.length).set(part);
      measurer.add(4 * part.length);
    }
  }
}

/** The weight that is made of these codes and what belongs to them. @throws RangeError where they fit no more. */
async function weightOf(
  { stored, madeBy }: Pick<PackedSide, "stored" | "madeBy">,
  files: JobFiles,
): Promise<PackedWeight> {
  const codes = stored[0] as Tensor;
  const weight =
    "undone" in madeBy
      ? asBeforeConversion(codes, codes.name, madeBy.undone)?.packed
      : await new PackedWeights(stored, madeBy.hints).of(codes, files.readRange);
  if (weight === undefined) throw new RangeError("What lies beside the codes does not fit them any more.");
  return weight;
}

/** Reads a packed weight as F32. All its reads are done when they are asked for, as those of `unpackPiece`. */
export class UnpackedRead {
  private weight: PackedWeight | undefined;

  constructor(
    private readonly files: JobFiles,
    private readonly side: PackedSide,
  ) {}

  /** Fills `target` with whole values, and says why it failed. */
  async read(offset: number, target: Uint8Array, length: number): Promise<string | undefined> {
    try {
      this.weight ??= await weightOf(this.side, this.files);
      const own = target.subarray(0, length);
      const bytes = await readUnpacked(this.weight, offset, length, this.files.readRange, undefined, own);
      if (bytes.buffer !== own.buffer) own.set(bytes);
    } catch (error) {
      return messageOf(error);
    }
    return undefined;
  }
}
