import { elementCount, type Tensor } from "../../tensors/tensor";
import { type ContentValue, ForeignValue, ListValue, MapValue } from "../contentValue";
import { mappingOf, membersOf, numberOf, sequenceOf, stringOf } from "../contentView";
import type { FileContent } from "../format";

/** One partition of one group of parameters, as a rank holds it. */
export interface ZeroGroup {
  /** The 32-bit weights; undefined where the rank holds none. */
  readonly master: Tensor | undefined;
  /** State of the optimizer that is partitioned as the weights are: `exp_avg` and its like. */
  readonly moments: ReadonlyMap<string, Tensor>;
  /** State that is one value for all of the group: `step`. */
  readonly scalars: ReadonlyMap<string, number | Tensor>;
  /** Elements at the end that are only there to make partitions alike; undefined where the file does not say. */
  readonly padding: number | undefined;
  /** Processes that the group is partitioned over; undefined where the file does not say. */
  readonly partitionCount: number | undefined;
  /** Where parameters lie in this partition, by name, as newer versions say. */
  readonly fragments: ReadonlyMap<string, Fragment> | undefined;
  /** The rank's partitions of the buffer's later intervals: stage 1 before 0.3.16 cut a buffer more than once. */
  readonly later: readonly ZeroGroup[];
}

export interface Fragment {
  readonly start: number;
  readonly count: number;
}

/** The optimizer state of one rank. */
export interface ZeroRank {
  /** Undefined where the file does not say: then it is `BF16_Optimizer`, which partitions as stage 1 does. */
  readonly stage: number | undefined;
  readonly groups: readonly ZeroGroup[];
  /** Processes that the state is partitioned over; of groups with different numbers the largest. */
  readonly partitionCount: number | undefined;
  /** Settings of the optimizer's groups, such as `lr`; each names the states that it is for in `params`. */
  readonly settings: readonly MapValue[];
  /** Moments were saved without padding. */
  readonly elastic: boolean;
  readonly version: string | undefined;
}

/** Reads what a rank's `optim_states.pt` holds. Undefined where it is no state of ZeRO. */
export function readZeroRank(content: FileContent): ZeroRank | undefined {
  const root = mappingOf(content.root);
  const state = mappingOf(root?.get("optimizer_state_dict"));
  if (state === undefined) return undefined;
  const intervals = sequenceOf(state.get("local_sub_partitions_of_fp32_groups"));
  if (intervals !== undefined) return subPartitions(intervals, state, content);
  const isPartitioned = state.has("fp32_flat_groups");
  const masters =
    sequenceOf(state.get(isPartitioned ? "fp32_flat_groups" : "single_partition_of_fp32_groups")) ?? [];
  if (masters.length === 0 && !state.has("zero_stage") && !state.has("partition_count")) return undefined;
  const inner = state.get(isPartitioned ? "optimizer_state_dict" : "base_optimizer_state");
  const elastic = mappingOf(inner) === undefined && sequenceOf(inner) !== undefined;
  const states = statesOf(inner);
  const paddings = sequenceOf(state.get("group_paddings"));
  const slices = sequenceOf(state.get("param_slice_mappings"));
  // Experts of AutoEP are partitioned over other processes than the rest.
  const own = sequenceOf(state.get("ds_zero_partition_groups"));
  return {
    stage: stageOf(state.get("zero_stage")) ?? (isPartitioned ? 3 : undefined),
    groups: masters.map((master, group) => ({
      master: tensorIn(master, content),
      ...splitState(mappingOf(states(group)), content),
      padding: countOf(paddings?.[group]),
      partitionCount:
        countOf(mappingOf(own?.[group])?.get("partition_count")) ??
        partitionCountOf(state.get("partition_count"), group),
      fragments: fragmentsOf(mappingOf(slices?.[group])),
      later: [],
    })),
    partitionCount: largestCount(state.get("partition_count")),
    settings:
      sequenceOf(mappingOf(inner)?.get("param_groups"))?.flatMap((group) => mappingOf(group) ?? []) ?? [],
    elastic,
    version: stringOf(state.get("ds_version")) ?? stringOf(root?.get("ds_version")),
  };
}

/**
 * Stage 1 before 0.3.16 (runtime/zero/stage1.py): a group's buffer is cut into intervals, and each interval into a part
 * for every rank. States are numbered through all parts of all groups, or where elastic in lists as the parts are.
 */
function subPartitions(
  masters: readonly ContentValue[],
  state: MapValue,
  content: FileContent,
): ZeroRank | undefined {
  const inner = state.get("base_optimizer_state");
  const states = statesOf(inner);
  const isElastic = mappingOf(inner) === undefined;
  let number = 0;
  const groups = masters.map((parts, group): ZeroGroup => {
    const own = sequenceOf(states(group));
    const [first = nothing, ...later] = (sequenceOf(parts) ?? []).map((master, interval) => ({
      ...nothing,
      master: tensorIn(master, content),
      ...splitState(mappingOf(isElastic ? own?.[interval] : states(number++)), content),
    }));
    return { ...first, later };
  });
  const settings = sequenceOf(mappingOf(inner)?.get("param_groups")) ?? [];
  return {
    stage: 1,
    groups,
    partitionCount: largestCount(state.get("partition_count")),
    settings: settings.map((each, group) => {
      const ofGroup = new MapValue();
      for (const [key, value] of mappingOf(each)?.entries() ?? []) ofGroup.set(key, value);
      ofGroup.set("params", new ListValue([group]));
      return ofGroup;
    }),
    elastic: isElastic,
    version: beforeStage1And2,
  };
}

/** The version of those that zero_to_fp32.py never read. */
export const beforeStage1And2 = "before 0.3.16";

const nothing: ZeroGroup = {
  master: undefined,
  moments: new Map(),
  scalars: new Map(),
  padding: undefined,
  partitionCount: undefined,
  fragments: undefined,
  later: [],
};

/** A state dict of torch keeps states by number; an elastic checkpoint keeps a list of them. */
function statesOf(inner: ContentValue | undefined): (group: number) => ContentValue | undefined {
  const dict = mappingOf(inner);
  if (dict === undefined) {
    const list = sequenceOf(inner);
    return (group) => list?.[group];
  }
  const byNumber = mappingOf(dict.get("state"));
  return (group) => byNumber?.get(group);
}

function splitState(
  state: MapValue | undefined,
  content: FileContent,
): Pick<ZeroGroup, "moments" | "scalars"> {
  const moments = new Map<string, Tensor>();
  const scalars = new Map<string, number | Tensor>();
  for (const [key, value] of state?.entries() ?? []) {
    if (typeof key !== "string") continue;
    const tensor = tensorIn(value, content);
    const number = numberOf(value);
    // A step counts as a tensor of no axes, or of one element.
    if (tensor !== undefined && key !== "step" && tensor.shape.length > 0) moments.set(key, tensor);
    else if (tensor !== undefined) scalars.set(key, tensor);
    else if (number !== undefined) scalars.set(key, number);
  }
  return { moments, scalars };
}

function tensorIn(value: ContentValue | undefined, content: FileContent): Tensor | undefined {
  return value === undefined || value === null ? undefined : content.tensors.get(value);
}

const stageNames = ["disabled", "optimizer_states", "gradients", "weights"];

/** A number, or a member of `ZeroStageEnum`: pickled by its value or, by Python 3.11, by its name. */
function stageOf(value: ContentValue | undefined): number | undefined {
  const number = countOf(value);
  if (number !== undefined) return number;
  for (const part of value instanceof ForeignValue ? value.madeFrom : []) {
    const given = countOf(part);
    if (given !== undefined) return given;
    const named = typeof part === "string" ? stageNames.indexOf(part) : -1;
    if (named >= 0) return named;
  }
  return undefined;
}

/** One count for all groups in old versions, a list in newer ones: experts have a count of their own. */
function partitionCountOf(value: ContentValue | undefined, group: number): number | undefined {
  const list = sequenceOf(value);
  const count = countOf(list === undefined ? value : list[group]);
  return count === 0 ? undefined : count;
}

function largestCount(value: ContentValue | undefined): number | undefined {
  const counts = (sequenceOf(value) ?? [value]).map((each) => countOf(each) ?? 0);
  const largest = Math.max(0, ...counts);
  return largest === 0 ? undefined : largest;
}

function fragmentsOf(dict: MapValue | undefined): ReadonlyMap<string, Fragment> | undefined {
  if (dict === undefined) return undefined;
  const fragments = new Map<string, Fragment>();
  for (const [name, value] of dict.entries()) {
    const attributes = membersOf(value);
    const start = countOf(attributes?.get("start"));
    const count = countOf(attributes?.get("numel"));
    if (typeof name === "string" && start !== undefined && count !== undefined)
      fragments.set(name, { start, count });
  }
  return fragments;
}

function countOf(value: ContentValue | undefined): number | undefined {
  const number = typeof value === "boolean" ? undefined : numberOf(value);
  return number !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** Elements of a partition; none where the rank holds none. */
export function partitionSize(tensor: Tensor | undefined): number {
  return tensor === undefined ? 0 : elementCount(tensor.shape);
}
