import { sameItems } from "../../lists/sameItems";
import type { ContentValue, TupleValue } from "../contentValue";

/** As many as a layer has shapes and strides. */
const kept = 8;
/** Shapes have no more. */
const maxItems = 8;

/**
 * The last tuples of whole numbers alone: shapes and strides, of which a model has two a tensor, and few that differ.
 * Nobody can tell equal ones from one that is the same, because nothing in them can change.
 */
export class RecentTuples {
  private readonly recent: TupleValue[] = [];
  private next = 0;

  /** One with these items, if it was made lately. */
  find(items: readonly ContentValue[]): TupleValue | undefined {
    if (!isOfWholeNumbers(items)) return undefined;
    for (const recent of this.recent) if (sameItems(recent.items, items)) return recent;
    return undefined;
  }

  note(tuple: TupleValue): void {
    if (isOfWholeNumbers(tuple.items)) this.recent[this.next++ % kept] = tuple;
  }
}

/** An int is a number here, and a float an object. */
function isOfWholeNumbers(items: readonly ContentValue[]): boolean {
  if (items.length > maxItems) return false;
  for (const item of items) if (typeof item !== "number") return false;
  return true;
}
