import type { FileContent } from "../formats/format";
import type { Tensor } from "../tensors/tensor";
import { modelsInside } from "./modelsInside";

/**
 * The tensors of a training checkpoint's models, under their names in the model and in the order in which the model
 * declares them; of several models under their names in the file. Tensors that share memory are named once, as an
 * optimizer counts them. Empty where there is none.
 */
export function modelParameters(content: FileContent): readonly Tensor[] {
  const paths = modelsInside(content);
  const [first] = paths;
  if (first !== undefined && paths.length === 1) return inDeclaredOrder(content, `${first}.`);
  return paths.flatMap((path) =>
    inDeclaredOrder(content, `${path}.`).map((tensor) => ({ ...tensor, name: `${path}.${tensor.name}` })),
  );
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
    const place = placeOf(tensor);
    if (place !== undefined && seen.has(place)) continue;
    if (place !== undefined) seen.add(place);
    parameters.push({ ...tensor, name: tensor.name.slice(prefix.length) });
  }
  return parameters;
}

/** Tensors of one place are the same tensor, reached by two ways. Undefined where the file tells no place. */
export function placeOf({ layout, shape }: Tensor): string | undefined {
  if (layout === undefined || layout.storage.key === "") return undefined;
  return `${layout.storage.key} ${layout.storageOffset} ${shape.join(" ")}`;
}
