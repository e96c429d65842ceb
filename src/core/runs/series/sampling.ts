import { firstIndexAtStep } from "./mergeParts";

/**
 * A line as a picture of limited width shows it: for each slice of the visible range that holds points,
 * between which values the line runs and where it leaves the slice. Columns of equal length, in the order of
 * x.
 */
export interface Envelope {
  /** Of the last point in the slice. */
  readonly x: Float64Array<ArrayBuffer>;
  /** Lowest and highest finite value: a spike of one point is here at any zoom. NaN where none is finite. */
  readonly min: Float64Array<ArrayBuffer>;
  readonly max: Float64Array<ArrayBuffer>;
  /** Of the first and the last point, NaN where that is not finite: the line breaks there. */
  readonly first: Float64Array<ArrayBuffer>;
  readonly last: Float64Array<ArrayBuffer>;
  /** Points in the slice. */
  readonly count: Uint32Array<ArrayBuffer>;
  /** Of these, how many are NaN or infinite. */
  readonly notFinite: Uint32Array<ArrayBuffer>;
  /** Every slice holds one point: the line is shown as it is. */
  readonly exact: boolean;
  /** Points in the range, however many are shown. */
  readonly points: number;
}

/**
 * Cuts the range from `from` to `to` into `slices` of equal width. The points next to the range on either
 * side are slices of their own, so that lines enter and leave the picture where they should. Where no more
 * points than slices lie in the range each point is its own slice. `x` ascends.
 */
export function sampleEnvelope(
  x: Float64Array,
  y: Float64Array,
  from: number,
  to: number,
  slices: number,
): Envelope {
  const begin = firstIndexAtStep(x, from);
  const end = firstIndexBeyond(x, to);
  const points = Math.max(0, end - begin);
  const width = Math.max(1, Math.floor(slices));
  const exact = points <= width;
  const builder = new EnvelopeBuilder(x, y, Math.min(points, width) + 2);
  if (begin > 0) builder.add(begin - 1, begin);
  if (exact) for (let index = begin; index < end; index++) builder.add(index, index + 1);
  else addSlices(builder, x, begin, end, from, to, width);
  if (end < x.length) builder.add(end, end + 1);
  return builder.finish(exact, points);
}

function addSlices(
  builder: EnvelopeBuilder,
  x: Float64Array,
  begin: number,
  end: number,
  from: number,
  to: number,
  width: number,
): void {
  // An open range is as wide as its points.
  const low = Math.max(from, x[begin] as number);
  const high = Math.min(to, x[end - 1] as number);
  const sliceWidth = (high - low) / width;
  let start = begin;
  for (let slice = 1; slice <= width && start < end; slice++) {
    const bound = slice === width ? Number.POSITIVE_INFINITY : low + slice * sliceWidth;
    let next = start;
    while (next < end && (x[next] as number) < bound) next++;
    if (next > start) builder.add(start, next);
    start = next;
  }
}

class EnvelopeBuilder {
  private length = 0;
  private readonly x: Float64Array<ArrayBuffer>;
  private readonly min: Float64Array<ArrayBuffer>;
  private readonly max: Float64Array<ArrayBuffer>;
  private readonly first: Float64Array<ArrayBuffer>;
  private readonly last: Float64Array<ArrayBuffer>;
  private readonly count: Uint32Array<ArrayBuffer>;
  private readonly notFinite: Uint32Array<ArrayBuffer>;

  constructor(
    private readonly sourceX: Float64Array,
    private readonly sourceY: Float64Array,
    capacity: number,
  ) {
    this.x = new Float64Array(capacity);
    this.min = new Float64Array(capacity);
    this.max = new Float64Array(capacity);
    this.first = new Float64Array(capacity);
    this.last = new Float64Array(capacity);
    this.count = new Uint32Array(capacity);
    this.notFinite = new Uint32Array(capacity);
  }

  /** The points from `start` up to `end` are one slice. */
  add(start: number, end: number): void {
    const y = this.sourceY;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    let notFinite = 0;
    for (let index = start; index < end; index++) {
      const value = y[index] as number;
      if (!Number.isFinite(value)) {
        notFinite++;
        continue;
      }
      if (value < min) min = value;
      if (value > max) max = value;
    }
    const at = this.length++;
    const none = min > max;
    this.x[at] = this.sourceX[end - 1] as number;
    this.min[at] = none ? Number.NaN : min;
    this.max[at] = none ? Number.NaN : max;
    this.first[at] = finiteOrNaN(y[start]);
    this.last[at] = finiteOrNaN(y[end - 1]);
    this.count[at] = end - start;
    this.notFinite[at] = notFinite;
  }

  finish(exact: boolean, points: number): Envelope {
    const cut = <T extends Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(column: T) =>
      column.slice(0, this.length) as T;
    return {
      x: cut(this.x),
      min: cut(this.min),
      max: cut(this.max),
      first: cut(this.first),
      last: cut(this.last),
      count: cut(this.count),
      notFinite: cut(this.notFinite),
      exact,
      points,
    };
  }
}

export function finiteOrNaN(value = Number.NaN): number {
  return Number.isFinite(value) ? value : Number.NaN;
}

function firstIndexBeyond(x: Float64Array, bound: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((x[middle] as number) <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
