import { maxCollectedTensors } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { quote } from "../../text/quote";
import type { OpenedByName } from "../openFolderFiles";
import type { MergedModel } from "./mergeModelParts";
import { tensorsIn } from "./modelStates";
import type { ZeroFiles } from "./zeroFiles";

export interface ShownTensors {
  readonly tensors: readonly Tensor[];
  /** Those of them that are the model, each once: no moments, and no copies in another dtype. */
  readonly weights: readonly Tensor[];
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * All tensors that are shown of a save, each under a name of its own: 32-bit weights under the parameters' names,
 * moments below `optimizer.state`, weights in the dtype of training below `module` where there are 32-bit ones as well.
 */
export function shownTensors(
  { parameters, others, copies, aliases }: MergedModel,
  names: ZeroFiles,
  opened: OpenedByName,
  report: (problem: Problem) => void,
): ShownTensors {
  const shown = new Map<string, Tensor>();
  const weights: Tensor[] = [];
  const add = (tensor: Tensor, isWeight: boolean) => {
    if (shown.size >= maxCollectedTensors) return;
    if (shown.has(tensor.name)) {
      const message = `Tensor ${quote(tensor.name)} is in two files of the save; the first is shown.`;
      report({ severity: "warning", code: "DuplicateTensor", message, tensor: tensor.name });
      return;
    }
    shown.set(tensor.name, tensor);
    if (isWeight) weights.push(tensor);
  };
  for (const { master, moments } of parameters) {
    if (master !== undefined) add(master, true);
    for (const moment of moments.values()) add(moment, false);
  }
  for (const tensor of others) add(tensor, true);
  for (const tensor of copies) add(tensor, false);
  const inFiles = (name: string, prefix: string) => {
    const found = opened.get(name);
    const content = found?.file.parsed?.content;
    if (content === undefined) return [];
    return [...tensorsIn(content.root, content)].map(([key, tensor]) => ({
      ...tensor,
      name: prefix + key,
      fileIndex: found?.index ?? 0,
    }));
  };
  const partsOfLayers = new Set(names.layers.map(({ modelRank }) => modelRank)).size;
  const fromFiles = [
    ...names.layers.flatMap(({ name, layer, modelRank }) =>
      inFiles(
        name,
        partsOfLayers > 1 ? `mp_rank_${String(modelRank).padStart(2, "0")}.${layer}.` : `${layer}.`,
      ),
    ),
    ...names.experts.flatMap(({ name }) => inFiles(name, "")),
  ];
  for (const tensor of fromFiles) {
    if (shown.has(tensor.name)) add({ ...tensor, name: `module.${tensor.name}` }, false);
    else add(tensor, true);
  }
  // Where ZeRO is off, the optimizer's state lies beside the weights.
  for (const { name, modelRank } of names.optimizer.length === 0 ? names.model : []) {
    const found = opened.get(name);
    const part = names.model.length > 1 ? `mp_rank_${String(modelRank).padStart(2, "0")}.` : "";
    for (const tensor of found?.file.parsed?.tensors ?? []) {
      if (tensor.name.startsWith("optimizer."))
        add({ ...tensor, name: part + tensor.name, fileIndex: found?.index ?? 0 }, false);
    }
  }
  for (const [alias, kept] of aliases) {
    const tensor = shown.get(kept);
    if (tensor !== undefined && !shown.has(alias)) shown.set(alias, { ...tensor, name: alias });
  }
  return { tensors: [...shown.values()], weights, aliases };
}
