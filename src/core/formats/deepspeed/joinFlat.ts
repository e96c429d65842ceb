import type { Problem } from "../../problem/problem";
import { joinedTensor } from "../../tensors/joinedTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import { expertNames } from "./expertNames";
import {
  agreesWithFragment,
  type FlatBuffer,
  flatBuffer,
  flatPieces,
  fragmentPieces,
  isCutAlike,
} from "./flatBuffer";
import {
  dtypeOf,
  type JoinedParameter,
  type LoadedRank,
  momentKeys,
  momentName,
  partitionOf,
} from "./joinedParameter";
import type { ParameterShapes } from "./modelStates";
import { heldElements } from "./partition";
import { type FlatPlace, type WholeBuffer, wholeBuffer, wholePieces } from "./wholeBuffer";
import { partitionSize, type ZeroGroup } from "./zeroRank";

interface Placed extends FlatPlace {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The name under which Muon keeps its only state. */
const muonMomentum = "momentum_buffer";

/**
 * Joins the partitions of ZeRO-1 and 2, and of `BF16_Optimizer`: each group of parameters is one flat buffer, of which
 * every rank holds a part (runtime/zero/stage_1_and_2.py).
 * @param ranks all ranks that there should be, in order, with those whose file is missing
 */
export function joinFlat(
  ranks: readonly LoadedRank[],
  shapes: readonly ParameterShapes[],
  report: (problem: Problem) => void,
): JoinedParameter[] {
  return shapes.flatMap((group, index) => joinGroup(ranks, group, index, report));
}

function joinGroup(
  ranks: readonly LoadedRank[],
  shapes: ParameterShapes,
  group: number,
  report: (problem: Problem) => void,
): JoinedParameter[] {
  const count = ranks.find(({ state }) => state !== undefined)?.state?.groups[group]?.partitionCount;
  const replicas = count === undefined || count >= ranks.length ? 1 : Math.floor(ranks.length / count);
  if (replicas === 1) return joinAmong(byIntervals(ranks, group), shapes, group, report);
  // Experts: process r belongs to the expert-parallel rank r modulo their number, and each of those has experts of its own.
  return Array.from({ length: replicas }, (_, expertRank) => {
    const own = ranks.filter(({ rank }) => rank % replicas === expertRank);
    return joinAmong(own, expertNames(shapes, expertRank), group, report);
  }).flat();
}

/** The ranks once for each interval of the group's buffer: in each of them every rank has a part. */
function byIntervals(ranks: readonly LoadedRank[], group: number): readonly LoadedRank[] {
  const count = Math.max(0, ...ranks.map(({ state }) => state?.groups[group]?.later.length ?? 0));
  const intervals = Array.from({ length: count }, (_, at) =>
    ranks.map((rank): LoadedRank => {
      if (rank.state === undefined) return rank;
      const groups: ZeroGroup[] = [];
      const own = rank.state.groups[group]?.later[at];
      if (own !== undefined) groups[group] = own;
      return { ...rank, state: { ...rank.state, groups } };
    }),
  );
  return [...ranks, ...intervals.flat()];
}

function joinAmong(
  ranks: readonly LoadedRank[],
  shapes: ParameterShapes,
  group: number,
  report: (problem: Problem) => void,
): JoinedParameter[] {
  const parameters: Placed[] = [];
  let total = 0;
  for (const [name, shape] of shapes) {
    const count = elementCount(shape);
    parameters.push({ name, shape, offset: total, count });
    total += count;
  }
  const padded = paddedSize(ranks, group);
  const bufferOf = (key: string | undefined): FlatBuffer | undefined => {
    const partitions = ranks.map((rank) => partitionOf(rank, group, key));
    const dtype = dtypeOf(partitions);
    return dtype === undefined ? undefined : flatBuffer(dtype, partitions, total, padded);
  };
  const master = bufferOf(undefined);
  if (master !== undefined) reportSizes(master, total, group, report);
  const moments = momentKeys(ranks, group).flatMap((key) => {
    const buffer = bufferOf(key);
    if (buffer === undefined) return [];
    if (master === undefined || !master.isExpected || isCutAlike(master, buffer.partitions, total))
      return [[key, buffer] as const];
    const whole =
      key === muonMomentum ? wholeBuffer(master, buffer.dtype, buffer.partitions, parameters) : undefined;
    if (whole === undefined) reportOtherCut(key, group, report);
    return [[key, whole ?? buffer] as const];
  });
  const disagreeing =
    master === undefined ? new Set<string>() : findDisagreeing(master, ranks, group, parameters);
  const tensorOf = (buffer: FlatBuffer | WholeBuffer, name: string, placed: Placed): Tensor => {
    const { name: parameter, shape, offset, count } = placed;
    if (!("sizes" in buffer)) return joinedTensor(name, buffer.dtype, shape, wholePieces(buffer, placed));
    const own = disagreeing.has(parameter)
      ? fragmentPieces(
          buffer,
          ranks.map(({ state }) => state?.groups[group]?.fragments?.get(parameter)),
          count,
        )
      : undefined;
    return joinedTensor(name, buffer.dtype, shape, own ?? flatPieces(buffer, offset, count));
  };
  for (const name of disagreeing) {
    const message = `The ranks' own notes of where ${quote(name)} lies (param_slice_mappings) disagree with its place by the order of the parameters. The notes are followed where they give all of it.`;
    report({ severity: "warning", code: "FragmentMismatch", message, tensor: name });
  }
  return parameters.map((placed) => ({
    name: placed.name,
    shape: placed.shape,
    group,
    master: master === undefined ? undefined : tensorOf(master, placed.name, placed),
    moments: new Map(
      moments.map(([key, buffer]) => [key, tensorOf(buffer, momentName(placed.name, key), placed)]),
    ),
  }));
}

/** Elements of a partition with its padding, by the first rank that tells: the weights are saved without it. */
function paddedSize(ranks: readonly LoadedRank[], group: number): number | undefined {
  for (const { state } of ranks) {
    const held = state?.groups[group];
    if (state === undefined || held === undefined) continue;
    // Muon's momentum has no padding, and may be of other parameters' parts as well.
    const moment = [...held.moments].find(([key]) => held.padding === undefined || key !== muonMomentum)?.[1];
    const size = partitionSize(moment);
    if (size > 0 && !state.elastic) return size;
    const known = size > 0 ? size : partitionSize(held.master);
    if (held.padding === undefined) continue;
    // BF16_Optimizer, which names no stage, saves its weights with the padding.
    if (state.stage !== undefined) return known + held.padding;
  }
  return undefined;
}

function reportSizes(
  { partitions, sizes, isExpected }: FlatBuffer,
  total: number,
  group: number,
  report: (problem: Problem) => void,
): void {
  const held = partitions.map(heldElements);
  const known = held.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const missing = held.reduce<number>(
    (sum, size, rank) => sum + (size === undefined ? (sizes[rank] as number) : 0),
    0,
  );
  if (known + missing < total) {
    const message = `Group ${group}: the ranks hold ${formatCount(known)} values, the parameters have ${formatCount(total)}. The files may come from different saves.`;
    report({ severity: "error", code: "ShortPartitions", message });
  } else if (!isExpected) {
    const message = `Group ${group}: partitions of ${held
      .slice(0, 8)
      .map((size) => (size === undefined ? "?" : formatCount(size)))
      .join(
        ", ",
      )} values are none that DeepSpeed makes of ${formatCount(total)}. They are laid one behind the other; the values may belong to other parameters.`;
    report({ severity: "warning", code: "PartitionSizes", message });
  }
}

function reportOtherCut(key: string, group: number, report: (problem: Problem) => void): void {
  const message = `Group ${group}: the ranks hold another number of values of ${quote(key)} than of the weights. They are laid one behind the other; the values may belong to other parameters.`;
  report({ severity: "warning", code: "PartitionSizes", message });
}

/** Names of parameters that some rank's note places elsewhere. */
function findDisagreeing(
  buffer: FlatBuffer,
  ranks: readonly LoadedRank[],
  group: number,
  parameters: readonly Placed[],
): ReadonlySet<string> {
  const byName = new Map(parameters.map((placed) => [placed.name, placed]));
  const disagreeing = new Set<string>();
  for (const [at, { state }] of ranks.entries()) {
    for (const [name, fragment] of state?.groups[group]?.fragments ?? []) {
      const placed = byName.get(name);
      if (placed !== undefined && !agreesWithFragment(buffer, at, fragment, placed.offset, placed.count))
        disagreeing.add(name);
    }
  }
  return disagreeing;
}
