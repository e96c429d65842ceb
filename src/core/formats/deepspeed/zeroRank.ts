import { elementCount, type Tensor } from "../../tensors/tensor";
import { type ContentValue, ForeignValue, type MapValue } from "../contentValue";
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
    })),
    partitionCount: largestCount(state.get("partition_count")),
    settings:
      sequenceOf(mappingOf(inner)?.get("param_groups"))?.flatMap((group) => mappingOf(group) ?? []) ?? [],
    elastic,
    version: stringOf(state.get("ds_version")) ?? stringOf(root?.get("ds_version")),
  };
}

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

/** A tensor, or the only one in a list: stage 1 of old kept a list of parts for each group. */
function tensorIn(value: ContentValue | undefined, content: FileContent): Tensor | undefined {
  if (value === undefined || value === null) return undefined;
  const tensor = content.tensors.get(value);
  if (tensor !== undefined) return tensor;
  const items = sequenceOf(value);
  return items?.length === 1 ? content.tensors.get(items[0] as ContentValue) : undefined;
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
