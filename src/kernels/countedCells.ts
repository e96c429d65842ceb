import { type Moments, mergeMoments, type NumberKernels, noMoments } from "../core/analysis/numberKernels";
import { decodeBlocks, ggmlBlocks } from "../core/tensors/ggmlBlocks";
import type { CodeKind } from "../core/tensors/packed/codeCells";

/** 64 runs of 64 codes are counted at once. */
const maxCountedCodes = 4096;

/** Numbers whose products and sums are all finite. */
export function areSmall(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) if (!(Math.abs(values[at] as number) < 2 ** 60)) return false;
  return true;
}

/** Whether the product of two such numbers is an ordinary one too. */
export function areOrdinary(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at] as number);
    if (size !== 0 && !(size >= 2 ** -60 && size <= 2 ** 60)) return false;
  }
  return true;
}

/** Cells whose codes are counted in whole runs. */
export function areCountable({ cellCodes }: CodeKind): boolean {
  return cellCodes === 32 || (cellCodes % 64 === 0 && cellCodes <= maxCountedCodes);
}

/** Values that do not all fit into the chunk, which holds afterwards what it held before. */
export function measureInParts(kernels: NumberKernels, values: Float32Array): Moments {
  const room = kernels.chunk.length / 4;
  return addParts(kernels, values.length, room, (_, at, count, target) => {
    target.set(values.subarray(at, at + count));
    return count;
  });
}

/** The values of the first blocks of the chunk, which holds them afterwards. */
export function measureBlocksInParts(kernels: NumberKernels, dtype: string, blocks: number): Moments {
  const { bytes = 0, values = 1 } = ggmlBlocks.get(dtype) ?? {};
  const room = Math.floor(kernels.chunk.length / 4 / values);
  return addParts(kernels, blocks, room, (stored, at, count, target) => {
    decodeBlocks(stored.subarray(at * bytes, (at + count) * bytes), dtype, count * values, target);
    return count * values;
  });
}

/** @param fill puts the values of `count` units from the unit `at` on into `target`, and says how many they are. */
function addParts(
  kernels: NumberKernels,
  units: number,
  room: number,
  fill: (stored: Uint8Array, at: number, count: number, target: Float32Array) => number,
): Moments {
  const { chunk } = kernels;
  const stored = chunk.slice();
  const target = new Float32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4);
  let found = noMoments;
  for (let at = 0; at < units; at += room) {
    const count = fill(stored, at, Math.min(room, units - at), target);
    found = mergeMoments(found, kernels.measureF32(count));
  }
  chunk.set(stored);
  return found;
}
