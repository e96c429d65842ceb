import { compareNames } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import type { OptimizerParameter, OptimizerState } from "./optimizerState";
import { compareParameterNames } from "./parameterOrder";

type Named = Pick<Tensor, "name" | "shape" | "dtype">;

/**
 * Names the parameters of an optimizer from the tensors of the model or adapter beside it. The file numbers them
 * in the order of `named_parameters()`, group after group; names are sorted otherwise. So several orders and
 * several ways to split them into groups are tried, and one is taken only if it fits in number and in every shape
 * that is known. Even then equal shapes may be swapped: such names are marked as inferred.
 * @param inModelOrder the tensors stand as the model declares them, and not sorted by name
 * @returns the same state where names are there already, or nothing fits.
 */
export function nameParameters(
  optimizer: OptimizerState,
  tensors: readonly Named[],
  inModelOrder: boolean,
): OptimizerState {
  if (optimizer.parameters.length === 0 || optimizer.parameters.some(({ name }) => name !== undefined)) {
    return optimizer;
  }
  const orders = ordersOf(tensors.filter(isTrainable), inModelOrder);
  const names = inferNames(optimizer.parameters, optimizer.groups.length, orders);
  if (names === undefined) return optimizer;
  const parameters = optimizer.parameters.map((parameter, at): OptimizerParameter => {
    const name = names[at];
    return name === undefined ? parameter : { ...parameter, name, nameInferred: true };
  });
  return { ...optimizer, parameters };
}

/** Buffers are in a state dict as well, but not in an optimizer. */
function isTrainable({ name, dtype }: Named): boolean {
  return (
    /^(?:F|BF)/.test(dtype) &&
    !/(?:^|\.)(?:running_mean|running_var|num_batches_tracked|inv_freq)$/.test(name)
  );
}

/** The likeliest first. */
function ordersOf(tensors: readonly Named[], inModelOrder: boolean): readonly (readonly Named[])[] {
  const canonical = [...tensors].sort((a, b) => compareParameterNames(a.name, b.name));
  const natural = [...tensors].sort((a, b) => compareNames(a.name, b.name, "."));
  return inModelOrder ? [tensors, canonical, natural] : [canonical, natural];
}

function inferNames(
  parameters: readonly OptimizerParameter[],
  groupCount: number,
  orders: readonly (readonly Named[])[],
): readonly string[] | undefined {
  for (const ordered of orders) {
    if (ordered.length !== parameters.length) return undefined;
    for (const split of splits(groupCount)) {
      const arranged = arrange(ordered, split);
      if (fits(parameters, arranged)) return arranged.map(({ name }) => name);
    }
  }
  return undefined;
}

type Split = (tensor: Named) => number;

/** Trainers put what is decayed into the first group: all but biases and norms, or all of two axes and more. */
function splits(groupCount: number): readonly Split[] {
  const together: Split = () => 0;
  if (groupCount < 2) return [together];
  return [
    together,
    ({ name }) => (/(?:^|\.)bias$|layer_?norm|rmsnorm|(?:^|[._])(?:norm|ln)(?:_?\w*)\./i.test(name) ? 1 : 0),
    ({ shape }) => (shape.length >= 2 ? 0 : 1),
    ({ name }) => (/(?:^|\.)bias$/.test(name) ? 1 : 0),
    // The other way round: what is not decayed comes first.
    ({ shape }) => (shape.length >= 2 ? 1 : 0),
    // LoRA+ gives B a learning rate of its own.
    ({ name }) => (/lora_B|lora_embedding_B/.test(name) ? 1 : 0),
  ];
}

function arrange(tensors: readonly Named[], split: Split): readonly Named[] {
  return [
    ...tensors.filter((tensor) => split(tensor) === 0),
    ...tensors.filter((tensor) => split(tensor) !== 0),
  ];
}

/** At least one shape must speak for it, and none against. */
function fits(parameters: readonly OptimizerParameter[], tensors: readonly Named[]): boolean {
  let known = 0;
  for (const [at, { shape }] of parameters.entries()) {
    if (shape === undefined) continue;
    const tensor = tensors[at];
    if (tensor === undefined || tensor.shape.length !== shape.length) return false;
    if (!tensor.shape.every((size, axis) => size === shape[axis])) return false;
    known++;
  }
  return known > 0;
}

/** What a parameter is called in lists. */
export function parameterLabel({ name, index }: OptimizerParameter): string {
  return name ?? `parameter ${index}`;
}
