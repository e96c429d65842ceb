import type { Problem } from "../../problem/problem";
import { elementCount, formatShape, type Tensor } from "../../tensors/tensor";

/**
 * What one tensor should be by the configuration, [rows, columns] or [experts, …]. Tensor parallelism divides the matrices of the
 * layers, and may keep the whole embedding and head with every process.
 */
export interface Expectation {
  readonly tensor: Tensor;
  readonly shape: readonly number[];
  readonly part: "vocabulary" | "attention" | "feedForward";
}

const plainDtypes: ReadonlySet<string> = new Set(["F64", "F32", "F16", "BF16"]);

/** Whether the shape is that of the weight, which it is not for packed codes. */
export function isUnpacked({ dtype, shape }: Tensor): boolean {
  return plainDtypes.has(dtype) && shape.length === 2;
}

/** Nothing where the tensor is not there or packed, or the configuration does not say all sides. */
export function expectation(
  part: Expectation["part"],
  tensor: Tensor | undefined,
  sides: readonly (number | undefined)[],
): Expectation[] {
  if (tensor === undefined || !plainDtypes.has(tensor.dtype)) return [];
  const shape = sides.filter((side) => side !== undefined);
  return shape.length === tensor.shape.length ? [{ tensor, shape, part }] : [];
}

/**
 * One process's slice that was saved as the whole. Either all known matrices are the same fraction of what the
 * configuration says, or those of the layers are, attention and feed-forward, beside a whole embedding or head. One of
 * the two alone is also what a configuration with one wrong number looks like. Attention is evidence only where it is
 * such a fraction: several models have queries of other sizes.
 */
export function slicedWeights(expected: readonly Expectation[]): Problem | undefined {
  const firm = expected.filter(({ part }) => part !== "attention");
  const whole = firm.filter(({ tensor, shape }) => tensor.shape.every((size, axis) => size === shape[axis]));
  const cut = firm.filter((one) => !whole.includes(one));
  const [first] = cut;
  if (first === undefined) return undefined;
  const parts = elementCount(first.shape) / elementCount(first.tensor.shape);
  if (!Number.isInteger(parts) || parts < 2 || !cut.every((one) => isSlice(one, parts))) return undefined;
  const isAttentionCut = expected.some((one) => one.part === "attention" && isSlice(one, parts));
  const isTold =
    whole.length === 0 ? cut.length > 1 : isAttentionCut && whole.every(({ part }) => part === "vocabulary");
  if (!isTold) return undefined;
  const [kept] = whole;
  const beside =
    kept === undefined ? "" : `, as are the other matrices of the layers; ${kept.tensor.name} is whole`;
  const message = `The weights are the slice of one of ${parts} processes, saved as the whole: by config.json ${first.tensor.name} is ${formatShape(first.shape)}, here it is ${formatShape(first.tensor.shape)}, exactly 1/${parts}${beside}. The other slices were not saved here.`;
  return { severity: "error", code: "OneRankOnly", message, tensor: first.tensor.name };
}

/** One axis is divided, the others are whole. */
function isSlice({ tensor, shape }: Expectation, parts: number): boolean {
  const cut = shape.filter((side, axis) => tensor.shape[axis] !== side);
  return cut.length === 1 && shape.some((side, axis) => tensor.shape[axis] === side / parts);
}
