/** Hands out the numbers by which the extension names what is open in the worker. */
export class HandleNumbers {
  /** A worker that starts anew must not take the number of what was open in the last one for something else. */
  private next = Date.now();

  take(): number {
    return this.next++;
  }
}

/** Things of one kind that are open, by their number. */
export class HandleMap<T> {
  private readonly open = new Map<number, T>();

  constructor(
    private readonly numbers: HandleNumbers,
    /** Said where a number means nothing any more. */
    private readonly gone: string,
  ) {}

  add(item: T): number {
    const handle = this.numbers.take();
    this.open.set(handle, item);
    return handle;
  }

  /** @throws Error where nothing is open under the number. */
  get(handle: number): T {
    const item = this.open.get(handle);
    if (item === undefined) throw new Error(this.gone);
    return item;
  }

  /** Forgets it, and returns what was forgotten. */
  close(handle: number): T | undefined {
    const item = this.open.get(handle);
    this.open.delete(handle);
    return item;
  }
}
