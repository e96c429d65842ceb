/** Several series as one table: a row for each position at which any of them has a value. */
export interface ValueRows {
  readonly x: Float64Array;
  /** Per series: the index of its value in each row, or -1. */
  readonly indices: readonly Int32Array[];
}

export function valueRows(positions: readonly Float64Array[]): ValueRows {
  const x = positions.reduce(union, new Float64Array());
  return { x, indices: positions.map((each) => indicesIn(x, each)) };
}

/** All positions of both, ascending, each once. */
function union(a: Float64Array, b: Float64Array): Float64Array {
  const merged = new Float64Array(a.length + b.length);
  let count = 0;
  let ofA = 0;
  let ofB = 0;
  while (ofA < a.length || ofB < b.length) {
    const next = Math.min(a[ofA] ?? Number.POSITIVE_INFINITY, b[ofB] ?? Number.POSITIVE_INFINITY);
    while (ofA < a.length && (a[ofA] ?? next) <= next) ofA++;
    while (ofB < b.length && (b[ofB] ?? next) <= next) ofB++;
    merged[count++] = next;
  }
  return merged.subarray(0, count);
}

function indicesIn(x: Float64Array, positions: Float64Array): Int32Array {
  const indices = new Int32Array(x.length).fill(-1);
  let at = 0;
  x.forEach((value, row) => {
    while (at < positions.length && (positions[at] ?? value) < value) at++;
    // Of several values at one position the last counts, as everywhere else.
    while (positions[at + 1] === value) at++;
    if (positions[at] === value) indices[row] = at;
  });
  return indices;
}

/** The row with the position nearest to `wanted`, or undefined of an empty table. */
export function rowAt({ x }: ValueRows, wanted: number): number | undefined {
  let nearest: number | undefined;
  let low = 0;
  let high = x.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const value = x[middle] ?? 0;
    if (nearest === undefined || Math.abs(value - wanted) < Math.abs((x[nearest] ?? 0) - wanted))
      nearest = middle;
    if (value < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return nearest;
}
