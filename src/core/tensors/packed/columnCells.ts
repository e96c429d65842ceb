import type { CellMemory, CodeKind } from "./codeCells";
import { integerLevels } from "./floatCodes";
import { paddedLevels, spreadBits } from "./spreadCodes";

/** Codes of a weight that lies inputs by outputs in words, which are gathered output by output. */
export interface ColumnWords {
  readonly inputs: number;
  readonly outputs: number;
  readonly bits: number;
  readonly groupSize: number;
  readonly codes: Int32Array;
  /** The group of each input; undefined where they follow each other. */
  readonly order: ArrayLike<number> | undefined;
  /** Of each group and output. */
  readonly scales: ArrayLike<number>;
  readonly zeroAt: (group: number, output: number) => number;
}

/** Undefined where groups are no whole number of cells that are measured at once. */
export function columnKind(
  inputs: number,
  groupSize: number,
  bits: number,
): (CodeKind & { readonly combining: "less-offset" }) | undefined {
  if (groupSize % 32 !== 0 || inputs % groupSize !== 0) return undefined;
  const levels = paddedLevels(integerLevels(bits), bits);
  return { bits: spreadBits(bits), combining: "less-offset", levels, cellCodes: groupSize };
}

/** Fills in the cells of outputs: groups of each, one output after the other. */
export function fillNumbers(words: ColumnWords, first: number, rows: number, into: CellMemory): void {
  const { inputs, outputs, groupSize, scales, zeroAt } = words;
  const groups = inputs / groupSize;
  for (let row = 0, at = 0; row < rows; row++) {
    for (let group = 0; group < groups; group++, at++) {
      into.scales[at] = scales[group * outputs + first + row] as number;
      into.offsets[at] = zeroAt(group, first + row);
    }
  }
}

/** Words that each hold neighbours among the inputs of one output (GPTQ). */
export function fillInputWords(words: ColumnWords, first: number, rows: number, codes: Uint8Array): void {
  const { inputs, outputs, bits, codes: stored, order } = words;
  const target = new Int32Array(codes.buffer, codes.byteOffset, codes.byteLength / 4);
  const isPlain = order === undefined && bits === spreadBits(bits);
  const slots = isPlain ? undefined : slotsOf(words);
  const perOutput = (inputs * spreadBits(bits)) / 32;
  for (let done = 0; done < rows; done += wordsAtOnce) {
    const width = Math.min(wordsAtOnce, rows - done);
    const tile = tileOf(stored, outputs, first + done, width);
    for (let row = 0; row < width; row++) {
      const own = target.subarray((done + row) * perOutput, (done + row + 1) * perOutput);
      if (slots !== undefined) gather(tile, width, row, slots, bits, own);
      else for (let at = 0, from = row; at < perOutput; at++, from += width) own[at] = tile[from] as number;
    }
  }
}

/** Puts the codes of one output together, in the order of the bits at which `slots` says that they begin. */
function gather(
  tile: Int32Array,
  width: number,
  row: number,
  slots: Int32Array,
  bits: number,
  own: Int32Array,
): void {
  const mask = 2 ** bits - 1;
  const step = spreadBits(bits);
  for (let at = 0, slot = 0; at < own.length; at++) {
    let word = 0;
    for (let shift = 0; shift < 32; shift += step, slot++) {
      const bit = slots[slot] as number;
      const within = bit & 31;
      const from = (bit >>> 5) * width + row;
      let code = (tile[from] as number) >>> within;
      // 3 bits may lie in two words.
      if (within + bits > 32) code |= (tile[from + width] as number) << (32 - within);
      word |= (code & mask) << shift;
    }
    own[at] = word;
  }
}

/** A line of a cache has as many. */
const wordsAtOnce = 16;

/** Some columns of a matrix, close together: in the matrix each word of a column would be in a line of the cache by itself. */
function tileOf(stored: Int32Array, stride: number, first: number, width: number): Int32Array {
  const rows = stored.length / stride;
  const tile = new Int32Array(rows * width);
  for (let row = 0, at = 0; row < rows; row++)
    for (let from = row * stride + first, end = from + width; from < end; from++, at++)
      tile[at] = stored[from] as number;
  return tile;
}

/** Where the code of each input begins in the bits of an output, the inputs of a group one after the other. */
function slotsOf({ inputs, bits, order }: ColumnWords): Int32Array {
  const slots = Int32Array.from({ length: inputs }, (_, input) => input);
  if (order !== undefined) slots.sort((a, b) => (order[a] as number) - (order[b] as number) || a - b);
  return slots.map((input) => input * bits);
}

/**
 * Words of 4 bits that each hold eight neighbours among the outputs of one input (AWQ).
 * @param outputOf which of its eight outputs each code of a word is.
 */
export function fillOutputWords(
  { inputs, outputs, codes: stored }: ColumnWords,
  outputOf: readonly number[],
  first: number,
  rows: number,
  codes: Uint8Array,
): void {
  const target = new Int32Array(codes.buffer, codes.byteOffset, codes.byteLength / 4);
  const [perInput, perOutput] = [outputs / 8, inputs / 8];
  const eight = new Int32Array(8);
  const places = new Int32Array(8);
  const end = Math.ceil((first + rows) / 8);
  for (let left = first >>> 3; left < end; left += wordsAtOnce) {
    const width = Math.min(wordsAtOnce, end - left);
    const tile = tileOf(stored, perInput, left, width);
    for (let column = 0; column < width; column++) {
      for (let at = 0; at < 8; at++) places[at] = 8 * (left + column) + (outputOf[at] as number) - first;
      for (let word = 0, from = column; word < perOutput; word++) {
        for (let at = 0; at < 8; at++, from += width) eight[at] = tile[from] as number;
        swap(eight, 1, 0x0f0f0f0f);
        swap(eight, 2, 0x00ff00ff);
        swap(eight, 4, 0x0000ffff);
        for (let at = 0; at < 8; at++) {
          const row = places[at] as number;
          if (row >= 0 && row < rows) target[row * perOutput + word] = eight[at] as number;
        }
      }
    }
  }
}

/**
 * A step of three that turn eight words of eight codes of 4 bits about: in the end the code `j` of the word `i` is the code
 * `i` of the word `j`.
 */
function swap(words: Int32Array, distance: number, mask: number): void {
  const shift = 4 * distance;
  for (let at = 0; at < 8; at++) {
    if ((at & distance) !== 0) continue;
    const a = words[at] as number;
    const b = words[at + distance] as number;
    const changed = ((a >>> shift) ^ b) & mask;
    words[at + distance] = b ^ changed;
    words[at] = a ^ (changed << shift);
  }
}
