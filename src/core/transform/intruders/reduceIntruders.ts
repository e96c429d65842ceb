import { baseChangedBy } from "../../adapter/modifiedBase";
import { BaseWeights } from "../../base/baseWeights";
import { orientedWeight } from "../../base/intrudersOfModule";
import type { TensorReader } from "../../checkpoint/tensorReader";
import { createMatrix, scaledMatrix } from "../../linalg/matrix";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { LongWork } from "../../session/longWork";
import { relativePathFrom } from "../../stage/stageFileText";
import { isWritableDtype } from "../../tensors/encode";
import { plural } from "../../text/quantities";
import { type Factors, loadFactors } from "../../update/factors";
import { type FoundIntruders, findIntruders, type IntruderReport } from "../../update/intruders";
import { truncatedFactors } from "../../update/truncatedFactors";
import { UpdateAnalysis } from "../../update/updateAnalysis";
import type { OutputFactors } from "../adapterOutput";
import { alignAdapters, type CombinedModule, type Contribution } from "../combine/alignAdapters";
import { targetFormats, targetOutputModule } from "../dialect/dialectOutput";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "../writeAdapter";

export interface IntruderRequest extends LongWork {
  readonly adapter: CheckpointSession;
  readonly base: CheckpointSession;
  /** What stays of each intruder direction of W + ΔW, from 0 to 1; PEFT keeps 0.75. */
  readonly scale: number;
  /** Lets the thread answer others between two products. */
  readonly pause?: () => Promise<void>;
}

export type ReduceIntrudersRequest = IntruderRequest & AdapterTarget;

/** One module before and after. */
export interface CalmedModule {
  readonly module: string;
  readonly before: IntruderReport;
  /** Undefined where nothing was changed. */
  readonly after: IntruderReport | undefined;
  /** ‖ΔW‖_F. */
  readonly normBefore: number;
  readonly normAfter: number;
  /** ‖ΔW′ − what its rank can hold‖_F / ‖ΔW′‖_F. */
  readonly cutError: number;
}

export interface CalmedAdapter extends WrittenAdapter {
  readonly calmed: readonly CalmedModule[];
}

/** Directions that are intruders, or may be one, for the most that could be compared. */
export function intrudersIn({ directions }: IntruderReport): number {
  return directions.filter(({ verdict }) => verdict !== "no").length;
}

/**
 * Scales down directions of W + ΔW that are like none of W's (arXiv 2410.21228; PEFT's reduce_intruder_dimension):
 * ΔW′ = ΔW + (scale − 1)·Σ σᵢuᵢvᵢᵀ, cut to the rank that the module has.
 * @throws CheckpointError `NotCombinable`, `NoIntruders` where no module has any, and those of `writeAdapter`.
 */
export async function reduceIntruders(request: ReduceIntrudersRequest): Promise<CalmedAdapter> {
  const { adapter, base, scale, dtype, signal, toolVersion, now } = request;
  const readers: Readers = [adapter.tensorReader(), base.tensorReader()];
  try {
    const { to, modules } = alignedModules(request);
    const calmed: CalmedModule[] = [];
    const unscaled = to === "diffusers" || to === "mlx";
    const written = await writeAdapter({
      ...request,
      format: targetFormats[to],
      sources: [adapter, base],
      parentConfig: adapter.folder.adapterConfig?.value,
      config: {},
      output: {
        modules: modules.map(({ name, contributions: [own] }) => {
          const { module } = own as Contribution;
          return targetOutputModule(to, module, name, module.rank, dtype);
        }),
        copies: [],
        metadata: new Map([["format", "pt"]]),
        factorsOf: async (_, at) => {
          const { factors, told } = await calm(request, modules[at] as CombinedModule, readers);
          calmed.push(told);
          if (at === modules.length - 1) refuseCalm(adapter, calmed);
          if (!unscaled) return factors;
          return { ...factors, scale: 1, b: scaledMatrix(factors.b, factors.scale) };
        },
      },
      provenance: () => {
        const { before, after } = totals(calmed);
        return {
          stage: "intruder-reduction",
          note: `Intruder directions scaled by ${scale}: ${plural(before, "direction")} before, ${after} after, over ${plural(modules.length, "module")}.`,
          createdBy: `checkpoint-explorer ${toolVersion}`,
          createdAt: now,
          parent: adapter.identity,
          base: relativePathFrom(request.path, base.identity),
          method: { name: "reduce-intruders", scale, intrudersBefore: before, intrudersAfter: after },
        };
      },
    });
    signal?.throwIfAborted();
    return { ...written, calmed };
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

/** The intruders of every module, and nothing written. */
export async function findAllIntruders(
  request: IntruderRequest,
): Promise<readonly { readonly module: string; readonly report: IntruderReport }[]> {
  const readers: Readers = [request.adapter.tensorReader(), request.base.tensorReader()];
  try {
    const found: { module: string; report: IntruderReport }[] = [];
    for (const module of alignedModules(request).modules)
      found.push({ module: module.name, report: (await search(request, module, readers)).search.report });
    return found;
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

/** Over all modules. */
export function totals(calmed: readonly CalmedModule[]): { readonly before: number; readonly after: number } {
  const sum = (of: (module: CalmedModule) => IntruderReport) =>
    calmed.reduce((count, module) => count + intrudersIn(of(module)), 0);
  return { before: sum(({ before }) => before), after: sum(({ before, after }) => after ?? before) };
}

type Readers = readonly [adapter: TensorReader, base: TensorReader];

/** @throws CheckpointError `NotCombinable` where a module has no plain factors, or the base was changed at the start. */
export function alignedModules({ adapter }: Pick<IntruderRequest, "adapter">) {
  const init = baseChangedBy(adapter.adapterConfig, adapter.adapter?.modules);
  if (init !== undefined)
    throw refusal(adapter, `It was initialised by ${init}: its factors belong to a base that was changed.`);
  return alignAdapters([{ session: adapter, weight: 1 }]);
}

async function search(
  { base, signal, pause }: IntruderRequest,
  { contributions, name }: CombinedModule,
  [factorsReader, weights]: Readers,
) {
  signal?.throwIfAborted();
  const { module, session } = contributions[0] as Contribution;
  const tensor = new BaseWeights(base.checkpoint.tensors).find(module.module);
  if (tensor === undefined)
    throw refusal(session, `The base has no weight for ${name}. Is it the right base?`);
  if (!isWritableDtype(tensor.dtype))
    throw refusal(base, `${tensor.name} is ${tensor.dtype}: it has no values.`);
  const factors = await loadFactors(module, (each) => factorsReader.read(each, signal), signal);
  if (!factors.finite) throw refusal(session, `${name} holds NaN or infinite values.`);
  const read = (offset: number, length: number) => weights.readRange(tensor, offset, length, signal);
  const update = new UpdateAnalysis(factors);
  try {
    const weight = await orientedWeight(module, tensor, read);
    const options = pause === undefined ? {} : { pause };
    return { factors, update, weight, options, search: await findIntruders(weight, update, options) };
  } catch (error) {
    throw error instanceof RangeError ? refusal(session, error.message) : error;
  }
}

async function calm(
  request: ReduceIntrudersRequest,
  module: CombinedModule,
  readers: Readers,
): Promise<{ readonly factors: OutputFactors; readonly told: CalmedModule }> {
  const found = await search(request, module, readers);
  const { factors, update, weight, options } = found;
  const before = found.search.report;
  const normBefore = update.metrics.frobenius;
  const same = { module: module.name, before, normBefore };
  if (intrudersIn(before) === 0) {
    const told = { ...same, after: undefined, normAfter: normBefore, cutError: 0 };
    return { factors: { a: factors.a, b: factors.b, scale: factors.scale, norm: normBefore }, told };
  }
  const changed = new UpdateAnalysis(withLess(factors, found.search, request.scale));
  const rank = factors.a.rows;
  const kept = truncatedFactors(changed, rank, Math.abs(factors.scale));
  const scale = Math.abs(factors.scale);
  const squares = [...changed.singularValues()].map((value) => value * value);
  const all = squares.reduce((sum, square) => sum + square, 0);
  const norm = Math.sqrt(squares.slice(0, rank).reduce((sum, square) => sum + square, 0));
  const result = new UpdateAnalysis({ ...factors, ...kept, scale });
  const after = (await findIntruders(weight, result, options)).report;
  const cutError = all === 0 ? 0 : Math.sqrt(Math.max(0, 1 - (norm * norm) / all));
  return { factors: { ...kept, scale, norm }, told: { ...same, after, normAfter: norm, cutError } };
}

/** s·[B, (scale − 1)/s·σᵢuᵢ …]·[A; vᵢᵀ …] */
function withLess(factors: Factors, { report, left, right }: FoundIntruders, scale: number): Factors {
  const intruders = report.directions.flatMap(({ verdict }, at) => (verdict === "no" ? [] : [at]));
  const { a, b } = factors;
  const own = a.rows;
  const rank = own + intruders.length;
  const [moreA, moreB] = [createMatrix(rank, a.cols), createMatrix(b.rows, rank)];
  moreA.data.set(a.data);
  for (let row = 0; row < b.rows; row++)
    moreB.data.set(b.data.subarray(row * own, (row + 1) * own), row * rank);
  for (const [k, at] of intruders.entries()) {
    const weight = ((scale - 1) / factors.scale) * (report.directions[at]?.singularValue ?? 0);
    moreA.data.set(right.data.subarray(at * a.cols, (at + 1) * a.cols), (own + k) * a.cols);
    for (let row = 0; row < b.rows; row++)
      moreB.data[row * rank + own + k] = weight * (left.data[at * b.rows + row] as number);
  }
  return { ...factors, a: moreA, b: moreB };
}

function refuseCalm(adapter: CheckpointSession, calmed: readonly CalmedModule[]): void {
  if (totals(calmed).before > 0) return;
  const message = "No module has an intruder direction: there is nothing to scale down.";
  throw new CheckpointError("NoIntruders", message, undefined, adapter.checkpoint.path);
}

function refusal({ checkpoint }: CheckpointSession, message: string): CheckpointError {
  return new CheckpointError("NotCombinable", message, undefined, checkpoint.path);
}
