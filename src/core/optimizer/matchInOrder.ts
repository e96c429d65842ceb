type Shape = readonly number[];

/**
 * Finds the only way to walk through `tensors` in their order and give each parameter one of its shape, passing over
 * what is no parameter: buffers and what is frozen. Undefined where there is no way, or more than one.
 * @param shapes of the parameters; undefined fits any
 * @returns for each parameter the index of its tensor
 */
export function matchInOrder(
  shapes: readonly (Shape | undefined)[],
  tensors: readonly { readonly shape: Shape }[],
): readonly number[] | undefined {
  const count = shapes.length;
  if (count === 0 || count > tensors.length) return undefined;
  const wanted = shapes.map((shape) => shape?.join(" "));
  const given = tensors.map(({ shape }) => shape.join(" "));
  // Each parameter as early as it can be, and as late: where the two are the same, there is no choice.
  const fits = (parameter: number, tensor: number) =>
    wanted[parameter] === undefined || wanted[parameter] === given[tensor];
  const earliest: number[] = [];
  for (let tensor = 0; tensor < given.length && earliest.length < count; tensor++) {
    if (fits(earliest.length, tensor)) earliest.push(tensor);
  }
  if (earliest.length < count) return undefined;
  let left = count - 1;
  for (let tensor = given.length - 1; tensor >= 0 && left >= 0; tensor--) {
    if (!fits(left, tensor)) continue;
    if (earliest[left] !== tensor) return undefined;
    left--;
  }
  return earliest;
}
