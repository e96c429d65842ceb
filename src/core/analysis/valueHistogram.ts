import type { CodeCounts } from "./numberKernels";
import type { ValueHistogram } from "./tensorNumbers";

/** Bins of a histogram: more than a chart of a few hundred pixels shows, and 1 KB. */
export const histogramBins = 128;

/** Values with how often each is there, ascending. */
export interface ValueCounts {
  readonly values: Float64Array;
  readonly counts: Float64Array;
  /** Sum of `counts`. */
  readonly total: number;
}

/** The exact histogram of values in ascending order; bins as NumPy makes them. */
export function valueHistogram({ values, counts, total }: ValueCounts, bins: number): ValueHistogram {
  const from = values[0] as number;
  const to = values[values.length - 1] as number;
  if (from === to) return { from, to, counts: Float64Array.of(total) };
  const edges = edgesOf(from, to, bins);
  const result = new Float64Array(bins);
  let bin = 0;
  for (const [at, value] of values.entries()) {
    while (bin < bins - 1 && value >= (edges[bin + 1] as number)) bin++;
    result[bin] = (result[bin] as number) + (counts[at] as number);
  }
  return { from, to, counts: result };
}

/** The exact histogram of values in any order, of which `count` are finite and lie from `min` to `max`. */
export function histogramOf(
  values: Iterable<number>,
  min: number,
  max: number,
  count: number,
  bins: number,
): ValueHistogram {
  if (min === max) return { from: min, to: max, counts: Float64Array.of(count) };
  const edges = edgesOf(min, max, bins);
  const step = max / bins - min / bins;
  const result = new Float64Array(bins);
  for (const value of values) {
    if (value - value !== 0) continue;
    let bin = Math.max(0, Math.min(bins - 1, Math.floor((value - min) / step)));
    // The quotient may be rounded over an edge.
    if (value < (edges[bin] as number)) bin--;
    else if (bin < bins - 1 && value >= (edges[bin + 1] as number)) bin++;
    result[bin] = (result[bin] as number) + 1;
  }
  return { from: min, to: max, counts: result };
}

/**
 * The histogram of floats of which only the upper bits were counted: with 7 (F32) or 8 (F64) bits of the mantissa a
 * bucket is under a hundredth as wide as its values are large. Where an edge cuts a bucket, its values are taken to lie evenly in it.
 */
export function bucketHistogram(
  { codes, counts }: CodeCounts,
  codeBits: 16 | 20,
  { min, max, count }: { readonly min: number; readonly max: number; readonly count: number },
  bins: number,
): ValueHistogram {
  if (min === max) return { from: min, to: max, counts: Float64Array.of(count) };
  const edges = edgesOf(min, max, bins);
  const result = new Float64Array(bins);
  const half = 2 ** (codeBits - 1);
  const magnitude = codeBits === 16 ? magnitudeOfF32 : magnitudeOfF64;
  let [bin, before, placed] = [0, 0, 0];
  /** Closes the bins that end before `end`, where `added` values lie evenly from `start` to `end`. */
  const advance = (start: number, end: number, added: number) => {
    while (bin < bins - 1 && (edges[bin + 1] as number) <= end) {
      const edge = edges[bin + 1] as number;
      // All of a bucket without width lie on its one place, which no bin ends before.
      const share = end > start ? Math.max(0, (edge - start) / (end - start)) : 0;
      // Rounded so that whole values are counted, of which none is lost.
      const upTo = Math.round(before + added * Math.min(1, share));
      result[bin++] = upTo - placed;
      placed = upTo;
    }
    before += added;
  };
  const clip = (value: number) => Math.min(max, Math.max(min, value));
  for (let at = codes.length - 1; at >= 0; at--) {
    const code = (codes[at] as number) - half;
    if (code < 0) break;
    if (Number.isFinite(magnitude(code))) {
      advance(clip(-magnitude(code + 1)), clip(-magnitude(code)), counts[at] as number);
    }
  }
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] as number;
    if (code >= half) break;
    if (Number.isFinite(magnitude(code))) {
      advance(clip(magnitude(code)), clip(magnitude(code + 1)), counts[at] as number);
    }
  }
  result[bin] = before - placed;
  return { from: min, to: max, counts: result };
}

/** Of halves, because the difference of two doubles can be infinite. */
function edgesOf(from: number, to: number, bins: number): Float64Array {
  const step = to / bins - from / bins;
  return Float64Array.from({ length: bins + 1 }, (_, index) => (index === bins ? to : from + index * step));
}

const scratch = new DataView(new ArrayBuffer(8));

/** The least magnitude of the F32 values whose upper bits, without the sign, are these. */
function magnitudeOfF32(code: number): number {
  scratch.setUint32(0, code * 2 ** 16);
  return scratch.getFloat32(0);
}

function magnitudeOfF64(code: number): number {
  scratch.setUint32(0, code * 2 ** 12);
  scratch.setUint32(4, 0);
  return scratch.getFloat64(0);
}
