import type { AdapterConfig } from "../../adapter/adapterConfig";
import { hasSmallFactors } from "../../adapter/factorLayout";
import { hasMagnitudeOfInputs, type LoraModule } from "../../adapter/loraModule";
import type { FactoredUpdate, MergedUpdate } from "../../base/mergedUpdate";
import type { FusedRows, SingleExpert } from "../../base/singleExperts";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import { createMatrix, type Matrix, transpose } from "../../linalg/matrix";
import type { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { readAllValues } from "../../tensors/readValues";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { loadWholeUpdate } from "../../update/composed/linearUpdate";
import { type ExpertFactors, loadExpertFactors } from "../../update/expertFactors";
import { loadFactors, readScale, UpdateUnavailableError } from "../../update/factors";
import { notMergeable } from "./mergeRefusal";

/** What tells of an adapter how its updates are read. */
export interface UpdateSource {
  readonly checkpoint: Pick<Checkpoint, "path">;
  readonly adapterConfig?: Pick<AdapterConfig, "fanInFanOut"> | undefined;
}

/** One module of an adapter that changes a weight, or a change of its own that the adapter keeps whole. */
export interface PlannedUpdate<S extends UpdateSource = CheckpointSession> {
  readonly session: S;
  /** Of the module, or of the tensor where there is none. */
  readonly name: string;
  readonly module: LoraModule | undefined;
  /** A difference (`.diff`, `.diff_b`), or the bias of the module's B, which its scale multiplies too. */
  readonly whole?: Tensor;
  readonly weight: number;
  /** Of a module of all experts the one whose own weight this is. */
  readonly expert?: SingleExpert;
  /** Rows of a tensor of all experts that a module of one of them changes. */
  readonly rows?: FusedRows["rows"];
  /** Rows that `whole` replaces, in its order. */
  readonly tokens?: readonly number[];
}

/** Rows and columns in which a weight is changed: of stacked experts the rows of all of them. */
export function rowsAndColumns(
  { shape }: Tensor,
  updates: readonly Omit<PlannedUpdate, "session">[],
): readonly [number, number] {
  const isStacked = updates.some(
    ({ module, expert, rows }) =>
      rows !== undefined || (module?.layout === "experts" && expert === undefined),
  );
  const outer = isStacked ? 2 : 1;
  return [elementCount(shape.slice(0, outer)), elementCount(shape.slice(outer))];
}

/**
 * The factors of one module, oriented as the base keeps its weight; of a mixture those of every expert.
 * @throws CheckpointError `NotMergeable` where they cannot be read or hold NaN.
 */
export async function loadUpdate<S extends UpdateSource>(
  planned: PlannedUpdate<S>,
  tensor: Tensor,
  readOf: (session: S) => ReadTensorRange,
  signal: AbortSignal | undefined,
): Promise<readonly MergedUpdate[]> {
  const { session, name, module, whole, weight, tokens, expert, rows: own } = planned;
  const read = readOf(session);
  const readAll = (part: Tensor) => read(part, 0, part.byteSize, signal);
  try {
    if (whole !== undefined || module === undefined) {
      const scale = module === undefined ? 1 : (await readScale(module, readAll, signal)).scale;
      const values = whole === undefined ? new Float64Array(0) : await readAllValues(whole, read, signal);
      if (!values.every(Number.isFinite) || !Number.isFinite(scale)) throw notFinite(session, name);
      if (tokens !== undefined)
        return [{ module: name, rowsAt: new Map(tokens.map((token, at) => [token, at])), whole: values }];
      return [{ module: name, scale: scale * weight, whole: values }];
    }
    if (module.layout === "experts") {
      const experts = await keptExperts(readOf, module, readAll, signal);
      return expert === undefined
        ? ofAllExperts(planned, module, tensor, experts)
        : [ofOneExpert(planned, module, expert, experts)];
    }
    const [all, columns] = rowsAndColumns(tensor, [planned]);
    const rows = own?.count ?? all;
    if (!hasSmallFactors(module)) {
      if (module.magnitude !== undefined || keepsTranspose(session, module, rows, columns))
        throw notMergeable(
          session,
          `${name} has no small factors, which is merged without DoRA and as it lies.`,
        );
      const { scale } = await readScale(module, readAll, signal);
      const values = await loadWholeUpdate(module, readAll, signal);
      if (!values.every(Number.isFinite) || !Number.isFinite(scale)) throw notFinite(session, name);
      return [{ module: name, scale: scale * weight, whole: values }];
    }
    const { a, b, scale, finite } = await loadFactors(module, readAll, signal);
    if (!finite) throw notFinite(session, name);
    const isTurned = keepsTranspose(session, module, rows, columns);
    const magnitude =
      module.magnitude === undefined ? undefined : await readAllValues(module.magnitude, read, signal);
    const isLinear = !isTurned && magnitude?.length === rows && tensor.shape.length === 2;
    if (magnitude !== undefined && (!isLinear || hasMagnitudeOfInputs(module)))
      throw notMergeable(
        session,
        `${name}: DoRA is merged for linear layers only, and where it rescales outputs.`,
      );
    return [
      {
        module: name,
        ...(isTurned ? turned(a, b) : { a, b }),
        scale: scale * weight,
        ...(magnitude === undefined ? {} : { magnitude }),
        ...(own === undefined ? {} : { rows: own }),
      },
    ];
  } catch (error) {
    if (error instanceof UpdateUnavailableError) throw notMergeable(session, `${name}: ${error.message}`);
    throw error;
  }
}

/** Layers whose factors are kept while their experts are written one by one: those of gate and up, and of down. */
const keptModules = 4;
/** By the reading that they were asked for, with which they are forgotten. */
const kept = new WeakMap<object, Map<LoraModule, Promise<ExpertFactors>>>();

function keptExperts(
  reading: object,
  module: LoraModule,
  readAll: (part: Tensor) => Promise<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<ExpertFactors> {
  const known = kept.get(reading) ?? new Map<LoraModule, Promise<ExpertFactors>>();
  kept.set(reading, known);
  const found = known.get(module) ?? loadExpertFactors(module, readAll, signal);
  known.delete(module);
  known.set(module, found);
  const [oldest] = known.keys();
  if (known.size > keptModules && oldest !== undefined) known.delete(oldest);
  return found;
}

function ofAllExperts(
  { session, name, weight }: PlannedUpdate<UpdateSource>,
  module: LoraModule,
  { shape }: Tensor,
  { count, scale, factorsOf }: ExpertFactors,
): readonly MergedUpdate[] {
  const rowCount = shape[1] ?? 0;
  return Array.from({ length: count }, (_, expert) => {
    const { a, b, finite } = factorsOf(expert);
    if (!finite) throw notFinite(session, name);
    const rows = { first: expert * rowCount, count: rowCount };
    const factors = rowCount === module.outFeatures ? { a, b } : turned(a, b);
    return { module: name, ...factors, scale: scale * weight, rows };
  });
}

function ofOneExpert(
  { session, name, weight }: PlannedUpdate<UpdateSource>,
  module: LoraModule,
  { expert, fusedRows, firstRow, weight: { shape } }: SingleExpert,
  { scale, factorsOf }: ExpertFactors,
): MergedUpdate {
  const { a, b, finite } = factorsOf(expert);
  if (!finite) throw notFinite(session, name);
  const fused = fusedRows === module.outFeatures ? { a, b } : turned(a, b);
  const [count = 0] = shape;
  const { cols } = fused.b;
  const own = fused.b.data.slice(firstRow * cols, (firstRow + count) * cols);
  return { module: name, a: fused.a, b: createMatrix(count, cols, own), scale: scale * weight };
}

/** The factors of ΔWᵀ. */
function turned(a: Matrix, b: Matrix): Pick<FactoredUpdate, "a" | "b"> {
  return { a: transpose(b), b: transpose(a) };
}

function notFinite(session: UpdateSource, name: string): CheckpointError {
  return notMergeable(session, `${name} holds NaN or infinite values.`);
}

/** GPT-2's Conv1D keeps its weights turned; of a square one only the configuration says so. */
function keepsTranspose(
  { adapterConfig }: UpdateSource,
  { layout, outFeatures, inFeatures }: LoraModule,
  rows: number,
  columns: number,
): boolean {
  if (layout === "embedding" || rows !== outFeatures || columns !== inFeatures) return true;
  return rows === columns && adapterConfig?.fanInFanOut === true;
}
