import { type Moments, mergeMoments, type NumberKernels, noMoments } from "../core/analysis/numberKernels";
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
  const { chunk } = kernels;
  const stored = chunk.slice();
  const target = new Float32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4);
  let found = noMoments;
  for (let at = 0; at < values.length; at += target.length) {
    const part = values.subarray(at, at + target.length);
    target.set(part);
    found = mergeMoments(found, kernels.measureF32(part.length));
  }
  chunk.set(stored);
  return found;
}
