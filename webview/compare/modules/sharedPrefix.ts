/** Below this a name column has no room for what all names begin with. */
const roomForWholeNamesPx = 250;
/** Less is not worth a reader's second look. */
const shortestPrefix = 6;

/** What all names begin with, up to a dot; empty where there is room for it or too little of it. */
export function sharedPrefix(names: readonly string[], widthPx: number): string {
  const [first] = names;
  if (first === undefined || names.length < 2 || widthPx >= roomForWholeNamesPx) return "";
  let length = first.lastIndexOf(".") + 1;
  for (const name of names) {
    while (length > 0 && !name.startsWith(first.slice(0, length)))
      length = first.lastIndexOf(".", length - 2) + 1;
  }
  return length < shortestPrefix ? "" : first.slice(0, length);
}
