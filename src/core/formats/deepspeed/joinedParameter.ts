import { elementCount, type Tensor } from "../../tensors/tensor";
import type { Partition } from "./partition";
import type { ZeroRank } from "./zeroRank";

/** One rank's file, opened or not. */
export interface LoadedRank {
  readonly rank: number;
  readonly fileIndex: number;
  readonly state: ZeroRank | undefined;
  /** Why there is no state. A clause without a full stop. */
  readonly absent?: string;
}

/** Shapes of parameters by name; what is joined of each: the 32-bit weights, or a moment of the optimizer. */
export interface JoinedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly group: number;
  readonly master: Tensor | undefined;
  readonly moments: ReadonlyMap<string, Tensor>;
}

/** The name of a moment in all that shows names: that of torch.distributed.checkpoint's flattened optimizers. */
export function momentName(parameter: string, key: string): string {
  return `optimizer.state.${parameter}.${key}`;
}

/** What a rank holds of a group: its 32-bit weights, or the moment of a key. */
export function partitionOf(
  { fileIndex, state, absent }: LoadedRank,
  group: number,
  key: string | undefined,
): Partition {
  if (state === undefined) return { fileIndex, tensor: undefined, absent: absent ?? "the file is missing" };
  const held = state.groups[group];
  const tensor = key === undefined ? held?.master : held?.moments.get(key);
  // A rank without elements keeps nothing of them; one that has some of it, or lacks the whole group, was cut.
  const holds = [held?.master, ...(held?.moments.values() ?? [])].some(
    (each) => elementCount(each?.shape ?? [0]) > 0,
  );
  return held === undefined || (tensor === undefined && holds)
    ? { fileIndex, tensor: undefined, absent: "the rank's file ends before it" }
    : { fileIndex, tensor };
}

/** The moments that any of the ranks keep for a group, in their order. */
export function momentKeys(ranks: readonly LoadedRank[], group: number): readonly string[] {
  const keys = ranks.flatMap(({ state }) => [...(state?.groups[group]?.moments.keys() ?? [])]);
  return [...new Set(keys)];
}

/** The dtype in which ranks keep their part; undefined where none holds any. */
export function dtypeOf(partitions: readonly Partition[]): string | undefined {
  const filled = partitions.find(({ tensor }) => tensor !== undefined && elementCount(tensor.shape) > 0);
  return (filled ?? partitions.find(({ tensor }) => tensor !== undefined))?.tensor?.dtype;
}
