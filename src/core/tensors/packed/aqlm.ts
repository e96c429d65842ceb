import { maxGatherBytes } from "../../problem/limits";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import type { PackedWeight, Sibling } from "./packedWeight";

/**
 * AQLM (aqlm/inference.py): a group of weights is the sum of one entry of each codebook, by a scale for its row of
 * groups. Codes are [groups of outputs, groups of inputs, codebooks], codebooks [codebooks, entries, outputs, inputs].
 */
export function aqlm(name: string, codes: Tensor, sibling: Sibling): PackedWeight | undefined {
  const [books, scales] = [sibling(".codebooks"), sibling(".scales")];
  if (books === undefined || scales === undefined) return undefined;
  const [outGroups = 0, inGroups = 0, bookCount = 0] = codes.shape;
  const [ownBooks, entries = 0, outSize = 0, inSize = 0] = books.shape;
  const bits = codes.dtype === "I8" ? 8 : 16;
  const fits =
    codes.shape.length === 3 &&
    books.shape.length === 4 &&
    ownBooks === bookCount &&
    entries > 0 &&
    entries <= 2 ** bits &&
    outSize > 0 &&
    elementCount(scales.shape) === outGroups &&
    8 * elementCount(books.shape) <= maxGatherBytes;
  if (!fits) return undefined;
  const columns = inGroups * inSize;
  let held: Promise<Float64Array> | undefined;
  return {
    name,
    scheme: `AQLM, ${bookCount} codebooks of ${entries}, groups of ${outSize * inSize}`,
    shape: [outGroups * outSize, columns],
    stored: [codes, books, scales],
    async readRows(first, rows, read, signal) {
      held ??= readAllValues(books, read, signal).catch((error: unknown) => {
        held = undefined;
        throw error;
      });
      const values = new Float32Array(rows * columns);
      if (rows === 0) return values;
      const firstGroup = Math.floor(first / outSize);
      const groups = Math.ceil((first + rows) / outSize) - firstGroup;
      const [table, stored, scale] = await Promise.all([
        held,
        readValues(codes, firstGroup * inGroups * bookCount, groups * inGroups * bookCount, read, signal),
        readValues(scales, firstGroup, groups, read, signal),
      ]);
      for (let row = 0; row < rows; row++) {
        const group = Math.floor((first + row) / outSize) - firstGroup;
        const within = (first + row) % outSize;
        for (let column = 0; column < columns; column++) {
          const place = (group * inGroups + Math.floor(column / inSize)) * bookCount;
          let sum = 0;
          for (let book = 0; book < bookCount; book++) {
            // Codes are kept in signed integers of as many bits.
            const code = (stored[place + book] as number) & (2 ** bits - 1);
            if (code >= entries) throw new RangeError(`${codes.name} names entries that no codebook has.`);
            sum += table[((book * entries + code) * outSize + within) * inSize + (column % inSize)] as number;
          }
          values[row * columns + column] = Math.fround(sum) * (scale[group] as number);
        }
      }
      return values;
    },
  };
}
