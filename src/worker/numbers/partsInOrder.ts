/**
 * Puts parts together that come in any order: in their own order, so that rounding does not depend on which thread was
 * first, and as they come, because at the end all threads would wait for it.
 */
export class PartsInOrder<T> {
  /** Parts that came before one that lies in front of them. */
  private readonly waiting = new Map<number, T>();
  private merged: T | undefined;
  private mergedParts = 0;

  constructor(
    private readonly count: number,
    private readonly merge: (a: T, b: T) => T,
  ) {}

  /** @returns the whole, with the last part that was missing. */
  add(at: number, part: T): T | undefined {
    this.waiting.set(at, part);
    for (;;) {
      const next = this.waiting.get(this.mergedParts);
      if (next === undefined) break;
      this.waiting.delete(this.mergedParts++);
      this.merged = this.merged === undefined ? next : this.merge(this.merged, next);
    }
    return this.mergedParts === this.count ? this.merged : undefined;
  }
}
