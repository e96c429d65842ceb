import type { Lineage } from "./lineage";

/** A lineage as rows from top to bottom, with lines in lanes at their left. */
export interface LineageLayout {
  /** The lane of each node, which is also its row. */
  readonly lanes: readonly number[];
  /** For each edge the lane that it goes down in, between the rows of its ends. */
  readonly edgeLanes: readonly number[];
  readonly laneCount: number;
}

/**
 * The first child goes on in the lane of its parent; every other line has a lane that nothing else is in from its
 * first row to its last, so that no line passes through a node that it does not lead to.
 */
export function layOutLineage({ nodes, edges }: Lineage): LineageLayout {
  const taken: { readonly from: number; readonly to: number }[][] = [];
  const isFree = (lane: number, from: number, to: number) =>
    (taken[lane] ?? []).every((span) => span.to <= from || span.from >= to);
  const take = (lane: number, from: number, to: number) => {
    const spans = taken[lane] ?? [];
    taken[lane] = spans;
    spans.push({ from, to });
  };
  const firstFree = (from: number, to: number) => {
    let lane = 0;
    while (!isFree(lane, from, to)) lane++;
    return lane;
  };
  const lanes: number[] = [];
  const edgeLanes = edges.map(() => 0);
  for (let row = 0; row < nodes.length; row++) {
    const incoming = edges.flatMap((edge, at) => (edge.to === row ? [{ ...edge, at }] : []));
    const main = incoming.find(({ role }) => role === "parent") ?? incoming[0];
    const own = main === undefined ? undefined : lanes[main.from];
    const lane =
      main === undefined
        ? firstFree(row - 0.5, row)
        : own !== undefined && isFree(own, main.from, row)
          ? own
          : firstFree(main.from, row);
    lanes[row] = lane;
    if (main === undefined) take(lane, row - 0.5, row);
    else {
      take(lane, main.from, row);
      edgeLanes[main.at] = lane;
    }
    for (const { at, from } of incoming) {
      if (at === main?.at) continue;
      const beside = firstFree(from, row);
      take(beside, from, row);
      edgeLanes[at] = beside;
    }
  }
  return { lanes, edgeLanes, laneCount: Math.max(1, taken.length) };
}

/** More than a chain: something has several parents or several children. */
export function isBranched({ nodes, edges }: Lineage): boolean {
  return nodes.some(
    (_, row) =>
      edges.filter(({ to }) => to === row).length > 1 || edges.filter(({ from }) => from === row).length > 1,
  );
}
