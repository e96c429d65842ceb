import { matchNames } from "../names/matchNames";
import { withoutWrappers } from "../names/nameRule";
import type { Tensor } from "../tensors/tensor";
import type { OptimizerParameter } from "./optimizerState";

/**
 * The tensor of each named parameter among those of the model beside it, whatever wrapper, nesting or adapter's name
 * one of the two was saved with; undefined for parameters without a name and for those that are not there.
 */
export function joinByName<T extends Pick<Tensor, "name" | "shape">>(
  parameters: readonly OptimizerParameter[],
  tensors: readonly T[],
): readonly (T | undefined)[] {
  const named = parameters.flatMap(({ name, shape }, at) =>
    name === undefined ? [] : [{ at, name, shape }],
  );
  const known = tensors.map(({ name, shape }) => ({ name: withoutWrappers(name), shape: shape.join() }));
  const shapes = new Map(known.map(({ name, shape }) => [name, shape]));
  const { matches } = matchNames(
    named.map(({ name, shape }) => {
      const plain = withoutWrappers(name);
      // Without a shape of its own a name decides alone.
      return { name: plain, shape: shape?.join() ?? shapes.get(plain) ?? "" };
    }),
    known,
  );
  const found = new Array<T | undefined>(parameters.length).fill(undefined);
  for (const [index, { at }] of named.entries()) {
    const match = matches[index];
    found[at] = match === undefined ? undefined : tensors[match];
  }
  return found;
}
