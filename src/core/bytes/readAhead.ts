/**
 * Reads pieces one after the other, each while the one before is worked on. A piece stays as it is until the one after the
 * next is asked for: then its memory may be used again.
 * @param read what begins at `first`.
 */
export async function* readAhead(
  total: number,
  step: number,
  read: (first: number, spare: Uint8Array | undefined) => Promise<Uint8Array>,
): AsyncIterable<readonly [first: number, piece: Uint8Array]> {
  const before: Uint8Array[] = [];
  let next = total > 0 ? read(0, undefined) : undefined;
  try {
    for (let first = 0; next !== undefined; first += step) {
      const piece: Uint8Array = await next;
      const spare = before.length < 2 ? undefined : before.shift();
      next = first + step < total ? read(first + step, spare) : undefined;
      before.push(piece);
      // Who stops listening is not told what became of it.
      next?.catch(() => {});
      yield [first, piece];
    }
  } finally {
    await next?.catch(() => {});
  }
}
