import { CheckpointError } from "../../problem/checkpointError";
import type { FilterStep } from "./dataset";

const ofAtoms = 1;
const isBigEndian = 1;

/** Values that have parts, compounds and arrays, are packed part by part. */
export function isNBitOfParts({ id, parameters }: FilterStep): boolean {
  return id === 5 && parameters[1] !== 1 && parameters[3] !== ofAtoms;
}

/**
 * Unpacks the N-bit filter (H5Znbit.c of HDF5 1.14): of each value the bits that its type says it has, the highest first,
 * without the padding beside them. Of single numbers alone.
 * @throws CheckpointError `DamagedChunk` where the data is cut or its settings are impossible.
 */
export function unpackNBit(
  packed: Uint8Array,
  parameters: readonly number[],
  chunkBytes: number,
): Uint8Array {
  const [, isWhole = 0, count = 0, kind = 0, width = 0, order = 0, precision = 0, offset = 0] = parameters;
  if (isWhole === 1) return packed;
  const isSound =
    kind === ofAtoms && width >= 1 && width <= 8 && precision >= 1 && precision + offset <= width * 8;
  if (!isSound || count * width > chunkBytes + width) throw damaged("its settings are impossible");
  if (packed.length * 8 < count * precision) throw damaged("it ends too early");
  const result = new Uint8Array(count * width);
  let bit = 0;
  for (let at = 0; at < result.length; at += width) {
    for (let left = precision; left > 0; ) {
      // Up to the end of a byte of both.
      const place = offset + left;
      const taken = Math.min(8 - (bit & 7), place & 7 || 8, left);
      const bits = ((packed[bit >> 3] as number) >> (8 - (bit & 7) - taken)) & (2 ** taken - 1);
      const low = place - taken;
      const byte = order === isBigEndian ? at + width - 1 - (low >> 3) : at + (low >> 3);
      result[byte] = (result[byte] as number) | (bits << (low & 7));
      bit += taken;
      left -= taken;
    }
  }
  return result;
}

function damaged(what: string): CheckpointError {
  return new CheckpointError("DamagedChunk", `A chunk packed by N-bit is damaged: ${what}.`);
}
