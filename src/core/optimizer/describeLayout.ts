import { ForeignValue, type MapValue } from "../formats/contentValue";
import { mappingOf, numberOf, sequenceOf, stringOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { elementCount } from "../tensors/tensor";
import { formatCount, plural } from "../text/quantities";

/**
 * What an optimizer's file is where a library lays it out in a way of its own: DeepSpeed's partitions, Megatron's
 * ranks, torchtune's recipe. Undefined for torch's own.
 * @param path of the optimizer in the file
 */
export function describeLayout(content: FileContent, path: string): string | undefined {
  const root = mappingOf(content.root);
  if (root === undefined) return undefined;
  const deepSpeed = mappingOf(root.get("optimizer_state_dict"));
  if (deepSpeed !== undefined && isDeepSpeed(deepSpeed)) return deepSpeedText(content, deepSpeed);
  if (root.has("checkpoint_version") && root.has("iteration") && root.has("args")) return megatronText;
  if (root.has("epochs_run") && root.has("seed") && path === "optimizer") return torchtuneText;
  return undefined;
}

function isDeepSpeed(state: MapValue): boolean {
  return (
    state.has("partition_count") ||
    state.has("single_partition_of_fp32_groups") ||
    state.has("fp32_flat_groups")
  );
}

function deepSpeedText({ tensors }: FileContent, state: MapValue): string {
  const given = state.get("partition_count");
  const counts = (sequenceOf(given)?.map(numberOf) ?? [numberOf(given)]).map((count) => count ?? 0);
  const parts = Math.max(1, ...counts);
  const stage = stageOf(state);
  const flat =
    sequenceOf(state.get("single_partition_of_fp32_groups") ?? state.get("fp32_flat_groups")) ?? [];
  const values = flat.reduce<number>((sum, value) => sum + elementCount(tensors.get(value)?.shape ?? [0]), 0);
  const padding = (sequenceOf(state.get("group_paddings")) ?? []).reduce<number>(
    (sum, value) => sum + (numberOf(value) ?? 0),
    0,
  );
  const held =
    values === 0
      ? ""
      : ` It holds ${formatCount(values)} values in ${plural(flat.length, "group")}${padding > 0 ? `, and ${formatCount(padding)} of padding` : ""}.`;
  return (
    `One of ${plural(parts, "part")} of DeepSpeed's ${stage} optimizer: the parameters of a group are joined to one ` +
    `flat tensor and cut into as many parts as there are processes, so that no parameter can be named here.${held} ` +
    "zero_to_fp32.py, which lies beside the checkpoint, puts the weights together again."
  );
}

/** An enum of DeepSpeed, by number or by name as Python 3.11 writes it, or the number itself. */
function stageOf(state: MapValue): string {
  const value = state.get("zero_stage");
  const args = value instanceof ForeignValue ? value.madeFrom : [value];
  const stage = args.map((arg) => numberOf(arg) ?? stageNumbers.get(stringOf(arg) ?? "")).find(isNumber);
  return stage === undefined ? "ZeRO" : `ZeRO-${stage}`;
}

const stageNumbers = new Map([
  ["optimizer_states", 1],
  ["gradients", 2],
  ["weights", 3],
]);

function isNumber(value: number | undefined): value is number {
  return value !== undefined;
}

const megatronText =
  "Megatron-LM's optimizer, of one rank of the model: the other ranks lie in folders mp_rank_… beside this one. " +
  "With the distributed optimizer the moments are in distrib_optim.pt.";

const torchtuneText =
  "torchtune's recipe state: the optimizer as it was after the newest epoch. The weights are in the folders epoch_… " +
  "beside recipe_state.";
