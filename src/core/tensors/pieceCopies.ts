import { firstElement, lastElement, type PiecePlace, placeCount } from "./assembly";

/** Elements of one piece that a range of the tensor takes: read at once, and then put where they belong. */
export interface PieceCopy {
  /** Index of the piece. */
  readonly piece: number;
  /** First element to read, counted from the piece's own first. */
  readonly source: number;
  readonly count: number;
  /** For each run of elements that stay together: where it is in what was read, where it goes, how many they are. */
  readonly runs: readonly number[];
}

/** A piece as runs of elements that follow each other in the piece and in the tensor. */
class PieceRuns {
  readonly first: number;
  readonly last: number;
  /** Elements of a run. */
  readonly length: number;
  readonly count: number;
  /** Sizes of the axes that the runs are counted by, and the steps in the tensor that go with them. */
  private readonly sizes: readonly number[];
  private readonly steps: readonly number[];

  constructor(place: PiecePlace, shape: readonly number[]) {
    this.first = firstElement(place, shape);
    this.last = lastElement(place, shape);
    if (place.kind === "flat") {
      this.length = place.count;
      this.sizes = [];
      this.steps = [];
    } else {
      let axis = shape.length - 1;
      let length = axis < 0 ? 1 : (place.sizes[axis] as number);
      let step = axis < 0 ? 1 : (shape[axis] as number);
      // As long as an axis is taken whole, its runs follow each other.
      while (axis > 0 && place.sizes[axis] === shape[axis]) {
        axis--;
        length *= place.sizes[axis] as number;
        step *= shape[axis] as number;
      }
      this.length = length;
      this.sizes = place.sizes.slice(0, Math.max(0, axis));
      const steps: number[] = [];
      for (let outer = axis - 1; outer >= 0; outer--) {
        steps.unshift(step);
        step *= shape[outer] as number;
      }
      this.steps = steps;
    }
    this.count = this.length === 0 ? 0 : placeCount(place) / this.length;
  }

  /** Where in the tensor a run begins. */
  startOf(run: number): number {
    let at = this.first;
    let rest = run;
    for (let axis = this.sizes.length - 1; axis >= 0; axis--) {
      const size = this.sizes[axis] as number;
      at += (rest % size) * (this.steps[axis] as number);
      rest = Math.floor(rest / size);
    }
    return at;
  }

  /** The first run that ends behind an element. */
  runBehind(element: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.startOf(middle) + this.length > element) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Finds which pieces hold a range of a tensor. Made once for a tensor, and asked for each of its ranges. */
export class PieceMap {
  private readonly pieces: readonly PieceRuns[];
  /** The highest last element of a piece and all before it. */
  private readonly reach: Float64Array;

  /** @param places in the order of their first elements. */
  constructor(places: readonly PiecePlace[], shape: readonly number[]) {
    this.pieces = places.map((place) => new PieceRuns(place, shape));
    this.reach = new Float64Array(this.pieces.length);
    let highest = -1;
    for (const [at, { last }] of this.pieces.entries()) {
      highest = Math.max(highest, last);
      this.reach[at] = highest;
    }
  }

  /** What to take of each piece for elements `first` to `end` of the tensor. */
  copies(first: number, end: number): PieceCopy[] {
    const copies: PieceCopy[] = [];
    for (let at = this.firstReaching(first); at < this.pieces.length; at++) {
      const runs = this.pieces[at] as PieceRuns;
      if (runs.first >= end) break;
      if (runs.last < first) continue;
      const copy = copyOf(at, runs, first, end);
      if (copy !== undefined) copies.push(copy);
    }
    return copies;
  }

  private firstReaching(element: number): number {
    let low = 0;
    let high = this.reach.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.reach[middle] as number) >= element) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function copyOf(piece: number, pieceRuns: PieceRuns, first: number, end: number): PieceCopy | undefined {
  const runs: number[] = [];
  let source = 0;
  let count = 0;
  for (let run = pieceRuns.runBehind(first); run < pieceRuns.count; run++) {
    const start = pieceRuns.startOf(run);
    if (start >= end) break;
    const from = Math.max(start, first);
    const length = Math.min(start + pieceRuns.length, end) - from;
    if (count === 0) source = run * pieceRuns.length + (from - start);
    runs.push(count, from - first, length);
    count += length;
  }
  return count === 0 ? undefined : { piece, source, count, runs };
}

/** Every one of `count` elements is given, and none twice. */
export function fillRange(copies: readonly PieceCopy[], count: number, mayOverlap: boolean): boolean {
  if (copies.reduce((sum, copy) => sum + copy.count, 0) !== count) return false;
  if (!mayOverlap) return true;
  const taken = new Uint8Array(count);
  for (const { runs } of copies) {
    for (let run = 0; run < runs.length; run += 3) {
      const at = runs[run + 1] as number;
      taken.fill(1, at, at + (runs[run + 2] as number));
    }
  }
  return !taken.includes(0);
}

/** Below this a loop over the bytes is faster than making a view of them. */
const shortRunBytes = 48;

/** Puts what was read of a piece where it belongs; `at` is where the range begins in `target`. */
export function placeRuns(
  bytes: Uint8Array,
  { runs }: PieceCopy,
  elementBytes: number,
  target: Uint8Array,
  at = 0,
): void {
  for (let run = 0; run < runs.length; run += 3) {
    const from = (runs[run] as number) * elementBytes;
    const to = at + (runs[run + 1] as number) * elementBytes;
    const length = (runs[run + 2] as number) * elementBytes;
    if (length > shortRunBytes) target.set(bytes.subarray(from, from + length), to);
    else for (let byte = 0; byte < length; byte++) target[to + byte] = bytes[from + byte] as number;
  }
}
