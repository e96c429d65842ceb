import { decodeBlocks } from "../tensors/ggmlBlocks";
import type { CodeKind } from "../tensors/packed/codeCells";
import type { PairValues } from "../tensors/packed/packedWeight";
import type { NumberEncoding } from "./numberEncoding";
import {
  type CellBands,
  type CodeCounts,
  type Moments,
  mergeCounts,
  mergeMoments,
  type NumberKernels,
  noMoments,
} from "./numberKernels";
import { numbersOfPairs } from "./pairCounts";
import { valuesOfCells, valuesOfRuns } from "./plainKernels";
import type { ValueHistogram } from "./tensorNumbers";
import { histogramBins, histogramOf } from "./valueHistogram";

/**
 * What is known of some of a tensor's values, so that those of all can be put together: plain data, small beside
 * what it tells of.
 */
export interface PartialNumbers {
  /** Codes of the dtype where those are counted, else the upper bits of the values as floats. */
  readonly counts: CodeCounts;
  /** Set where codes do not tell everything. */
  readonly moments?: Moments;
  /** Of values that were all in memory at once, where counted codes are too coarse for it. */
  readonly histogram?: ValueHistogram;
}

/**
 * The upper bits of values tell them apart by a hundredth of their size. Where all lie closer together than by half of
 * that size, as the weights of a norm do around 1, a histogram of them would show nothing.
 */
const narrowRange = 0.5;

/** The numbers of two parts of a tensor together. Counts stay exact; moments depend on the order by rounding. */
export function mergePartial(a: PartialNumbers, b: PartialNumbers): PartialNumbers {
  const counts = mergeCounts(a.counts, b.counts);
  if (a.moments === undefined || b.moments === undefined) return { counts };
  return { counts, moments: mergeMoments(a.moments, b.moments) };
}

/** Measures a tensor, or a part of one, that comes chunk by chunk in the kernels' memory. */
export class TensorMeasurer {
  private moments: Moments = noMoments;
  private chunks = 0;
  /** Of the values of the only chunk. */
  private histogram: (() => ValueHistogram) | undefined;
  /** Of codes that share bytes. */
  private readonly extra: Float64Array;

  constructor(
    private readonly kernels: NumberKernels,
    private readonly encoding: NumberEncoding,
  ) {
    this.extra = new Float64Array(isPacked(encoding) ? (encoding.codes?.values.length ?? 0) : 0);
  }

  /** The largest chunk that `add` takes: the kernels' memory holds it, and it ends where a value does. */
  get chunkBytes(): number {
    const { unitBytes, method, valuesPerUnit = 1 } = this.encoding;
    // Decoded values take more memory than what they are decoded from.
    const { length } = this.kernels.chunk;
    const room = method === "decoded" ? (length * unitBytes) / (8 * valuesPerUnit) : length;
    return Math.floor(room / unitBytes) * unitBytes;
  }

  /**
   * Measures the first `length` bytes of the kernels' memory, a multiple of the encoding's unit. The last codes of
   * the last byte are left out where `padding` says so. The bytes may be gone when more are added.
   */
  add(length: number, padding = 0): void {
    const { kernels, encoding } = this;
    this.chunks++;
    switch (encoding.method) {
      case "bytes":
        kernels.countBytes(length);
        if (padding > 0) this.dropPadding(kernels.chunk[length - 1] as number, padding);
        break;
      case "words":
        kernels.countWords(length);
        break;
      case "six-bits":
        this.countSixBits(length);
        break;
      case "f32":
        this.addMoments(kernels.measureF32(length / 4), (chunk) => (at) => chunk.getFloat32(4 * at, true));
        break;
      case "f64":
        this.addMoments(kernels.measureF64(length / 8), getFloat64);
        break;
      case "decoded":
        this.measureDecoded(length);
        break;
      case "blocks":
        this.measureBlocks(length);
        break;
      case "runs":
        this.measureRuns(length / encoding.unitBytes);
        break;
      case "cells":
        this.measureCells(encoding.cells as CodeKind, length / encoding.unitBytes);
        break;
      case "pairs":
        kernels.countPairs(
          length / encoding.unitBytes,
          encoding.areScalesApart === true,
          encoding.pairs?.blockBytes,
        );
        break;
    }
  }

  /** Measures cells of codes in the kernels' memory, of which rows below each other share their numbers. */
  addCells(cells: number, bands: CellBands): void {
    this.chunks++;
    this.measureCells(this.encoding.cells as CodeKind, cells, bands);
  }

  /** What was measured since the last call. The bytes of an only chunk are still there. */
  take(): PartialNumbers {
    const { kernels, encoding, extra } = this;
    switch (encoding.method) {
      case "bytes": {
        const counts = kernels.takeCounts(8);
        if (!isPacked(encoding)) return { counts };
        this.unpack(counts);
        return { counts: takeDense(extra) };
      }
      case "words":
        return { counts: kernels.takeCounts(16) };
      case "six-bits":
        return { counts: takeDense(extra) };
      case "f32":
      case "blocks":
      case "runs":
      case "cells":
        return { counts: kernels.takeCounts(16), ...this.takeMoments() };
      case "pairs":
        return numbersOfPairs(kernels.takeCounts(20), encoding.pairs as PairValues);
      default:
        return { counts: kernels.takeCounts(20), ...this.takeMoments() };
    }
  }

  /** @param valuesIn gives the values that were measured, which the chunk still holds. */
  private addMoments(
    moments: Moments,
    valuesIn: (chunk: DataView<ArrayBuffer>) => (at: number) => number,
  ): void {
    this.moments = mergeMoments(this.moments, moments);
    this.histogram = undefined;
    const { min, max, count, nan, inf } = moments;
    const isNarrow = max - min < narrowRange * Math.max(Math.abs(min), Math.abs(max));
    if (this.chunks > 1 || !isNarrow) return;
    const { buffer, byteOffset } = this.kernels.chunk;
    const values = function* () {
      const valueAt = valuesIn(new DataView(buffer, byteOffset));
      for (let at = 0; at < count + nan + inf; at++) yield valueAt(at);
    };
    this.histogram = () => histogramOf(values(), min, max, count, histogramBins);
  }

  private takeMoments(): { moments: Moments; histogram?: ValueHistogram } {
    const { moments } = this;
    const histogram = this.histogram?.();
    this.moments = noMoments;
    this.histogram = undefined;
    this.chunks = 0;
    return histogram === undefined ? { moments } : { moments, histogram };
  }

  private measureBlocks(length: number): void {
    const { kernels, encoding } = this;
    const { unitBytes, valuesPerUnit = 1, dtype = "" } = encoding;
    const blocks = length / unitBytes;
    this.addMoments(kernels.measureBlocks(dtype, blocks), (chunk) => {
      const values = decodeBlocks(
        new Uint8Array(chunk.buffer, chunk.byteOffset),
        dtype,
        blocks * valuesPerUnit,
      );
      return (at) => values[at] as number;
    });
  }

  private measureRuns(runs: number): void {
    const { kernels, encoding } = this;
    const levels = encoding.levels as Float32Array;
    this.addMoments(kernels.measureRuns(levels, runs), () => {
      const values = valuesOfRuns(kernels, levels, runs);
      return (at) => values[at] as number;
    });
  }

  private measureCells(kind: CodeKind, cells: number, bands?: CellBands): void {
    const { kernels } = this;
    this.addMoments(kernels.measureCells(kind, cells, bands), () => {
      const values = valuesOfCells(kernels, kind, kernels.chunk, cells);
      return (at) => values[at] as number;
    });
  }

  private measureDecoded(length: number): void {
    const { kernels, encoding } = this;
    const { unitBytes, valuesPerUnit = 1 } = encoding;
    let count = (length / unitBytes) * valuesPerUnit;
    if (encoding.stored !== undefined) kernels.widen(encoding.stored, "chunk", count);
    else {
      const values = encoding.decode?.(kernels.chunk.subarray(0, length), count);
      if (values === undefined) return;
      // The codes that fill the last byte are no values.
      count = values.length;
      // Every platform that runs this is little-endian, as the kernels' memory is.
      new Float64Array(kernels.chunk.buffer, kernels.chunk.byteOffset, count).set(values);
    }
    this.addMoments(kernels.measureF64(count), getFloat64);
  }

  private countSixBits(length: number): void {
    const { extra } = this;
    const { chunk } = this.kernels;
    const count = (code: number) => {
      extra[code] = (extra[code] as number) + 1;
    };
    for (let at = 0; at + 2 < length; at += 3) {
      const bits =
        (chunk[at] as number) | ((chunk[at + 1] as number) << 8) | ((chunk[at + 2] as number) << 16);
      count(bits & 63);
      count((bits >>> 6) & 63);
      count((bits >>> 12) & 63);
      count(bits >>> 18);
    }
  }

  private unpack({ codes, counts }: CodeCounts): void {
    for (const [at, byte] of codes.entries()) this.addPacked(byte, counts[at] as number, 0);
  }

  private dropPadding(byte: number, padding: number): void {
    this.addPacked(byte, -1, (this.encoding.codesPerByte ?? 1) - padding);
  }

  private addPacked(byte: number, count: number, firstCode: number): void {
    const { codesPerByte = 1 } = this.encoding;
    const bits = 8 / codesPerByte;
    for (let index = firstCode; index < codesPerByte; index++) {
      const code = (byte >>> (index * bits)) & (2 ** bits - 1);
      this.extra[code] = (this.extra[code] as number) + count;
    }
  }
}

function getFloat64(chunk: DataView): (at: number) => number {
  return (at) => chunk.getFloat64(8 * at, true);
}

function isPacked({ method, codesPerByte = 1 }: NumberEncoding): boolean {
  return method === "six-bits" || codesPerByte > 1;
}

function takeDense(table: Float64Array): CodeCounts {
  const codes = [...table.keys()].filter((code) => table[code] !== 0);
  const counts = Float64Array.from(codes, (code) => table[code] as number);
  table.fill(0);
  return { codes: Uint32Array.from(codes), counts };
}
