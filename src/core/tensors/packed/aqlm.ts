import { maxGatherBytes } from "../../problem/limits";
import { readAllValues, readValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { type PackedWeight, roomFor, type Sibling } from "./packedWeight";

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
  let held: Promise<Float32Array | Float64Array> | undefined;
  return {
    name,
    scheme: `AQLM, ${bookCount} codebooks of ${entries}, groups of ${outSize * inSize}`,
    shape: [outGroups * outSize, columns],
    stored: [codes, books, scales],
    async readRows(first, rows, read, signal, into) {
      held ??= readAllValues(books, read, signal)
        // Half of the memory is nearer.
        .then((entries) => (books.dtype === "F64" ? entries : Float32Array.from(entries)))
        .catch((error: unknown) => {
          held = undefined;
          throw error;
        });
      const values = roomFor(rows * columns, into);
      if (rows === 0) return values;
      const firstGroup = Math.floor(first / outSize);
      const groups = Math.ceil((first + rows) / outSize) - firstGroup;
      const perGroup = inGroups * bookCount;
      const codeBytes = bits / 8;
      const [table, stored, scale] = await Promise.all([
        held,
        read(codes, firstGroup * perGroup * codeBytes, groups * perGroup * codeBytes, signal),
        readValues(scales, firstGroup, groups, read, signal),
      ]);
      // Codes are kept in signed integers of as many bits.
      const numbers = bits === 8 ? stored : new Uint16Array(new Uint8Array(stored).buffer);
      const sums = new Float64Array(inSize);
      for (let row = 0, at = 0; row < rows; row++) {
        const group = Math.floor((first + row) / outSize) - firstGroup;
        const within = ((first + row) % outSize) * inSize;
        const ofRow = scale[group] as number;
        for (let place = group * perGroup, end = place + perGroup; place < end; ) {
          sums.fill(0);
          for (let book = 0; book < bookCount; book++, place++) {
            const code = numbers[place] as number;
            if (code >= entries) throw new RangeError(`${codes.name} names entries that no codebook has.`);
            const entry = (book * entries + code) * outSize * inSize + within;
            for (let of = 0; of < inSize; of++)
              sums[of] = (sums[of] as number) + (table[entry + of] as number);
          }
          for (let of = 0; of < inSize; of++, at++) values[at] = Math.fround(sums[of] as number) * ofRow;
        }
      }
      return values;
    },
  };
}
