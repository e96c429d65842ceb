import type { Adapter } from "../adapter/adapter";
import { type LoraModule, storedBytes } from "../adapter/loraModule";
import { createMatrix } from "../linalg/matrix";
import { CheckpointError } from "../problem/checkpointError";
import type { CheckpointSession } from "../session/checkpointSession";
import type { LongWork } from "../session/longWork";
import { decodeTensor } from "../tensors/decode";
import { dtypeBits } from "../tensors/dtype";
import { loadFactors, type ReadTensor, UpdateUnavailableError } from "../update/factors";
import { type MeasureModules, type ModuleMeasurement, measureOneByOne } from "../update/measureModule";
import { type PlainFactors, truncatedFactors } from "../update/truncatedFactors";
import { UpdateAnalysis } from "../update/updateAnalysis";
import type { ReducibleModule } from "./reductionPlan";
import { reductionProblem } from "./reductionRefusal";

/** An adapter whose modules have all been measured, ready to be reduced. */
export interface ReduceSource {
  readonly session: CheckpointSession;
  readonly adapter: Adapter;
  readonly measurements: readonly ModuleMeasurement[];
  readonly modules: readonly ReducibleModule[];
}

/**
 * Measures every module of an adapter: what the preview of a reduction needs.
 * @throws CheckpointError `NotReducible` where the checkpoint is no adapter or a module cannot be measured: a snapshot
 * without it would not be the same adapter.
 */
export async function openReduceSource(
  session: CheckpointSession,
  { report, signal, measure }: LongWork & { readonly measure?: MeasureModules | undefined } = {},
): Promise<ReduceSource> {
  const { adapter } = session;
  const problem = reductionProblem(session);
  if (problem !== undefined || adapter === undefined)
    throw notReducible(session, problem ?? "It is no adapter.");
  const reader = session.tensorReader();
  const measurements: ModuleMeasurement[] = [];
  try {
    const oneByOne = measureOneByOne((tensor) => reader.read(tensor, signal), signal);
    await (measure ?? oneByOne)(adapter.modules, (measurement) => {
      report?.(measurements.length, adapter.modules.length, measurement.module.module);
      measurements.push(measurement);
    });
  } finally {
    await reader.close();
  }
  return { session, adapter, measurements, modules: measurements.map((each) => reducible(session, each)) };
}

function reducible(
  session: CheckpointSession,
  { module, metrics, scale, unavailable }: ModuleMeasurement,
): ReducibleModule {
  if (scale === 0) {
    const message = `The scale of ${module.module} is 0 (its alpha is 0), so that it changes nothing whatever its factors are. There is nothing to reduce.`;
    throw notReducible(session, message);
  }
  if (metrics === undefined) {
    throw notReducible(
      session,
      `${module.module} cannot be reduced: ${unavailable ?? "it was not measured."}`,
    );
  }
  const { rank, inFeatures, outFeatures } = module;
  const bytesPerValue = (dtypeBits.get(module.a.dtype) ?? 32) / 8;
  return {
    module: module.module,
    rank,
    inFeatures,
    outFeatures,
    singularValues: metrics.singularValues,
    bytesPerValue,
    storedBytes: storedBytes(module),
  };
}

export function notReducible(session: CheckpointSession, message: string): CheckpointError {
  return new CheckpointError("NotReducible", message, undefined, session.checkpoint.path);
}

/** A module that is to be written at a lower rank. */
export interface ReductionTask {
  readonly kind: "reduce";
  readonly module: LoraModule;
  /** Of its update, as far as they were measured. */
  readonly singularValues: Float64Array | undefined;
  readonly rank: number;
  readonly scale: number;
}

/** The factors of one module at a lower rank. */
export async function reducedFactors(
  { module, singularValues, rank, scale }: ReductionTask,
  read: ReadTensor,
): Promise<PlainFactors> {
  try {
    return truncatedFactors(new UpdateAnalysis(await loadFactors(module, read)), rank, scale);
  } catch (error) {
    const { diagonal } = module;
    const isOfModule = error instanceof UpdateUnavailableError || error instanceof RangeError;
    if (diagonal === undefined || singularValues === undefined || !isOfModule) throw error;
    // A decomposition of full rank: its first vectors are the answer already.
    const [u, v] = [await read(module.b), await read(module.a)];
    return firstVectors(
      module,
      decodeTensor(u, module.b.dtype, module.outFeatures * module.rank),
      decodeTensor(v, module.a.dtype, module.inFeatures * module.rank),
      singularValues,
      rank,
      scale,
    );
  }
}

function firstVectors(
  { rank: all, inFeatures, outFeatures, layout }: LoraModule,
  u: Float64Array,
  v: Float64Array,
  values: Float64Array,
  rank: number,
  scale: number,
): PlainFactors {
  const a = createMatrix(rank, inFeatures);
  const b = createMatrix(outFeatures, rank);
  for (let k = 0; k < rank; k++) {
    const weight = Math.sqrt((values[k] as number) / scale);
    for (let j = 0; j < inFeatures; j++) {
      a.data[k * inFeatures + j] =
        weight * (v[layout === "svdV" ? j * all + k : k * inFeatures + j] as number);
    }
    for (let i = 0; i < outFeatures; i++) b.data[i * rank + k] = weight * (u[i * all + k] as number);
  }
  return { a, b };
}
