import { addUpdates, changeSquares, lostShare, type MergeCost } from "../../base/mergedUpdate";
import { createRowMerger, type RowMerger } from "../../base/rowMerger";
import { readAhead } from "../../bytes/readAhead";
import type { TensorReader } from "../../checkpoint/tensorReader";
import type { CheckpointSession } from "../../session/checkpointSession";
import { relativePathFrom, stageFileText } from "../../stage/stageFileText";
import { decodeTensor } from "../../tensors/decode";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import type { Tensor } from "../../tensors/tensor";
import { carriedFiles } from "./carriedFiles";
import { type CastCost, CountedRounding, noCost } from "./castPieces";
import { configChange, outputOf, refuseOverflow } from "./convert";
import { loadUpdate, type PlannedUpdate, rowsAndColumns } from "./loadUpdate";
import { type MergePlan, planMerge, type WeightedAdapter } from "./mergePlan";
import { type OutputTensor, weightsStem } from "./modelOutput";
import { type ModelTarget, type WrittenModel, writeModel } from "./writeModel";

export interface MergeRequest extends ModelTarget {
  readonly base: CheckpointSession;
  readonly adapters: readonly WeightedAdapter[];
  /** Of the result; each weight keeps its own where not said. */
  readonly dtype?: WritableDtype;
  readonly isScaleKnown?: boolean;
  readonly toolVersion: string;
  readonly now: Date;
}

export interface MergedModule {
  readonly module: string;
  /** ‖ΔW‖_F. */
  readonly updateNorm: number;
  /** The share of it that rounding to the dtype of the result took. */
  readonly lostShare: number;
}

export interface Merged extends WrittenModel {
  readonly plan: MergePlan;
  readonly merged: readonly MergedModule[];
}

/**
 * Writes base + Σ weight · ΔW as safetensors, weight by weight, each rounded once, and reads it back. What rounding took
 * of every update is told.
 * @throws CheckpointError those of `planMerge` and `writeModel`, `OutOfRange`.
 */
export async function merge(request: MergeRequest): Promise<Merged> {
  const { base, adapters, dtype } = request;
  const plan = await planMerge(request);
  const readers = new Map(
    [base, ...adapters.map(({ session }) => session)].map((each) => [each, each.tensorReader()]),
  );
  const readOf =
    (session: CheckpointSession): ReadTensorRange =>
    (...range) =>
      (readers.get(session) as TensorReader).readRange(...range);
  const costs: MergeCost[] = [];
  const cast = noCost();
  const merger = createRowMerger();
  const outputs = plan.conversion.tensors.map((planned): OutputTensor => {
    const { tensor, name, dtype: as } = planned;
    const whole = plan.replaced.get(tensor);
    if (whole !== undefined) {
      const target = isWritableDtype(as) ? as : "F32";
      return outputOf({ name, tensor: whole.tensor, dtype: target }, readOf(whole.session), cast);
    }
    const updates = plan.changes.get(tensor);
    if (updates === undefined || !isWritableDtype(as)) return outputOf(planned, readOf(base), cast);
    const pieces = (signal?: AbortSignal) =>
      mergedPieces({ tensor, dtype: as, updates, read: readOf(base), readOf, merger, cast, costs }, signal);
    return { name, dtype: as, shape: tensor.shape, pieces };
  });
  try {
    const written = await writeModel({
      ...request,
      output: {
        tensors: outputs,
        carried: carriedFiles(base.folder, configChange(plan.conversion, dtype, plan.isUntied)),
        stem: weightsStem(base),
      },
      sources: [base, ...adapters.map(({ session }) => session)],
      check: () => refuseOverflow(cast, dtype),
      stageText: (path) => stageText(request, plan, costs.map(mergedModule), path),
    });
    return { ...written, plan, merged: costs.map(mergedModule) };
  } finally {
    await Promise.all([...readers.values()].map((reader) => reader.close()));
  }
}

function mergedModule(cost: MergeCost): MergedModule {
  return { module: cost.module, updateNorm: Math.sqrt(cost.updateSquares), lostShare: lostShare(cost) };
}

interface MergedTensor {
  readonly tensor: Tensor;
  readonly dtype: WritableDtype;
  readonly updates: readonly PlannedUpdate[];
  readonly read: ReadTensorRange;
  readonly readOf: (session: CheckpointSession) => ReadTensorRange;
  /** One for all weights, which are merged one after the other. */
  readonly merger: RowMerger | undefined;
  readonly cast: CastCost;
  readonly costs: MergeCost[];
}

/** Of rows that are changed at once; small enough for the second-level cache. */
const pieceValues = 1 << 16;

async function* mergedPieces(
  { tensor, dtype, updates, read, readOf, merger, cast, costs }: MergedTensor,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const [rows, columns] = rowsAndColumns(tensor, updates);
  const loaded = (
    await Promise.all(updates.map((update) => loadUpdate(update, tensor, readOf, signal)))
  ).flat();
  const cost: MergeCost = {
    module: [...new Set(updates.map(({ name }) => name))].join(" + "),
    updateSquares: 0,
    lostSquares: 0,
  };
  const atOnce = merger?.load(loaded, columns, tensor.dtype, dtype);
  const step = atOnce ?? Math.max(1, Math.floor(pieceValues / Math.max(1, columns)));
  const rounding = new CountedRounding(dtype, cast);
  const rowBytes = tensor.byteSize / Math.max(1, rows);
  const readRows = (first: number, spare?: Uint8Array) =>
    read(tensor, first * rowBytes, Math.min(step, rows - first) * rowBytes, signal, spare);
  let [before, exact] = [new Float64Array(0), new Float64Array(0)];
  for await (const [first, stored] of readAhead(rows, step, readRows)) {
    signal?.throwIfAborted();
    const quick = atOnce === undefined ? undefined : merger?.merge(stored, first);
    if (quick !== undefined) {
      cost.updateSquares += quick.updateSquares;
      cost.lostSquares += quick.lostSquares;
      yield quick.bytes;
      continue;
    }
    const count = Math.min(step, rows - first) * columns;
    if (count !== before.length) [before, exact] = [new Float64Array(count), new Float64Array(count)];
    exact.set(decodeTensor(stored, tensor.dtype, count, before));
    addUpdates(exact, first, columns, loaded);
    cost.updateSquares += changeSquares(before, exact);
    const encoded = rounding.encode(exact);
    cost.lostSquares += rounding.errorSquares;
    yield encoded;
  }
  costs.push(cost);
}

function stageText(
  { base, adapters, toolVersion, now, dtype }: MergeRequest,
  plan: MergePlan,
  merged: readonly MergedModule[],
  path: string,
): string {
  const worstLostShare = merged.reduce((worst, { lostShare: share }) => Math.max(worst, share), 0);
  const parents = adapters.map(({ session, weight }) => ({
    path: relativePathFrom(path, session.identity),
    weight,
  }));
  const provenance = {
    stage: "merged",
    note: `base + ${adapters.length === 1 ? "its adapter" : `${adapters.length} adapters`}, ${plan.modules} modules`,
    createdBy: `checkpoint-explorer ${toolVersion}`,
    createdAt: now,
    parent: adapters[0]?.session.identity ?? base.identity,
    base: relativePathFrom(path, base.identity),
    method: { name: "merge", adapters: parents, ...(dtype === undefined ? {} : { dtype }), worstLostShare },
    modules: Object.fromEntries(merged.map(({ module, ...figures }) => [module, figures])),
  };
  return stageFileText(provenance, path);
}
