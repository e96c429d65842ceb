import type { LoraModule } from "../adapter/loraModule";
import { decodeTensor, UnsupportedDtypeError } from "../tensors/decode";
import type { ReadTensor } from "./factors";
import { metricsOf, type UpdateMetrics } from "./updateMetrics";

/** Up to this rank an SVD's factors are decomposed anew, which also shows whether they were trained since. */
const largestDecomposedRank = 256;

/**
 * The metrics of a decomposition of high rank from the singular values that the file lists: decomposing a full
 * rank of 4096 anew would take an hour. Undefined for other modules, and where the list is no spectrum.
 */
export async function listedSpectrum(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<UpdateMetrics | undefined> {
  const { layout, diagonal, rank, inFeatures, outFeatures } = module;
  const isSvd = layout === "svd" || layout === "svdV";
  if (!isSvd || diagonal === undefined || rank <= largestDecomposedRank) return undefined;
  try {
    const values = decodeTensor(await readTensor(diagonal, signal), diagonal.dtype, rank);
    if (!isSpectrum(values)) return undefined;
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    return metricsOf(values, Math.max(inFeatures, outFeatures), norm, Math.sqrt(rank));
  } catch (error) {
    if (error instanceof UnsupportedDtypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Finite, not negative, largest first. */
function isSpectrum(values: Float64Array): boolean {
  return values.every((value, k) => value >= 0 && value <= (values[k - 1] ?? Number.MAX_VALUE));
}
