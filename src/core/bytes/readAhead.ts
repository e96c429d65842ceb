/**
 * Reads pieces one after the other, each while the one before is worked on.
 * @param read what begins at `first`.
 */
export async function* readAhead<T>(
  total: number,
  step: number,
  read: (first: number) => Promise<T>,
): AsyncIterable<readonly [first: number, piece: T]> {
  let next = total > 0 ? read(0) : undefined;
  try {
    for (let first = 0; next !== undefined; first += step) {
      const piece: T = await next;
      next = first + step < total ? read(first + step) : undefined;
      // Who stops listening is not told what became of it.
      next?.catch(() => {});
      yield [first, piece];
    }
  } finally {
    await next?.catch(() => {});
  }
}
