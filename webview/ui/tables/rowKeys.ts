/** Where an arrow, Home, End or a page key leads in a list of `count` rows; undefined for another key. */
export function rowForKey(
  key: string,
  active: number | undefined,
  count: number,
  pageRows: number,
): number | undefined {
  if (count === 0) return undefined;
  const last = count - 1;
  const from = active ?? -1;
  switch (key) {
    case "ArrowDown":
      return Math.min(last, from + 1);
    case "ArrowUp":
      return active === undefined ? last : Math.max(0, from - 1);
    case "PageDown":
      return Math.min(last, Math.max(0, from) + pageRows);
    case "PageUp":
      return Math.max(0, from - pageRows);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return undefined;
  }
}
