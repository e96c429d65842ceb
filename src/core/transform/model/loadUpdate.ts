import type { LoraModule } from "../../adapter/loraModule";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { readAllValues } from "../../tensors/readValues";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { loadFactors, UpdateUnavailableError } from "../../update/factors";
import type { MergedUpdate } from "./mergedUpdate";
import { notMergeable } from "./mergeRefusal";

/** One module of an adapter that changes a weight. */
export interface PlannedUpdate {
  readonly session: CheckpointSession;
  readonly module: LoraModule;
  readonly weight: number;
}

/**
 * The factors of one module, oriented as the base keeps its weight.
 * @throws CheckpointError `NotMergeable` where they cannot be read or hold NaN.
 */
export async function loadUpdate(
  { session, module, weight }: PlannedUpdate,
  tensor: Tensor,
  readOf: (session: CheckpointSession) => ReadTensorRange,
  signal: AbortSignal | undefined,
): Promise<MergedUpdate> {
  const [rows = 1, ...rest] = tensor.shape;
  const columns = elementCount(rest);
  const read = readOf(session);
  const whole = (part: Tensor) => read(part, 0, part.byteSize, signal);
  try {
    const { a, b, scale, finite } = await loadFactors(module, whole, signal);
    if (!finite) throw notMergeable(session, `${module.module} holds NaN or infinite values.`);
    const isTurned = keepsTranspose(session, module, rows, columns);
    const magnitude =
      module.magnitude === undefined ? undefined : await readAllValues(module.magnitude, read, signal);
    if (magnitude !== undefined && (isTurned || magnitude.length !== rows || tensor.shape.length !== 2))
      throw notMergeable(session, `${module.module}: DoRA is merged for linear layers only.`);
    return {
      module: module.module,
      a,
      b,
      scale: scale * weight,
      isTurned,
      ...(magnitude === undefined ? {} : { magnitude }),
    };
  } catch (error) {
    if (error instanceof UpdateUnavailableError)
      throw notMergeable(session, `${module.module}: ${error.message}`);
    throw error;
  }
}

/** GPT-2's Conv1D keeps its weights turned; of a square one only the configuration says so. */
function keepsTranspose(
  { adapterConfig }: CheckpointSession,
  { layout, outFeatures, inFeatures }: LoraModule,
  rows: number,
  columns: number,
): boolean {
  if (layout === "embedding" || rows !== outFeatures || columns !== inFeatures) return true;
  return rows === columns && adapterConfig?.fanInFanOut === true;
}
