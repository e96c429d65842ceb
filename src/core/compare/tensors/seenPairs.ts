import type { Tensor } from "../../tensors/tensor";

/** Which memory was compared with which before: tied weights need it once. */
export class SeenPairs {
  private readonly rows: Map<Tensor, Map<Tensor, number>>[] = [];

  /** The earlier row of this pair of columns that compares the same two, or undefined for the first one. */
  find(pair: number, a: Tensor, b: Tensor, row: number): number | undefined {
    this.rows[pair] ??= new Map();
    const ofA = this.rows[pair].get(a) ?? new Map<Tensor, number>();
    this.rows[pair].set(a, ofA);
    const known = ofA.get(b);
    if (known === undefined) ofA.set(b, row);
    return known;
  }
}
