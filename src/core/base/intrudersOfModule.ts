import type { LoraModule } from "../adapter/loraModule";
import { canonicalName } from "../names/canonicalName";
import type { CheckpointSession } from "../session/checkpointSession";
import { decodeTensor } from "../tensors/decode";
import { dtypeBits } from "../tensors/dtype";
import { elementCount, type Tensor } from "../tensors/tensor";
import { loadFactors } from "../update/factors";
import { findIntruders, type IntruderOptions, type IntruderReport } from "../update/intruders";
import { UpdateAnalysis } from "../update/updateAnalysis";
import { BaseWeights } from "./baseWeights";
import { maxMatrixValues } from "./weightPairs";

/**
 * Intruder directions of one module of an adapter over its base model.
 * @throws RangeError with a sentence for people where module, weight or size do not allow it.
 */
export async function intrudersOfModule(
  adapter: CheckpointSession,
  base: CheckpointSession,
  moduleName: string,
  options: IntruderOptions = {},
  signal?: AbortSignal,
): Promise<IntruderReport> {
  const modules = adapter.adapter?.modules ?? [];
  // A comparison names a module once for all its snapshots, whatever each of them calls it.
  const module =
    modules.find((candidate) => candidate.module === moduleName) ??
    modules.find((candidate) => canonicalName(candidate.module) === canonicalName(moduleName));
  if (module === undefined) throw new RangeError(`The adapter has no module "${moduleName}".`);
  const weight = new BaseWeights(base.checkpoint.tensors).find(moduleName);
  if (weight === undefined) throw new RangeError(`The base model has no weight for "${moduleName}".`);
  const [factors, values] = [adapter.tensorReader(), base.tensorReader()];
  try {
    const update = new UpdateAnalysis(
      await loadFactors(module, (tensor) => factors.read(tensor, signal), signal),
    );
    const read = (offset: number, length: number) => values.readRange(weight, offset, length, signal);
    return (await findIntruders(await orientedWeight(module, weight, read), update, options)).report;
  } finally {
    await Promise.all([factors.close(), values.close()]);
  }
}

/**
 * The weight in the orientation of ΔW; embeddings and GPT-2's Conv1D are kept turned.
 * @throws RangeError with a sentence for people where it has another shape or is too large.
 */
export async function orientedWeight(
  { inFeatures, outFeatures, layout, module }: LoraModule,
  tensor: Tensor,
  read: (offset: number, length: number) => Promise<Uint8Array>,
) {
  const [rows = 0, ...rest] = tensor.shape;
  const cols = elementCount(rest);
  const isTurned = layout === "embedding" || rows !== outFeatures;
  const [expectedRows, expectedCols] = isTurned ? [inFeatures, outFeatures] : [outFeatures, inFeatures];
  if (rows !== expectedRows || cols !== expectedCols) {
    throw new RangeError(
      `The base weight of "${module}" is ${rows} × ${cols}, its update ${outFeatures} × ${inFeatures}.`,
    );
  }
  if (rows * cols > maxMatrixValues)
    throw new RangeError(`The base weight of "${module}" is too large to be decomposed.`);
  const data = new Float32Array(rows * cols);
  const bits = dtypeBits.get(tensor.dtype) ?? 32;
  const step = Math.max(8, Math.floor((1024 * 1024) / cols) * 8);
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row) * cols;
    const bytes = await read((row * cols * bits) / 8, (count * bits) / 8);
    const values = decodeTensor(bytes, tensor.dtype, count);
    if (!isTurned) data.set(values, row * cols);
    else {
      for (let at = 0; at < count; at++) {
        const index = row * cols + at;
        data[(index % cols) * rows + Math.floor(index / cols)] = values[at] as number;
      }
    }
  }
  return { rows: outFeatures, cols: inFeatures, data };
}
