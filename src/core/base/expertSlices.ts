import { isSingleExpert } from "../adapter/expertNames";
import { canonicalName } from "../names/canonicalName";
import { elementCount, type Tensor } from "../tensors/tensor";
import { isContiguous } from "../tensors/tensorLayout";

/** Experts of one layer in one tensor, as transformers keeps them since version 5. */
const fusedName = /^(.*\.experts)\.(gate_up_proj|down_proj)(?:\.weight)?$/;

/** Experts are cut out of at most so many tensors' worth of names. */
const maxSlices = 200_000;

/**
 * The tensors of snapshots, of which some keep the experts of a layer in one tensor and others each by itself: the
 * former's are then given as slices, named as the others name theirs. Slices lie in the file as they are, so that
 * they are compared like tensors of their own. Snapshots that agree are left as they are.
 */
export function withExpertSlices(
  sources: readonly (readonly Tensor[] | undefined)[],
): readonly (readonly Tensor[] | undefined)[] {
  const single = new Map<string, string>();
  for (const tensors of sources) {
    for (const { name, shape } of tensors ?? []) {
      if (name.endsWith(".weight") && isSingleExpert(name.slice(0, -".weight".length)))
        single.set(canonicalName(name), shape.join());
    }
  }
  if (single.size === 0) return sources;
  return sources.map((tensors) => tensors?.flatMap((tensor) => slicesOf(tensor, single) ?? tensor));
}

/** Undefined where the tensor holds no experts that another snapshot has one by one. */
function slicesOf(tensor: Tensor, single: ReadonlyMap<string, string>): readonly Tensor[] | undefined {
  const found = fusedName.exec(tensor.name);
  const [experts, rows, columns] = tensor.shape;
  if (found === null || tensor.shape.length !== 3 || !canBeSliced(tensor)) return undefined;
  const [, path = "", kind] = found;
  const parts = kind === "down_proj" ? ["down_proj"] : ["gate_proj", "up_proj"];
  if (experts === undefined || rows === undefined || columns === undefined) return undefined;
  if (rows % parts.length !== 0 || experts * parts.length > maxSlices) return undefined;
  const shape = [rows / parts.length, columns];
  const slices = Array.from({ length: experts }, (_, expert) =>
    parts.map((part, at) =>
      sliceOf(tensor, `${path}.${expert}.${part}.weight`, shape, expert * parts.length + at),
    ),
  ).flat();
  // Only where each is there, and of the shape that this has: others keep them transposed or interleaved.
  return slices.every(({ name }) => single.get(canonicalName(name)) === shape.join()) ? slices : undefined;
}

/** Slices of whole rows are bytes of the file without gaps. */
export function canBeSliced({ layout, assembly, packed, byteSize, shape }: Tensor): boolean {
  if (assembly !== undefined || packed !== undefined) return false;
  if (byteSize % Math.max(1, elementCount(shape)) !== 0) return false;
  return layout === undefined || (layout.sparse === undefined && isContiguous(shape, layout.strides));
}

/** @param index Which of the pieces of that shape, in the order of the file. */
export function sliceOf(tensor: Tensor, name: string, shape: readonly number[], index: number): Tensor {
  const count = elementCount(shape);
  const byteSize = (tensor.byteSize / elementCount(tensor.shape)) * count;
  const { layout } = tensor;
  return {
    ...tensor,
    name,
    shape,
    byteSize,
    offset: tensor.offset + index * byteSize,
    ...(layout === undefined
      ? {}
      : {
          layout: {
            ...layout,
            storageOffset: layout.storageOffset + index * count,
            elementShape: shape,
            strides: layout.strides.slice(1),
          },
        }),
  };
}
