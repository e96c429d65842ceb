import { columnsOfExpert, isFusedExperts } from "../../adapter/expertColumns";
import { expertParts, isSingleExpert } from "../../adapter/expertNames";
import type { LoraModule } from "../../adapter/loraModule";
import { canonicalName } from "../../names/canonicalName";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { isContiguous } from "../../tensors/tensorLayout";

/** Of PEFT's fused B every expert reads all rows, so that more would be read in the square of their number. */
const maxFusedExperts = 64;
const maxModules = 100_000;

/**
 * The modules of adapters, of which some hold the updates of a layer's experts in one module and others one for each
 * expert: the former's are then taken apart and named as the others name theirs, so that they are compared one by
 * one. Adapters that agree are left as they are.
 */
export function withSingleExperts(
  adapters: readonly (readonly LoraModule[] | undefined)[],
): readonly (readonly LoraModule[] | undefined)[] {
  const single = new Map<string, string>();
  for (const modules of adapters) {
    for (const { module, outFeatures, inFeatures } of modules ?? []) {
      if (isSingleExpert(module)) single.set(canonicalName(module), `${outFeatures} × ${inFeatures}`);
    }
  }
  if (single.size === 0) return adapters;
  return adapters.map((modules) => {
    const found = modules?.flatMap((module) => takenApart(module, single) ?? module);
    return found?.length === modules?.length ? modules : found;
  });
}

/** Undefined where the module holds no experts that another adapter has one by one. */
function takenApart(
  module: LoraModule,
  single: ReadonlyMap<string, string>,
): readonly LoraModule[] | undefined {
  const { path, parts } = expertParts(module.module) ?? {};
  const count = module.experts?.count;
  if (path === undefined || parts === undefined || count === undefined) return undefined;
  if (module.outFeatures % parts.length !== 0 || count * parts.length > maxModules) return undefined;
  if (isFusedExperts(module.experts) && count > maxFusedExperts) return undefined;
  const outFeatures = module.outFeatures / parts.length;
  const found = Array.from({ length: count }, (_, expert) =>
    parts.map((part, at) =>
      expertModule(module, `${path}.${expert}.${part}_proj`, expert, at * outFeatures, outFeatures),
    ),
  ).flat();
  const isKnown = (each: LoraModule | undefined): each is LoraModule =>
    each !== undefined &&
    single.get(canonicalName(each.module)) === `${each.outFeatures} × ${each.inFeatures}`;
  const known = found.filter(isKnown);
  return known.length > 0 && found.every((each) => each !== undefined) ? (found as LoraModule[]) : undefined;
}

function expertModule(
  { experts, ...whole }: LoraModule,
  name: string,
  expert: number,
  firstRow: number,
  outFeatures: number,
): LoraModule | undefined {
  const { a, b, rank, inFeatures } = whole;
  const count = experts?.count ?? 1;
  const about = { ...whole, module: name, outFeatures };
  const one = (tensor: Tensor, shape: readonly number[]) =>
    region(tensor, shape, tensor.shape[0] === 1 ? 0 : expert * elementCount(shape));
  if (experts?.order === "grouped") {
    // B lies as [r, out], of which a part of the outputs is no run of bytes.
    if (outFeatures !== whole.outFeatures) return undefined;
    const [ownA, ownB] = [one(a, [inFeatures, rank]), one(b, [rank, outFeatures])];
    return ownA && ownB && { ...about, layout: "mlx", a: ownA, b: ownB };
  }
  const ownA = one(a, [rank, inFeatures]);
  if (experts !== undefined && isFusedExperts(experts)) {
    const ownB = region(b, [outFeatures, rank * count], firstRow * rank * count);
    const slice = { part: "", rowOfA: 0, rowOfB: 0, columnsOfB: columnsOfExpert(experts, rank, expert) };
    return ownA && ownB && { ...about, layout: "slice", a: ownA, b: ownB, slice };
  }
  const first = (b.shape[0] === 1 ? 0 : expert) * whole.outFeatures + firstRow;
  const ownB = region(b, [outFeatures, rank], first * rank);
  return ownA && ownB && { ...about, layout: "linear", a: ownA, b: ownB };
}

/** Values that follow each other in a tensor, as a tensor; undefined where its bytes do not lie in this order. */
function region(tensor: Tensor, shape: readonly number[], first: number): Tensor | undefined {
  const { layout, assembly, packed } = tensor;
  if (assembly !== undefined || packed !== undefined || layout?.sparse !== undefined) return undefined;
  if (layout !== undefined && !isContiguous(tensor.shape, layout.strides)) return undefined;
  const valueSize = tensor.byteSize / elementCount(tensor.shape);
  const byteSize = valueSize * elementCount(shape);
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  return {
    ...tensor,
    shape,
    byteSize,
    offset: tensor.offset + first * valueSize,
    ...(layout === undefined
      ? {}
      : {
          layout: { ...layout, storageOffset: layout.storageOffset + first, elementShape: shape, strides },
        }),
  };
}
