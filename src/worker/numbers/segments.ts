import type { EncodingKey } from "../../core/analysis/numberEncoding";
import type { Extent } from "../../core/tensors/plainExtent";

/** What a tensor needs to be measured: bytes of one file. */
export interface WantedExtent extends Extent {
  /** Names the tensor among those that are measured together. */
  readonly index: number;
  readonly encoding: EncodingKey | undefined;
  readonly unitBytes: number;
  readonly padding: number;
}

/** Bytes that are read once, for all tensors that have them. */
export interface Segment extends Extent {
  readonly encoding: EncodingKey | undefined;
  readonly padding: number;
  /** In the order in which they were wanted. */
  readonly indexes: number[];
}

/** Views that overlap at more edges than this are read one by one: each edge costs every tensor across it a merge. */
const maxSegmentsOfOverlap = 256;

/**
 * Ranges of one file as segments that are each read once, in the order of the file. Tensors that share their bytes
 * (tied weights) share a segment; where some overlap (a view of a part), they are cut at each other's edges, and the
 * parts put together afterwards.
 * @param uncut leaves ranges whole, as hashing them in their order needs; what overlaps is then read again.
 */
export function planSegments(
  wanted: readonly WantedExtent[],
  { uncut }: { readonly uncut: boolean },
): Segment[] {
  const sorted = wanted.toSorted((a, b) => a.offset - b.offset || b.length - a.length);
  const segments: Segment[] = [];
  let cluster: WantedExtent[] = [];
  let clusterEnd = 0;
  const close = () => {
    segments.push(...segmentsOfCluster(cluster, uncut));
    cluster = [];
  };
  for (const each of sorted) {
    if (cluster.length > 0 && each.offset >= clusterEnd) close();
    cluster.push(each);
    clusterEnd = Math.max(clusterEnd, each.offset + each.length);
  }
  if (cluster.length > 0) close();
  return segments;
}

function segmentsOfCluster(cluster: readonly WantedExtent[], uncut: boolean): Segment[] {
  const whole = sharedSegments(cluster);
  if (whole.length === 1 || uncut) return whole;
  const [first] = cluster as [WantedExtent, ...WantedExtent[]];
  const sameValues = cluster.every(
    ({ encoding, offset, padding, unitBytes }) =>
      JSON.stringify(encoding) === JSON.stringify(first.encoding) &&
      padding === 0 &&
      (offset - first.offset) % unitBytes === 0,
  );
  const edges = [...new Set(cluster.flatMap(({ offset, length }) => [offset, offset + length]))].sort(
    (a, b) => a - b,
  );
  if (!sameValues || edges.length > maxSegmentsOfOverlap) return whole;
  return edges.slice(0, -1).flatMap((offset, at) => {
    const end = edges[at + 1] as number;
    const indexes = cluster
      .filter((each) => each.offset <= offset && end <= each.offset + each.length)
      .map(({ index }) => index);
    return indexes.length === 0
      ? []
      : [{ offset, length: end - offset, encoding: first.encoding, padding: 0, indexes }];
  });
}

/** Ranges as they are; those that are the same are one. */
function sharedSegments(cluster: readonly WantedExtent[]): Segment[] {
  const segments = new Map<string, Segment>();
  for (const { offset, length, encoding, padding, index } of cluster) {
    const key = `${offset}:${length}:${JSON.stringify(encoding)}:${padding}`;
    const segment = segments.get(key);
    if (segment === undefined) segments.set(key, { offset, length, encoding, padding, indexes: [index] });
    else segment.indexes.push(index);
  }
  return [...segments.values()];
}
