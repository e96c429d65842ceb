import { PointColumns } from "./pointColumns";

/** A log with more metrics than any chart can show is damaged or hostile: each costs columns of its own. */
export const maxMetrics = 10_000;

/** What a reader found, by metric. */
export class PointBatch {
  readonly columns = new Map<string, PointColumns>();
  /** Metrics that were not taken because there are too many. */
  omitted = 0;

  /** The metric's columns, to add several points to; undefined beyond the bound. */
  column(key: string): PointColumns | undefined {
    const known = this.columns.get(key);
    if (known !== undefined) return known;
    if (this.columns.size >= maxMetrics) {
      this.omitted++;
      return undefined;
    }
    const column = new PointColumns();
    this.columns.set(key, column);
    return column;
  }

  add(key: string, step: number, value: number, wallTime = Number.NaN, epoch = Number.NaN): void {
    this.column(key)?.push(step, value, wallTime, epoch);
  }

  get points(): number {
    let count = 0;
    for (const { length } of this.columns.values()) count += length;
    return count;
  }
}
