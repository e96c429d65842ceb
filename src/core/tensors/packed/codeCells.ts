import type { ReadTensorRange } from "../readTensorRange";

/** How a level, a scale and an offset make a value, each step rounded to F32. */
export const combinings = ["less-offset", "plus-offset", "over-127"] as const;

/** (level − offset) · scale, level · scale + offset, or level · scale / 127. */
export type Combining = (typeof combinings)[number];

const f32 = Math.fround;

export function combined(combining: Combining, level: number, scale: number, offset: number): number {
  if (combining === "plus-offset") return f32(f32(level * scale) + offset);
  if (combining === "over-127") return f32(f32(level * scale) / 127);
  return f32(f32(level - offset) * scale);
}

/** A code's value is made of what it stands for and of two numbers that cells of codes share. */
export interface CodeKind {
  /** Of 4 bits two are in a byte, the first in the low half. */
  readonly bits: 4 | 8;
  readonly combining: Combining;
  /** What each code stands for. */
  readonly levels: Float32Array;
  /** Codes of a cell, a multiple of 16. */
  readonly cellCodes: number;
}

/** A weight whose rows are nothing but such codes, which are a whole number of cells. */
export interface CodeCells extends CodeKind {
  /** Rows whose cells have the same numbers, as blocks of 128 × 128 have; 1 where it is not said. */
  readonly bandRows?: number;
  /**
   * Fills in the cells of rows. Codes of a cell may come in any order: what is measured of them does not depend on it.
   * @returns false where the values show that there are no such cells.
   */
  fill(firstRow: number, rows: number, into: CellMemory, read: ReadTensorRange): Promise<boolean>;
}

/** Room for the codes of some cells, one after the other, and for the numbers that each of them shares. */
export interface CellMemory {
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly offsets: Float32Array;
}
