import { formatShape, type Tensor } from "../tensors/tensor";
import { type ContentValue, ForeignValue, MapValue } from "./contentValue";

/** Stands for a tensor that is put together, where a value of the checkpoint refers to it. */
class JoinedValue extends ForeignValue {
  readonly qualifiedName = "torch.Tensor";

  constructor(private readonly tensor: Tensor) {
    super();
  }

  override text(): string {
    return `tensor(${formatShape(this.tensor.shape)}, ${this.tensor.dtype})`;
  }
}

/** The weights as a state dict of a model. */
export function modelValue(weights: readonly Tensor[], tensors: Map<ContentValue, Tensor>): MapValue {
  const model = new MapValue();
  for (const tensor of weights) model.set(tensor.name, standIn(tensor, tensors));
  return model;
}

/** A value that stands for a tensor. */
export function standIn(tensor: Tensor, tensors: Map<ContentValue, Tensor>): ContentValue {
  const value = new JoinedValue(tensor);
  tensors.set(value, tensor);
  return value;
}
