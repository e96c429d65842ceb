/** Whether two lists, shapes or runs of bytes hold the same, item by item. */
export function sameItems<T>(a: ArrayLike<T>, b: ArrayLike<T> | undefined): boolean {
  if (a.length !== b?.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
