import { elementCount, type Tensor } from "../../tensors/tensor";
import { type ContentValue, FloatValue, ListValue, MapValue } from "../contentValue";
import { mappingOf, sequenceOf } from "../contentView";
import type { FileContent } from "../format";
import { modelValue, standIn } from "../joinedValue";
import type { JoinedParameter, LoadedRank } from "./joinedParameter";

/** Keys of the model's states that are shown as tensors, or that say only how those lie. */
const shownOtherwise: ReadonlySet<string> = new Set([
  "module",
  "optimizer",
  "param_shapes",
  "frozen_param_shapes",
  "frozen_param_fragments",
  "shared_params",
  "buffer_names",
]);

/** What the files hold beside the weights, as one value: an optimizer whose state is that of whole parameters. */
export function trainingContent(
  model: FileContent | undefined,
  modelFile: number,
  weights: readonly Tensor[],
  parameters: readonly JoinedParameter[],
  ranks: readonly LoadedRank[],
): FileContent {
  const root = new MapValue();
  const tensors = new Map<ContentValue, Tensor>();
  root.set("model", modelValue(weights, tensors));
  for (const [key, value] of mappingOf(model?.root)?.entries() ?? []) {
    if (typeof key !== "string" || !shownOtherwise.has(key)) root.set(key, value);
  }
  for (const [value, tensor] of model?.tensors ?? []) tensors.set(value, { ...tensor, fileIndex: modelFile });
  const first = ranks.find(({ state }) => state !== undefined);
  const beside = model && mappingOf(mappingOf(model.root)?.get("optimizer"));
  if (ranks.length === 0 && beside !== undefined) {
    root.set("optimizer", beside);
  } else if (first?.state !== undefined) {
    const state = new MapValue();
    for (const { name, group, moments } of parameters) {
      if (moments.size === 0) continue;
      const held = new MapValue();
      for (const [key, scalar] of first.state.groups[group]?.scalars ?? []) {
        if (typeof scalar === "number")
          held.set(key, Number.isInteger(scalar) ? scalar : new FloatValue(scalar));
        else if (elementCount(scalar.shape) === 1)
          held.set(key, standIn({ ...scalar, fileIndex: first.fileIndex }, tensors));
      }
      for (const [key, tensor] of moments) held.set(key, standIn(tensor, tensors));
      state.set(name, held);
    }
    const optimizer = new MapValue();
    optimizer.set("state", state);
    optimizer.set("param_groups", new ListValue(groupsOf(first, parameters)));
    root.set("optimizer", optimizer);
  }
  return { root, tensors, ...(model?.describe === undefined ? {} : { describe: model.describe }) };
}

/** The optimizer's groups, with the names of the parameters in place of the flat buffers' numbers. */
function groupsOf({ state }: LoadedRank, parameters: readonly JoinedParameter[]): ContentValue[] {
  const settings = state?.settings ?? [];
  const names = new Map<number, string[]>();
  for (const { name, group } of parameters) names.set(group, [...(names.get(group) ?? []), name]);
  if (settings.length === 0) {
    return [...names.values()].map((own) => groupOf(undefined, own));
  }
  return settings.map((group) => {
    const numbers = sequenceOf(group.get("params")) ?? [];
    return groupOf(
      group,
      numbers.flatMap((number) => (typeof number === "number" ? (names.get(number) ?? []) : [])),
    );
  });
}

function groupOf(settings: MapValue | undefined, names: readonly string[]): MapValue {
  const group = new MapValue();
  for (const [key, value] of settings?.entries() ?? []) if (key !== "params") group.set(key, value);
  group.set("params", new ListValue([...names]));
  return group;
}
