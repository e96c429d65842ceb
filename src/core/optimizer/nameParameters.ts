import { sameItems } from "../lists/sameItems";
import { isBuffer, isNamedAsBuffer } from "../tensors/buffers";
import { compareNames } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import { joinByName } from "./joinByName";
import { matchInOrder } from "./matchInOrder";
import { areOfLayers, matchLayers } from "./matchLayers";
import type { OptimizerParameter, OptimizerState } from "./optimizerState";
import { compareParameterNames } from "./parameterOrder";

type Named = Pick<Tensor, "name" | "shape" | "dtype">;

/**
 * Names the parameters of an optimizer from the tensors of the model or adapter beside it. The file numbers them
 * in the order of `named_parameters()`, group after group; names are sorted otherwise. So several orders and
 * several ways to split them into groups are tried, and one is taken only if it fits in every shape that is known, and
 * in number, or leaves no choice which tensors are buffers or frozen. Even then equal shapes may be swapped: such names are marked as inferred.
 * @param inModelOrder the tensors stand as the model declares them, and not sorted by name
 * @returns the same state where names are there already, or nothing fits.
 */
export function nameParameters(
  optimizer: OptimizerState,
  tensors: readonly Named[],
  inModelOrder: boolean,
): OptimizerState {
  // DeepSpeed joins parameters to flat tensors, whose length may be that of another by chance.
  if (optimizer.parameters.length === 0 || optimizer.path.endsWith("base_optimizer_state")) return optimizer;
  if (optimizer.parameters.some(({ name }) => name !== undefined)) return withDtypes(optimizer, tensors);
  const matched = firstDefined(candidatesOf(tensors), (candidates) =>
    areOfLayers(candidates)
      ? matchLayers(
          optimizer.parameters.map(({ shape }) => shape),
          candidates,
        )
      : inferNames(
          optimizer.parameters,
          optimizer.groups.length,
          ordersOf(candidates, inModelOrder),
          inModelOrder,
        ),
  );
  if (matched === undefined) return optimizer;
  const parameters = optimizer.parameters.map((parameter, at): OptimizerParameter => {
    const tensor = matched[at];
    return tensor === undefined
      ? parameter
      : { ...parameter, name: tensor.name, nameInferred: true, dtype: tensor.dtype };
  });
  return { ...optimizer, parameters };
}

/** What the names in the file say of the parameters' own dtypes. */
function withDtypes(optimizer: OptimizerState, tensors: readonly Named[]): OptimizerState {
  if (tensors.length === 0 || optimizer.parameters.every(({ dtype }) => dtype !== undefined))
    return optimizer;
  const joined = joinByName(optimizer.parameters, tensors);
  const parameters = optimizer.parameters.map((parameter, at): OptimizerParameter => {
    const dtype = joined[at]?.dtype;
    return parameter.dtype !== undefined || dtype === undefined ? parameter : { ...parameter, dtype };
  });
  return { ...optimizer, parameters };
}

/** What can be trained is tried first; parameters of whole numbers, as of quantisation-aware training, come after. */
function candidatesOf(tensors: readonly Named[]): readonly (readonly Named[])[] {
  const trainable = tensors.filter((tensor) => /^(?:F|BF|C)/.test(tensor.dtype) && !isBuffer(tensor));
  const all = tensors.filter((tensor) => !isNamedAsBuffer(tensor));
  return all.length > trainable.length ? [trainable, all] : [trainable];
}

function firstDefined<T, R>(values: readonly T[], of: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const result = of(value);
    if (result !== undefined) return result;
  }
  return undefined;
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
  inModelOrder: boolean,
): readonly Named[] | undefined {
  // At least one shape must speak for it.
  if (parameters.every(({ shape }) => shape === undefined)) return undefined;
  const splitNames = splits(groupCount);
  const all = orders.flatMap((ordered) => splitNames.map((split) => ({ ordered, split })));
  for (const { ordered, split } of all) {
    const found = ordered.length === parameters.length ? matchWhole(parameters, ordered, split) : undefined;
    if (found !== undefined) return found;
  }
  // Buffers and frozen parameters stand between: they are passed over where that leaves no choice.
  // Where the model's own order is known, another in which there happens to be no choice proves nothing.
  const trusted = inModelOrder ? all.filter(({ ordered }) => ordered === orders[0]) : all;
  for (const { ordered, split } of trusted) {
    const found = ordered.length > parameters.length ? matchSome(parameters, ordered, split) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

type Split = (tensor: Named) => number;

const together: Split = () => 0;

/** Trainers put what is decayed into the first group: all but biases and norms, or all of two axes and more. */
function splits(groupCount: number): readonly Split[] {
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

/** As many tensors as parameters: each must fit the one at its place. */
function matchWhole(
  parameters: readonly OptimizerParameter[],
  tensors: readonly Named[],
  split: Split,
): readonly Named[] | undefined {
  const arranged = [
    ...tensors.filter((tensor) => split(tensor) === 0),
    ...tensors.filter((tensor) => split(tensor) !== 0),
  ];
  const fits = parameters.every(
    ({ shape }, at) => shape === undefined || sameItems(shape, arranged[at]?.shape),
  );
  return fits ? arranged : undefined;
}

/** More tensors than parameters: the only way to pass over the rest, group by group. */
function matchSome(
  parameters: readonly OptimizerParameter[],
  tensors: readonly Named[],
  split: Split,
): readonly Named[] | undefined {
  const isFirst = ({ group }: OptimizerParameter) => split === together || group === 0;
  const matched: Named[] = [];
  for (const first of [true, false]) {
    const own = parameters.filter((parameter) => isFirst(parameter) === first);
    const given = tensors.filter((tensor) => (split(tensor) === 0) === first);
    const found =
      own.length === 0
        ? []
        : matchInOrder(
            own.map(({ shape }) => shape),
            given,
          );
    if (found === undefined) return undefined;
    matched.push(...found.map((at) => given[at] as Named));
  }
  return matched;
}
