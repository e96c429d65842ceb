import type { Tensor } from "../../tensors/tensor";
import type { TensorStorage } from "../../tensors/tensorLayout";

/** Which tensors of one checkpoint are the same view of the same memory. */
export class TiedTensors {
  private readonly groups = new Map<Tensor, readonly Tensor[]>();

  constructor(tensors: readonly Tensor[]) {
    const byStorage = new Map<TensorStorage, Tensor[]>();
    for (const tensor of tensors) {
      const storage = tensor.layout?.storage;
      if (storage === undefined || tensor.layout?.sparse !== undefined) continue;
      const group = byStorage.get(storage);
      if (group === undefined) byStorage.set(storage, [tensor]);
      else group.push(tensor);
    }
    for (const sharing of byStorage.values()) {
      if (sharing.length > 1) this.addGroups(sharing);
    }
  }

  /** Those that are tied with this one, which is among them; none where it is not tied. */
  with(tensor: Tensor): readonly Tensor[] {
    return this.groups.get(tensor) ?? [];
  }

  /** Of the views of one storage those that show the same of it. */
  private addGroups(sharing: readonly Tensor[]): void {
    const byView = new Map<string, Tensor[]>();
    for (const tensor of sharing) {
      const view = viewOf(tensor);
      const group = byView.get(view);
      if (group === undefined) byView.set(view, [tensor]);
      else group.push(tensor);
    }
    for (const group of byView.values()) {
      if (group.length > 1) for (const tensor of group) this.groups.set(tensor, group);
    }
  }
}

function viewOf({ dtype, shape, layout }: Tensor): string {
  return [dtype, shape, layout?.storageOffset, layout?.strides, layout?.conjugate, layout?.negative].join(
    " ",
  );
}
