/** The index of the row that a row of a tree stands below; undefined for one of the top. */
export function parentOf(rows: readonly { readonly depth: number }[], index: number): number | undefined {
  const depth = rows[index]?.depth ?? 0;
  const above = rows.slice(0, index).findLastIndex((row) => row.depth < depth);
  return above < 0 ? undefined : above;
}
