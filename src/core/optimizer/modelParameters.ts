import type { FileContent } from "../formats/format";
import { mappingOf } from "../formats/pickle/pickleView";
import type { Tensor } from "../tensors/tensor";

/** Keys under which people save a model beside its optimizer. */
export const modelKeys = ["model", "model_state_dict", "state_dict", "module", "net", "network"] as const;

/**
 * The model's tensors of a training checkpoint, under their names in the model and in the order in which the model
 * declares them. Tensors that share memory are named once, as an optimizer counts them. Empty where there is none.
 */
export function modelParameters(content: FileContent): readonly Tensor[] {
  const root = mappingOf(content.root);
  const key = modelKeys.find((candidate) => root?.has(candidate));
  return key === undefined ? [] : inDeclaredOrder(content, `${key}.`);
}

/** Tensors of a model, and whether they stand in the order in which it declares them. */
export interface ModelTensors {
  readonly tensors: readonly Tensor[];
  readonly inModelOrder: boolean;
}

/** The model in a file of weights or of everything; a state dict that torch saved keeps its order. */
export function modelIn({
  content,
  tensors,
}: {
  readonly content?: FileContent;
  readonly tensors: readonly Tensor[];
}): ModelTensors {
  if (content === undefined) return { tensors, inModelOrder: false };
  const inner = modelParameters(content);
  return { tensors: inner.length > 0 ? inner : inDeclaredOrder(content, ""), inModelOrder: true };
}

function inDeclaredOrder(content: FileContent, prefix: string): readonly Tensor[] {
  const seen = new Set<string>();
  const parameters: Tensor[] = [];
  for (const tensor of content.tensors.values()) {
    if (!tensor.name.startsWith(prefix)) continue;
    const { layout } = tensor;
    const place = `${layout?.storage.key} ${layout?.storageOffset} ${tensor.shape.join(" ")}`;
    if (layout !== undefined && layout.storage.key !== "" && seen.has(place)) continue;
    seen.add(place);
    parameters.push({ ...tensor, name: tensor.name.slice(prefix.length) });
  }
  return parameters;
}
