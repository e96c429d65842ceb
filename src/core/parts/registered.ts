/** The number of an object that a training registered with accelerate; undefined for another file. */
export function numberOfRegistered(name: string): number | undefined {
  const found = /^custom_checkpoint_(\d+)\.pkl$/.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Saves are numbered from 0: the first that is not here though a later one is. */
export function missingRegistered(files: readonly { readonly name: string }[]): string | undefined {
  const numbers = new Set(files.flatMap(({ name }) => numberOfRegistered(name) ?? []));
  for (let at = 0; at < numbers.size; at++) if (!numbers.has(at)) return `custom_checkpoint_${at}.pkl`;
  return undefined;
}

/** Behind its name. */
export const lostRegistered =
  "is missing, though later ones are here: load_state asks for as many objects as were registered, and stops.";
