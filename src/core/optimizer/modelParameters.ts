import type { FileContent } from "../formats/format";
import type { Tensor } from "../tensors/tensor";
import { type ModelInside, ownModels } from "./modelsInside";
import { SeenPlaces } from "./tensorPlaces";

/**
 * The tensors of a training checkpoint's models, under their names in the model and in the order in which the model
 * declares them; of several models under their names in the file. Tensors that share memory are named once, as an
 * optimizer counts them. Empty where there is none.
 */
export function modelParameters(content: FileContent): readonly Tensor[] {
  const models = ownModels(content);
  return models.flatMap((model) => named(model, models.length === 1 ? "" : model.path));
}

function named({ tensors }: ModelInside, prefix: string): readonly Tensor[] {
  return tensors.map(({ name, tensor }) => {
    const full = prefix === "" ? name : name === "" ? prefix : `${prefix}.${name}`;
    return { ...tensor, name: full };
  });
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
  const declared = inner.length > 0 ? inner : inDeclaredOrder(content);
  // A program that was frozen has its weights among its constants, and none in its module.
  return declared.length > 0 ? { tensors: declared, inModelOrder: true } : { tensors, inModelOrder: false };
}

function inDeclaredOrder(content: FileContent): readonly Tensor[] {
  const seen = new SeenPlaces();
  return [...content.tensors.values()].filter((tensor) => seen.add(tensor));
}
