/**
 * Indices of the points to draw between `from` and `to`: each of `buckets` equal slices of the range keeps
 * its lowest and highest point, so a spike of one step survives any zoom, and one gap if it has any. The
 * points next to the range are kept too: lines enter and leave the picture where they should.
 * `x` ascends. Returns every index of the range when there are at most two per bucket.
 */
export function downsample(
  x: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  buckets: number,
): Uint32Array<ArrayBuffer> {
  const first = firstIndexFrom(x, from);
  const end = firstIndexBeyond(x, to);
  const kept: number[] = [];
  if (first > 0) kept.push(first - 1);
  if (end - first <= 2 * Math.max(1, buckets)) {
    for (let index = first; index < end; index++) kept.push(index);
  } else {
    keepExtremes(x, y, first, end, Math.max(1, Math.floor(buckets)), kept);
  }
  if (end < x.length) kept.push(end);
  return Uint32Array.from(kept);
}

function keepExtremes(
  x: Float64Array,
  y: Float64Array,
  first: number,
  end: number,
  buckets: number,
  kept: number[],
): void {
  const start = x[first] ?? 0;
  const perUnit = buckets / ((x[end - 1] ?? 0) - start);
  const bucketOf = (index: number) =>
    Math.min(buckets - 1, Math.floor(((x[index] ?? 0) - start) * perUnit) || 0);
  let at = first;
  while (at < end) {
    const bucket = bucketOf(at);
    const picked = new Set<number>();
    let lowest = -1;
    let highest = -1;
    let gap = -1;
    // The ends of the range hold the line's ends; elsewhere the extremes suffice.
    if (at === first) picked.add(at);
    for (; at < end && bucketOf(at) === bucket; at++) {
      const value = y[at] ?? Number.NaN;
      if (!Number.isFinite(value)) gap = gap < 0 ? at : gap;
      else {
        if (lowest < 0 || value < (y[lowest] ?? 0)) lowest = at;
        if (highest < 0 || value > (y[highest] ?? 0)) highest = at;
      }
    }
    if (at === end) picked.add(end - 1);
    for (const index of [lowest, highest, gap]) if (index >= 0) picked.add(index);
    kept.push(...[...picked].sort((a, b) => a - b));
  }
}

function firstIndexFrom(x: Float64Array, bound: number): number {
  return partition(x, (value) => value < bound);
}

function firstIndexBeyond(x: Float64Array, bound: number): number {
  return partition(x, (value) => value <= bound);
}

/** Number of leading points for which `holds`. */
function partition(x: Float64Array, holds: (value: number) => boolean): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(x[middle] ?? Number.NaN)) low = middle + 1;
    else high = middle;
  }
  return low;
}
