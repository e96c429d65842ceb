/** Enough to tell two names apart. The longest real name seen has 180 characters. */
const maxQuoted = 200;

/** A name in a message. Names come from strangers and can have megabytes, so that a long one is cut. */
export function quote(name: string): string {
  return name.length <= maxQuoted ? `"${name}"` : `"${name.slice(0, maxQuoted)}…"`;
}

const maxListed = 3;

/** The first of several names, for a sentence that says how many there are: `"a", "b", "c", …`. */
export function quoteSome(names: readonly string[]): string {
  return names.slice(0, maxListed).map(quote).join(", ") + (names.length > maxListed ? ", …" : "");
}
