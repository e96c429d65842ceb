import { namesOfOtherBases } from "../../adapter/modifiedBase";
import type { TensorReader } from "../../checkpoint/tensorReader";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import type { CheckpointSession } from "../../session/checkpointSession";
import { relativePathFrom, stageFileText } from "../../stage/stageFileText";
import { encodeValues, isWritableDtype, type WritableDtype } from "../../tensors/encode";
import { readValues } from "../../tensors/readValues";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { carriedFiles } from "./carriedFiles";
import { noCost } from "./castPieces";
import { type ConvertPlan, outputOf, planConversion } from "./convert";
import { factorsAveraged, meanError } from "./meanOfUpdates";
import { type OutputTensor, weightsStem } from "./modelOutput";
import { type ModelTarget, type WrittenModel, writeModel } from "./writeModel";

export interface AverageRequest extends ModelTarget {
  /** The first gives names, dtypes and configuration. */
  readonly snapshots: readonly CheckpointSession[];
  /** One for each, of any sum but 0: they are divided by it. */
  readonly weights: readonly number[];
  readonly toolVersion: string;
  readonly now: Date;
}

export interface Averaged extends WrittenModel {
  /** ‖Wᵢ − mean‖ / ‖mean‖ over all averaged tensors, for each snapshot. */
  readonly drift: readonly number[];
  /** Integers and truth values, which are those of the first snapshot. */
  readonly taken: number;
  /** What the user should know of the result. */
  readonly problems: readonly Problem[];
}

/** What an average will do. */
export interface AveragePlan {
  /** The first snapshot as it would be written: names, dtypes, bytes. */
  readonly conversion: ConvertPlan;
  readonly tensors: readonly AveragedTensor[];
  /** How many are those of the first snapshot. */
  readonly taken: number;
  readonly problems: readonly Problem[];
}

interface AveragedTensor {
  readonly planned: ConvertPlan["tensors"][number];
  /** One for each snapshot; undefined for integers and truth values, which have no mean. */
  readonly parts: readonly Tensor[] | undefined;
}

/**
 * Which tensors have a mean.
 * @throws CheckpointError `NotAveraged` where a tensor is not in all of them with one shape and a dtype of plain floats,
 * and those of `planConversion`.
 */
export async function planAverage(snapshots: readonly CheckpointSession[]): Promise<AveragePlan> {
  const [first, ...others] = snapshots;
  if (first === undefined || others.length === 0)
    throw new CheckpointError("NotAveraged", "Two snapshots or more are needed.");
  refuseOtherScales(snapshots);
  const conversion = await planConversion(first, { only: "model" });
  const plans = [conversion];
  for (const snapshot of others) plans.push(await planConversion(snapshot, { only: "model" }));
  const byName = plans.map((plan) => new Map(plan.tensors.map(({ name, tensor }) => [name, tensor])));
  const tensors = conversion.tensors.map((planned): AveragedTensor => {
    const { name, tensor, dtype } = planned;
    const parts = byName.map((each, at) =>
      sameTensor(snapshots[at] as CheckpointSession, each, name, tensor),
    );
    if (isWritableDtype(dtype) && parts.every((part) => isWritableDtype(part.dtype)))
      return { planned, parts };
    if (dtype.startsWith("F"))
      throw notAveraged(first, `${name} is ${dtype}: the mean of scaled codes is none.`);
    return { planned, parts: undefined };
  });
  for (const [at, each] of byName.entries()) refuseMore(snapshots[at] as CheckpointSession, each, byName[0]);
  const taken = tensors.filter(({ parts }) => parts === undefined).length;
  return { conversion, tensors, taken, problems: problemsOf(snapshots) };
}

function problemsOf(snapshots: readonly CheckpointSession[], error?: number): readonly Problem[] {
  const adapter = snapshots[0]?.adapter;
  if (adapter === undefined) return [];
  const bases = namesOfOtherBases(snapshots.map(({ adapterConfig }) => adapterConfig));
  const message = `The adapters name different base models: ${bases.join(", ")}. A mean of updates of different bases is an update of none of them.`;
  return [
    ...factorsAveraged(adapter, error),
    ...(bases.length === 0 ? [] : [{ severity: "warning", code: "DifferentBases", message } as const]),
  ];
}

/**
 * Writes the weighted mean of snapshots, tensor by tensor, summed in doubles and rounded once.
 * @throws CheckpointError `NotAveraged`, and those of `planAverage` and `writeModel`.
 */
export async function average(request: AverageRequest): Promise<Averaged> {
  const { snapshots, weights } = request;
  const [first] = snapshots;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (first === undefined || weights.length !== snapshots.length || !(Math.abs(total) > 0))
    throw new CheckpointError("NotAveraged", "Two snapshots and weights whose sum is not 0 are needed.");
  const shares = weights.map((weight) => weight / total);
  const plan = await planAverage(snapshots);
  const readers = snapshots.map((snapshot) => snapshot.tensorReader());
  const squares = snapshots.map(() => 0);
  const adapters = snapshots.map(({ adapter }) => adapter);
  const mean: MeanSums = { squares: 0, notFinite: undefined };
  try {
    const error = await meanError(adapters, shares, readers, request.signal);
    const outputs = plan.tensors.map(({ planned, parts }): OutputTensor => {
      const { name, tensor, dtype } = planned;
      if (parts === undefined || !isWritableDtype(dtype))
        return outputOf(planned, (...range) => (readers[0] as TensorReader).readRange(...range), noCost());
      const pieces = (signal?: AbortSignal) =>
        meanPieces({ name, parts, shares, readers, dtype, squares, mean }, signal);
      return { name, dtype, shape: tensor.shape, pieces };
    });
    const written = await writeModel({
      ...request,
      output: {
        tensors: outputs,
        carried: carriedFiles(first.folder),
        stem: weightsStem(first),
        ...(first.checkpoint.format === "safetensors"
          ? { metadata: new Map(first.checkpoint.metadata) }
          : {}),
      },
      check: () => refuseNotFinite(mean.notFinite),
      sources: snapshots,
      stageText: (path) => stageText(request, shares, path),
    });
    return {
      ...written,
      drift: squares.map((square) => Math.sqrt(square / mean.squares)),
      taken: plan.taken,
      problems: problemsOf(snapshots, error),
    };
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

function sameTensor(
  snapshot: CheckpointSession,
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  { shape }: Tensor,
): Tensor {
  const found = tensors.get(name);
  if (found?.shape.join() === shape.join()) return found;
  const what = found === undefined ? "is not in it" : `has another shape in it (${found.shape.join(" × ")})`;
  throw notAveraged(snapshot, `${name} ${what}: only snapshots of one model have a mean.`);
}

function refuseMore(
  snapshot: CheckpointSession,
  tensors: ReadonlyMap<string, Tensor>,
  first: ReadonlyMap<string, Tensor> | undefined,
): void {
  const more = [...tensors.keys()].find((name) => first?.has(name) !== true);
  if (more !== undefined) throw notAveraged(snapshot, `${more} is in this snapshot and not in the first.`);
}

function notAveraged({ checkpoint }: CheckpointSession, message: string): CheckpointError {
  return new CheckpointError("NotAveraged", message, undefined, checkpoint.path);
}

/** The mean of factors is one of adapters only where the same is made of them. */
function refuseOtherScales(snapshots: readonly CheckpointSession[]): void {
  const [first, ...others] = snapshots;
  const scales = (session: CheckpointSession | undefined) =>
    (session?.adapter?.modules ?? []).map(({ module, scale }) => `${module} ${scale}`).sort();
  const own = scales(first).join();
  const other = others.find((each) => scales(each).join() !== own);
  if (other !== undefined)
    throw notAveraged(
      other,
      "Its modules or their scales are others than the first adapter's, so that the mean of the factors means nothing. Combine them: combine ADAPTER:WEIGHT …",
    );
}

interface MeanSums {
  squares: number;
  /** The first tensor whose mean is no number. */
  notFinite: string | undefined;
}

/** @throws CheckpointError `NotAveraged` */
function refuseNotFinite(name: string | undefined): void {
  if (name === undefined) return;
  const message = `${name} holds NaN, infinite values or too large ones in one of the snapshots: the mean would have them too. Leave that snapshot out.`;
  throw new CheckpointError("NotAveraged", message);
}

interface MeanOf {
  readonly name: string;
  readonly parts: readonly Tensor[];
  readonly shares: readonly number[];
  readonly readers: readonly TensorReader[];
  readonly dtype: WritableDtype;
  readonly squares: number[];
  readonly mean: MeanSums;
}

const pieceValues = 1 << 20;

async function* meanPieces(
  { name, parts, shares, readers, dtype, squares, mean }: MeanOf,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const total = elementCount(parts[0]?.shape ?? []);
  for (let first = 0; first < total; first += pieceValues) {
    signal?.throwIfAborted();
    const count = Math.min(pieceValues, total - first);
    const values = await Promise.all(
      parts.map((part, at) => {
        const reader = readers[at] as TensorReader;
        return readValues(part, first, count, (...range) => reader.readRange(...range), signal);
      }),
    );
    const sums = new Float64Array(count);
    for (const [at, each] of values.entries()) {
      const share = shares[at] as number;
      for (let index = 0; index < count; index++)
        sums[index] = (sums[index] as number) + share * (each[index] as number);
    }
    for (const value of sums) mean.squares += value * value;
    if (!Number.isFinite(mean.squares)) mean.notFinite ??= name;
    for (const [at, each] of values.entries()) {
      let square = 0;
      for (let index = 0; index < count; index++)
        square += ((each[index] as number) - (sums[index] as number)) ** 2;
      squares[at] = (squares[at] as number) + square;
    }
    yield encodeValues(sums, dtype);
  }
}

function stageText(
  { snapshots, toolVersion, now }: AverageRequest,
  shares: readonly number[],
  path: string,
): string {
  const parents = snapshots.map(({ identity }, at) => ({
    path: relativePathFrom(path, identity),
    share: shares[at],
  }));
  const provenance = {
    stage: "averaged",
    note: `the mean of ${snapshots.length} snapshots`,
    createdBy: `checkpoint-explorer ${toolVersion}`,
    createdAt: now,
    parent: snapshots[0]?.identity ?? path,
    method: { name: "average", snapshots: parents },
  };
  return stageFileText(provenance, path);
}
