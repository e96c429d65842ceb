import type { ColumnWords } from "./columnCells";
import { roomFor } from "./packedWeight";

/** Outputs that are unpacked at once: their words lie in one line of the cache. */
const outputsAtOnce = 16;
/** Words of an output that are unpacked at once. A multiple of 3, so that codes of 3 bits end where a word does. */
const wordsAtOnce = 48;

/** What the codes of outputs stand for, one output after the other: words that each hold neighbours among the inputs (GPTQ). */
export function inputWordRows(
  words: ColumnWords,
  first: number,
  rows: number,
  into?: Float32Array,
): Float32Array {
  const { inputs, outputs, bits, codes } = words;
  const values = roomFor(rows * inputs, into);
  // As integers they are moved without being converted.
  const target = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const groupOf = groupsOfInputs(words);
  const perOutput = (inputs * bits) / 32;
  const tile = new Int32Array(outputsAtOnce * wordsAtOnce);
  for (let done = 0; done < rows; done += outputsAtOnce) {
    const width = Math.min(outputsAtOnce, rows - done);
    const tables = bits === 8 ? undefined : levelTables(words, first + done, width);
    const numbers = bits === 8 ? sharedNumbers(words, first + done, width) : undefined;
    for (let from = 0; from < perOutput; from += wordsAtOnce) {
      const height = Math.min(wordsAtOnce, perOutput - from);
      for (let word = 0, at = 0; word < height; word++) {
        const row = (from + word) * outputs + first + done;
        for (let column = 0; column < width; column++, at++) tile[at] = codes[row + column] as number;
      }
      const input = (from * 32) / bits;
      for (let column = 0; column < width; column++) {
        const to = (done + column) * inputs + input;
        const own = { tile, width, column, height, bits, groupOf, input };
        if (numbers !== undefined) unpackBytes(own, numbers, values, to);
        else if (tables !== undefined && bits === 3) unpackThrees(own, tables, target, to);
        else if (tables !== undefined) unpackWhole(own, tables, target, to);
      }
    }
  }
  return values;
}

/** Words of a tile that are of one output. */
interface OutputWords {
  readonly tile: Int32Array;
  readonly width: number;
  readonly column: number;
  readonly height: number;
  readonly bits: number;
  /** Group of each input. */
  readonly groupOf: Int32Array;
  /** The first of them. */
  readonly input: number;
}

/** Codes of 2 or 4 bits, of which a word holds a whole number. */
function unpackWhole(of: OutputWords, tables: Uint32Array, target: Uint32Array, to: number): void {
  const { tile, width, column, height, bits, groupOf, input } = of;
  const mask = 2 ** bits - 1;
  const [perGroup, own] = [width << bits, column << bits];
  for (let word = 0, from = column, at = to, of = input; word < height; word++, from += width) {
    let left = tile[from] as number;
    for (let shift = 0; shift < 32; shift += bits, at++, of++) {
      target[at] = tables[(groupOf[of] as number) * perGroup + own + (left & mask)] as number;
      left >>>= bits;
    }
  }
}

/** A table of what bytes stand for would have more entries than its group has codes. */
function unpackBytes(
  of: OutputWords,
  { scales, zeros }: SharedNumbers,
  values: Float32Array,
  to: number,
): void {
  const { tile, width, column, height, groupOf, input } = of;
  for (let word = 0, from = column, at = to, of = input; word < height; word++, from += width) {
    let left = tile[from] as number;
    for (let byte = 0; byte < 4; byte++, at++, of++) {
      const group = (groupOf[of] as number) * width + column;
      values[at] = (scales[group] as number) * ((left & 255) - (zeros[group] as number));
      left >>>= 8;
    }
  }
}

/** Codes of 3 bits, 32 in three words. */
function unpackThrees(of: OutputWords, tables: Uint32Array, target: Uint32Array, to: number): void {
  const { tile, width, column, height, groupOf, input } = of;
  const [perGroup, own] = [width << 3, column << 3];
  for (let word = 0, from = column, at = to, of = input; word < height; word += 3, from += 3 * width) {
    const [a, b, c] = [tile[from] as number, tile[from + width] as number, tile[from + 2 * width] as number];
    for (let code = 0; code < 32; code++, at++, of++) {
      const bit = 3 * code;
      const low = bit < 32 ? a >>> bit : bit < 64 ? b >>> (bit - 32) : c >>> (bit - 64);
      // The 11th and the 22nd lie in two words.
      const high = code === 10 ? b << 2 : code === 21 ? c << 1 : 0;
      target[at] = tables[(groupOf[of] as number) * perGroup + own + ((low | high) & 7)] as number;
    }
  }
}

/**
 * What the codes of outputs stand for: words of 4 bits that each hold eight neighbours among the outputs (AWQ).
 * @param outputOf which of its eight outputs each code of a word is.
 */
export function outputWordRows(
  words: ColumnWords,
  outputOf: readonly number[],
  first: number,
  rows: number,
  into?: Float32Array,
): Float32Array {
  const { inputs, outputs, codes } = words;
  const values = roomFor(rows * inputs, into);
  const target = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const groupOf = groupsOfInputs(words);
  const perInput = outputs / 8;
  const column = new Int32Array(inputsAtOnce);
  const end = Math.ceil((first + rows) / 8);
  for (let left = first >>> 3; left < end; left++) {
    const from = Math.max(first, 8 * left);
    const width = Math.min(first + rows, 8 * left + 8) - from;
    const tables = levelTables(words, from, width);
    const perGroup = width << 4;
    for (let input = 0; input < inputs; input += inputsAtOnce) {
      const count = Math.min(inputsAtOnce, inputs - input);
      for (let at = 0, place = input * perInput + left; at < count; at++, place += perInput)
        column[at] = codes[place] as number;
      for (const [place, output] of outputOf.entries()) {
        const row = 8 * left + output - from;
        if (row < 0 || row >= width) continue;
        const [shift, own] = [4 * place, row << 4];
        for (let at = 0, to = (from - first + row) * inputs + input; at < count; at++, to++) {
          const code = ((column[at] as number) >>> shift) & 15;
          target[to] = tables[(groupOf[input + at] as number) * perGroup + own + code] as number;
        }
      }
    }
  }
  return values;
}

const inputsAtOnce = 1024;

/** A loop of its own: `from` would take as long as unpacking does. */
function groupsOfInputs({ inputs, groupSize, order }: ColumnWords): Int32Array {
  const groups = new Int32Array(inputs);
  for (let input = 0; input < inputs; input++)
    groups[input] = order === undefined ? Math.floor(input / groupSize) : (order[input] as number);
  return groups;
}

/** The scale and the zero point of groups, by group and output. */
interface SharedNumbers {
  readonly scales: Float32Array;
  readonly zeros: Int32Array;
}

function sharedNumbers(
  { outputs, scales, zeroAt }: ColumnWords,
  first: number,
  width: number,
): SharedNumbers {
  const groups = scales.length / outputs;
  const found = { scales: new Float32Array(groups * width), zeros: new Int32Array(groups * width) };
  for (let group = 0, at = 0; group < groups; group++) {
    for (let output = first; output < first + width; output++, at++) {
      found.scales[at] = scales[group * outputs + output] as number;
      found.zeros[at] = zeroAt(group, output);
    }
  }
  return found;
}

/** What each code stands for, by group, output and code; as the bits of F32. */
function levelTables(words: ColumnWords, first: number, width: number): Uint32Array {
  const { scales, zeros } = sharedNumbers(words, first, width);
  const codes = 2 ** words.bits;
  const levels = new Float32Array(scales.length * codes);
  for (let cell = 0, at = 0; cell < scales.length; cell++)
    for (let code = 0; code < codes; code++, at++)
      levels[at] = (scales[cell] as number) * (code - (zeros[cell] as number));
  return new Uint32Array(levels.buffer);
}
