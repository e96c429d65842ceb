import { getOrMake } from "../lists/getOrMake";
import type { Tensor } from "../tensors/tensor";

/**
 * Tensors of one place are the same tensor, reached by two ways: of one file, one storage (which every file numbers
 * anew), and seen in it in one way: a transposed view is another tensor. Undefined where the file tells no place.
 */
export function placeOf(tensor: Tensor): string | undefined {
  const { layout, fileIndex } = tensor;
  if (layout === undefined || layout.storage.key === "") return undefined;
  return `${fileIndex} ${layout.storage.key} ${viewOf(tensor)}`;
}

function viewOf({ layout, shape, dtype }: Tensor): string {
  const view = [
    layout?.storageOffset,
    shape,
    layout?.strides.filter((_, axis) => shape[axis] !== 1),
    dtype,
    layout?.conjugate,
    layout?.negative,
  ];
  return view.join(" ");
}

/** Places that were come upon. Most storages have one view, which is not written out until there is a second. */
export class SeenPlaces {
  private readonly byFile = new Map<number, Map<string, Tensor | Set<string>>>();

  /** Whether the tensor's place is a new one; so is that of each tensor whose file tells none. */
  add(tensor: Tensor): boolean {
    const key = tensor.layout?.storage.key ?? "";
    if (key === "") return true;
    const storages = getOrMake(this.byFile, tensor.fileIndex, () => new Map<string, Tensor | Set<string>>());
    const known = storages.get(key);
    if (known === undefined) {
      storages.set(key, tensor);
      return true;
    }
    const views = known instanceof Set ? known : new Set([viewOf(known)]);
    storages.set(key, views);
    const view = viewOf(tensor);
    if (views.has(view)) return false;
    views.add(view);
    return true;
  }
}
