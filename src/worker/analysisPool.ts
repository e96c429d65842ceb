import { NumbersPool } from "./numbers/numbersPool";

/** The pool that measures tensors, with as many threads as the setting says now. */
export class AnalysisPool {
  private current: { readonly pool: NumbersPool; readonly threads: number; users: number } | undefined;

  constructor(
    private readonly makePool: (threads: number) => NumbersPool = (threads) => new NumbersPool({ threads }),
  ) {}

  /** Another number of threads takes effect with the next work; what runs keeps its own. */
  async use<T>(threads: number, work: (pool: NumbersPool) => Promise<T>): Promise<T> {
    if (this.current?.threads !== threads) {
      const before = this.current;
      this.current = { pool: this.makePool(threads), threads, users: 0 };
      if (before?.users === 0) void before.pool.dispose();
    }
    const used = this.current;
    used.users++;
    try {
      return await work(used.pool);
    } finally {
      used.users--;
      if (used.users === 0 && used !== this.current) void used.pool.dispose();
    }
  }
}
