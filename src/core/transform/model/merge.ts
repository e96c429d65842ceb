import { modulePath } from "../../adapter/loraKey";
import type { LoraModule } from "../../adapter/loraModule";
import { BaseWeights, fits } from "../../base/baseWeights";
import type { TensorReader } from "../../checkpoint/tensorReader";
import type { CheckpointSession } from "../../session/checkpointSession";
import { relativePathFrom, stageFileText } from "../../stage/stageFileText";
import { decodeTensor } from "../../tensors/decode";
import { encodeValues, isWritableDtype, type WritableDtype } from "../../tensors/encode";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { readValues } from "../../tensors/readValues";
import { elementCount, storedType, type Tensor } from "../../tensors/tensor";
import { carriedFiles } from "./carriedFiles";
import { addCost, type CastCost, noCost } from "./castPieces";
import { type ConvertPlan, configChange, outputOf, planConversion, refuseOverflow } from "./convert";
import { loadUpdate, type PlannedUpdate, rowsAndColumns } from "./loadUpdate";
import { addMergeCost, addUpdates, lostShare, type MergeCost } from "./mergedUpdate";
import { mergeableAdapter, notMergeable } from "./mergeRefusal";
import type { OutputTensor } from "./modelOutput";
import { type ModelTarget, type WrittenModel, writeModel } from "./writeModel";

/** An adapter and how much of it is added. */
export interface WeightedAdapter {
  readonly session: CheckpointSession;
  readonly weight: number;
}

export interface MergeRequest extends ModelTarget {
  readonly base: CheckpointSession;
  readonly adapters: readonly WeightedAdapter[];
  /** Of the result; each weight keeps its own where not said. */
  readonly dtype?: WritableDtype;
  readonly toolVersion: string;
  readonly now: Date;
}

/** What a merge will do. */
export interface MergePlan {
  readonly conversion: ConvertPlan;
  /** By the base's tensor: the modules that change it. */
  readonly changes: ReadonlyMap<Tensor, readonly PlannedUpdate[]>;
  /** By the base's tensor: the one that an adapter saved whole in its place. */
  readonly replaced: ReadonlyMap<Tensor, { readonly session: CheckpointSession; readonly tensor: Tensor }>;
  readonly modules: number;
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
 * Which weights of the base change, and by what.
 * @throws CheckpointError `NotMergeable` where a part has no exact rule, a module has no weight in the base or one of
 * another shape, or the base is quantised.
 */
export async function planMerge({
  base,
  adapters,
  dtype,
}: Pick<MergeRequest, "base" | "adapters" | "dtype">): Promise<MergePlan> {
  const options = { only: "model", ...(dtype === undefined ? {} : { dtype }) } as const;
  const conversion = await planConversion(base, options);
  const weights = new BaseWeights(conversion.tensors.map(({ tensor }) => tensor));
  const packed = new Set((await base.weights()).flatMap(({ packed: each }) => each?.stored ?? []));
  const changes = new Map<Tensor, PlannedUpdate[]>();
  const replaced = new Map<Tensor, { session: CheckpointSession; tensor: Tensor }>();
  const add = (to: Tensor, update: PlannedUpdate) => changes.set(to, [...(changes.get(to) ?? []), update]);
  let modules = 0;
  for (const { session, weight } of adapters) {
    const adapter = mergeableAdapter(session);
    const placed: { module: LoraModule; weight: Tensor }[] = [];
    for (const module of adapter.modules) {
      const found = weights.find(module.module);
      if (found === undefined)
        throw notMergeable(session, `The base has no weight for ${module.module}. Is it the right base?`);
      refuseWeight(session, module, found, packed.has(found));
      if (module.magnitude !== undefined && (weight !== 1 || adapters.length > 1))
        throw notMergeable(
          session,
          "DoRA normalises the whole weight: it is merged alone and with weight 1.",
        );
      placed.push({ module, weight: found });
      add(found, { session, name: module.module, module, weight });
      if (module.bias !== undefined) {
        const bias = wholeTarget(session, weights, module.bias, `${module.module}.bias`);
        add(bias, { session, name: module.bias.name, module, whole: module.bias, weight });
      }
      modules++;
    }
    for (const whole of adapter.differences) {
      const [, path = "", kind] = /^(.*)\.diff(_b)?$/.exec(whole.name) ?? [];
      const isFlat = !path.includes(".");
      const target = kind === undefined ? path : path + (isFlat ? "_bias" : ".bias");
      add(wholeTarget(session, weights, whole, target), {
        session,
        name: whole.name,
        module: undefined,
        whole,
        weight,
      });
    }
    refuseAmbiguous(session, placed);
    for (const tensor of adapter.savedTensors) {
      const found = weights.find(savedPath(tensor.name));
      if (found === undefined || found.shape.join() !== tensor.shape.join())
        throw notMergeable(
          session,
          `${tensor.name} was saved whole, and the base has no weight of that name and shape to put it in place of.`,
        );
      if (adapters.length > 1)
        throw notMergeable(session, `${tensor.name} was saved whole, which several adapters cannot share.`);
      replaced.set(found, { session, tensor });
    }
  }
  return { conversion, changes, replaced, modules };
}

/** The weight of the base that a difference or a bias is added to, value by value. */
function wholeTarget(session: CheckpointSession, weights: BaseWeights, whole: Tensor, path: string): Tensor {
  const found = weights.find(path);
  if (found === undefined || elementCount(found.shape) !== elementCount(whole.shape))
    throw notMergeable(
      session,
      `The base has nothing of the shape of ${whole.name} that it could be added to.`,
    );
  if (isWritableDtype(found.dtype) && found.packed === undefined) return found;
  throw notMergeable(session, `The base's ${found.name} is ${storedType(found)}, to which nothing is added.`);
}

/** PEFT's `modules_to_save` stands in the path of what it saved. */
function savedPath(name: string): string {
  return modulePath(name.replace(/\.modules_to_save\.(?:[^.]+\.)?/, ".")).replace(/\.weight$/, "");
}

function refuseWeight(
  session: CheckpointSession,
  module: LoraModule,
  weight: Tensor,
  isPacked: boolean,
): void {
  if (isPacked || !isWritableDtype(weight.dtype) || weight.packed !== undefined)
    throw notMergeable(
      session,
      `The base's ${weight.name} is ${isPacked ? "quantised" : storedType(weight)}: an update added to rounded codes would be lost. Convert the base first: convert BASE --to safetensors --dtype bf16 --out DIR.`,
    );
  if (module.layout === "experts") refuseExperts(session, module, weight);
  else if (!fits(module, weight))
    throw notMergeable(
      session,
      `${module.module} changes ${module.outFeatures} × ${module.inFeatures}, the base's ${weight.name} is ${weight.shape.join(" × ")}.`,
    );
}

/**
 * @throws CheckpointError where the base does not keep the experts in one tensor, or that does not tell which of its axes
 * are outputs: PEFT adapts both orders.
 */
function refuseExperts(session: CheckpointSession, module: LoraModule, { name, shape }: Tensor): void {
  const { inFeatures, outFeatures, experts } = module;
  const [count, ...sides] = shape;
  const fitsExperts =
    sides.length === 2 &&
    count === experts?.count &&
    sides.includes(inFeatures) &&
    sides.includes(outFeatures);
  if (fitsExperts && inFeatures !== outFeatures) return;
  throw notMergeable(
    session,
    fitsExperts
      ? `The experts of ${name} are square, and nothing says which way they lie.`
      : `${module.module} changes ${experts?.count ?? "some"} experts of ${outFeatures} × ${inFeatures}, the base's ${name} is ${shape.join(" × ")}.`,
  );
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
    (tensor, offset, length, signal) =>
      (readers.get(session) as TensorReader).readRange(tensor, offset, length, signal);
  const costs: MergeCost[] = [];
  const cast = noCost();
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
      mergedPieces({ tensor, dtype: as, updates, read: readOf(base), readOf, cast, costs }, signal);
    return { name, dtype: as, shape: tensor.shape, pieces };
  });
  try {
    const written = await writeModel({
      ...request,
      output: {
        tensors: outputs,
        carried: carriedFiles(base.folder, configChange(plan.conversion, dtype)),
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
  readonly cast: CastCost;
  readonly costs: MergeCost[];
}

/** Of rows that are changed at once; small enough for the second-level cache. */
const pieceValues = 1 << 16;

async function* mergedPieces(
  { tensor, dtype, updates, read, readOf, cast, costs }: MergedTensor,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const [rows, columns] = rowsAndColumns(tensor, updates);
  const loaded = (
    await Promise.all(updates.map((update) => loadUpdate(update, tensor, readOf, signal)))
  ).flat();
  const cost: MergeCost = {
    module: updates.map(({ name }) => name).join(" + "),
    updateSquares: 0,
    lostSquares: 0,
  };
  const step = Math.max(1, Math.floor(pieceValues / Math.max(1, columns)));
  for (let first = 0; first < rows; first += step) {
    signal?.throwIfAborted();
    const count = Math.min(step, rows - first) * columns;
    const before = await readValues(tensor, first * columns, count, read, signal);
    const exact = before.slice();
    addUpdates(exact, first, columns, loaded);
    const encoded = encodeValues(exact, dtype);
    const rounded = decodeTensor(encoded, dtype, count);
    addMergeCost(cost, before, exact, rounded);
    addCost(cast, exact, rounded);
    yield encoded;
  }
  costs.push(cost);
}

/** @throws CheckpointError where a square weight does not tell its orientation and the others of the adapter are turned. */
function refuseAmbiguous(
  session: CheckpointSession,
  placed: readonly { readonly module: LoraModule; readonly weight: Tensor }[],
): void {
  if (session.adapterConfig?.fanInFanOut === true) return;
  const linear = placed.filter(({ module }) => module.layout !== "embedding");
  const sides = linear.map(({ module, weight: { shape } }) => {
    const [rows = 1, ...rest] = shape;
    return { module, isSquare: rows === elementCount(rest), isTurned: rows !== module.outFeatures };
  });
  const square = sides.find(({ isSquare }) => isSquare);
  if (square === undefined || !sides.some(({ isTurned }) => isTurned)) return;
  throw notMergeable(
    session,
    `The base keeps weights turned (as GPT-2's Conv1D), and of the square one of ${square.module.module} nothing says which way it lies: adapter_config.json lacks fan_in_fan_out.`,
  );
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
