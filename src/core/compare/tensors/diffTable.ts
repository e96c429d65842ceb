import type { TensorDifference } from "../../analysis/tensorDifference";
import type { AlignedRow, LayoutStatus } from "./alignTensors";
import type { DiffPair } from "./diffPairs";

/** Numbers that are kept of every pair of tensors; those that do not exist are NaN. */
export const diffFields = [
  "maxAbs",
  "meanAbs",
  "relativeL2",
  "cosine",
  /** Share of the elements that have another value. */
  "changed",
  /** Elements that are NaN or infinite in one and not the same in the other. */
  "mismatches",
  /** ‖a‖ and ‖b - a‖: of many tensors together, √Σ‖b - a‖² / √Σ‖a‖² is the relative change. */
  "normA",
  "normDifference",
] as const;

export type DiffField = (typeof diffFields)[number];
export type DiffNumbers = Readonly<Record<DiffField, number>>;

/** What became of a pair of tensors. `bytes` have no numbers, but it is known whether they are the same. */
export const pairStates = ["open", "compared", "equal bytes", "other bytes", "failed"] as const;
export type PairState = (typeof pairStates)[number];

/** `equal` and `changed` are known once the values were compared. */
export type DiffStatus = LayoutStatus | "equal" | "changed";

/** Entries packed for a message, in the order in which they were found. */
export interface DiffChunk {
  /** Place of the first among all entries. */
  readonly first: number;
  readonly rows: Uint32Array;
  readonly pairs: Uint8Array;
  /** Indexes into `pairStates`. */
  readonly states: Uint8Array;
  /** `diffFields` for each entry. */
  readonly values: Float64Array;
}

/** Entries of one chunk: about 560 KB. */
const chunkEntries = 8000;

const width = diffFields.length;
const placeOf = Object.fromEntries(diffFields.map((field, at) => [field, at])) as Record<DiffField, number>;

/** What is known of the values of aligned tensors. It grows while they are compared, and crosses in chunks. */
export class DiffTable {
  /** Rows × pairs × fields. */
  private readonly values: Float64Array;
  private readonly states: Uint8Array;
  /** Row × pairs + pair of each entry, in the order in which they were found. */
  private readonly order: number[] = [];

  constructor(
    readonly rowCount: number,
    readonly pairs: readonly DiffPair[],
  ) {
    const cells = rowCount * pairs.length;
    this.states = new Uint8Array(cells);
    this.values = new Float64Array(cells * width);
  }

  /** Entries that are known. */
  get length(): number {
    return this.order.length;
  }

  set(row: number, pair: number, state: PairState, numbers?: DiffNumbers): void {
    const cell = row * this.pairs.length + pair;
    if (this.states[cell] === 0) this.order.push(cell);
    this.states[cell] = pairStates.indexOf(state);
    for (const [at, field] of diffFields.entries()) {
      this.values[cell * width + at] = numbers?.[field] ?? Number.NaN;
    }
  }

  state(row: number, pair: number): PairState {
    return pairStates[this.states[row * this.pairs.length + pair] ?? 0] ?? "open";
  }

  /** NaN where the pair was not compared. */
  number(row: number, pair: number, field: DiffField): number {
    const cell = row * this.pairs.length + pair;
    // Those that were not compared hold zeros.
    if (pairStates[this.states[cell] ?? 0] !== "compared") return Number.NaN;
    return this.values[cell * width + placeOf[field]] ?? Number.NaN;
  }

  numbers(row: number, pair: number): DiffNumbers | undefined {
    if (this.state(row, pair) !== "compared") return undefined;
    const entries = diffFields.map((field) => [field, this.number(row, pair, field)]);
    return Object.fromEntries(entries) as unknown as DiffNumbers;
  }

  /** Undefined while the pair is open. */
  isChanged(row: number, pair: number): boolean | undefined {
    switch (this.state(row, pair)) {
      case "compared":
        return this.number(row, pair, "changed") > 0;
      case "equal bytes":
        return false;
      case "other bytes":
        return true;
      default:
        return undefined;
    }
  }

  chunk(first: number): DiffChunk {
    const cells = this.order.slice(first, first + chunkEntries);
    const values = new Float64Array(cells.length * width);
    for (const [at, cell] of cells.entries()) {
      values.set(this.values.subarray(cell * width, (cell + 1) * width), at * width);
    }
    return {
      first,
      rows: Uint32Array.from(cells, (cell) => Math.floor(cell / this.pairs.length)),
      pairs: Uint8Array.from(cells, (cell) => cell % this.pairs.length),
      states: Uint8Array.from(cells, (cell) => this.states[cell] as number),
      values,
    };
  }

  /** Takes what another table has found; chunks come in their order. */
  append({ first, rows, pairs, states, values }: DiffChunk): void {
    if (first !== this.length) throw new RangeError(`Expected entries from ${this.length}, got ${first}`);
    for (const [at, row] of rows.entries()) {
      const cell = row * this.pairs.length + (pairs[at] as number);
      this.order.push(cell);
      this.states[cell] = states[at] as number;
      this.values.set(values.subarray(at * width, (at + 1) * width), cell * width);
    }
  }
}

/** The status of a row with what its values tell: changed where any two columns differ. */
export function diffStatus(
  { status }: Pick<AlignedRow, "status">,
  row: number,
  table: DiffTable,
): DiffStatus {
  if (status !== "same layout") return status;
  let isKnown = false;
  for (const pair of table.pairs.keys()) {
    const isChanged = table.isChanged(row, pair);
    if (isChanged === true) return "changed";
    isKnown ||= isChanged === false;
  }
  return isKnown && !hasOpen(row, table) ? "equal" : status;
}

function hasOpen(row: number, table: DiffTable): boolean {
  return table.pairs.some((_, pair) => {
    const state = table.state(row, pair);
    return state === "open" || state === "failed";
  });
}

export function diffNumbers(difference: TensorDifference): DiffNumbers {
  const { maxAbs, meanAbs, relativeL2, cosine, changedShare, nanMismatches, normA, normDifference } =
    difference;
  return {
    ...{ maxAbs, meanAbs, relativeL2, cosine, normA, normDifference },
    changed: changedShare,
    mismatches: nanMismatches,
  };
}
