/** The number of the row that an event happened in. */
export function rowOf(target: EventTarget | null): number | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>("[data-row]") : null;
  return row === null ? undefined : Number(row.dataset.row);
}
