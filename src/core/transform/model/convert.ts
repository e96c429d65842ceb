import { parseModelConfig } from "../../health/config/modelConfig";
import { placeOf } from "../../optimizer/tensorPlaces";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { stageFileText } from "../../stage/stageFileText";
import { unreadablePart } from "../../tensors/assembly";
import { dtypeBits, holdsNoNumbers } from "../../tensors/dtype";
import { isWritableDtype, type WritableDtype } from "../../tensors/encode";
import { unpackedTensor } from "../../tensors/packed/unpackedTensor";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { storedType, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { carriedFiles } from "./carriedFiles";
import { type CastCost, castPieces, noCost, storedPieces } from "./castPieces";
import type { ConfigChange } from "./editConfig";
import { type ExpertLayout, withExperts } from "./expertLayout";
import { type OutputTensor, weightsStem } from "./modelOutput";
import { notConvertible } from "./notConvertible";
import { renamedTensors, type TensorRename } from "./renameTensors";
import { byteSizeOf } from "./shards";
import { type TransformersNames, transformersNames } from "./transformersNames";
import { type ModelTarget, type WrittenModel, writeModel } from "./writeModel";

export interface ConvertOptions {
  /** For all floats and what is quantised; as they are stored where not said. */
  readonly dtype?: WritableDtype;
  /** What is written of a file that holds more than a model. */
  readonly only: "model" | "optimizer" | "all";
  readonly renames?: readonly TensorRename[];
  /** Tensors of a GGUF file are written as transformers names and keeps them. */
  readonly names?: "transformers";
  /** As they are where not said. */
  readonly experts?: ExpertLayout;
  /** Texts of the file's `__metadata__` that are set; an empty one is left out. Those of a safetensors file are kept. */
  readonly metadata?: ReadonlyMap<string, string>;
}

export interface ConvertRequest extends ModelTarget {
  readonly source: CheckpointSession;
  readonly options: ConvertOptions;
  readonly toolVersion: string;
  readonly now: Date;
}

/** What a conversion will do, before it is done. */
export interface ConvertPlan {
  readonly tensors: readonly PlannedTensor[];
  /** Bytes of what will be written. */
  readonly bytes: number;
  /** Names that are another tensor's too: one is written, and a loader ties the other again. */
  readonly tied: readonly (readonly [name: string, kept: string])[];
  /** Tensors that are no part of what was asked for. */
  readonly leftOut: number;
  /** Names of texts, objects and the like, which safetensors has no arrays of; they are not among those. */
  readonly noArrays: readonly string[];
  /** What was done to names and rows. */
  readonly names?: Omit<TransformersNames, "tensors">;
}

interface PlannedTensor {
  readonly name: string;
  readonly tensor: Tensor;
  /** As it will be written. */
  readonly dtype: string;
}

export interface Converted extends WrittenModel {
  readonly plan: ConvertPlan;
  readonly cost: CastCost;
}

/**
 * Which tensors of a checkpoint will be written, under which names and in which dtypes.
 * @throws CheckpointError `NothingToWrite`, `NotConvertible` where a tensor cannot be written as it is meant.
 */
export async function planConversion(
  session: CheckpointSession,
  { dtype, only, renames, names: asked, experts }: ConvertOptions,
): Promise<ConvertPlan> {
  const { tensors, name: file, format } = session.checkpoint;
  if (format === "gguf" && session.adapter !== undefined)
    throw notConvertible(
      session,
      `${file} is an adapter in GGUF: what its updates are scaled by (adapter.lora.alpha) stands in the file's metadata, where no program looks for it in another container. Take the adapter that it was made of.`,
    );
  // Loaders tie again what was one weight, unless the configuration says that nothing is tied.
  const isUntied = session.folder.config && parseModelConfig(session.folder.config.value).tied === false;
  const placeIn = (tensor: Tensor) => (isUntied === true ? undefined : placeOf(tensor));
  const wanted = chooseTensors(session, only, isUntied === true);
  const stored = wanted.filter(({ tensor }) => !holdsNoNumbers(tensor));
  const noArrays = wanted.filter(({ tensor }) => holdsNoNumbers(tensor)).map(({ name }) => name);
  const ofStored = stored.map(({ tensor }) => tensor);
  const twins = asked && transformersNames(session, ofStored);
  const named = twins?.tensors.map((tensor) => ({ name: tensor.name, tensor })) ?? stored;
  const chosen = experts === undefined ? named : withExperts(session, named, experts);
  const isOther = chosen !== stored;
  // Packed weights keep their codes, which safetensors can hold, unless another dtype is asked for.
  const weights = dtype === undefined || isOther ? [] : await session.weights();
  const packed = weights.flatMap((tensor) => (tensor.packed === undefined ? [] : [tensor]));
  const unpackedOf = new Map(packed.map((tensor) => [tensor.packed?.stored[0], tensor]));
  const belonging = new Set(packed.flatMap((tensor) => tensor.packed?.stored ?? []));
  const kept = new Map<string, string>();
  const tied: [string, string][] = [];
  const found: PlannedTensor[] = [];
  for (const { tensor, name } of chosen) {
    const place = placeIn(tensor);
    const known = place === undefined ? undefined : kept.get(place);
    if (known !== undefined) {
      tied.push([name, known]);
      continue;
    }
    if (place !== undefined) kept.set(place, name);
    const unpacked = unpackedOf.get(tensor);
    if (unpacked !== undefined) found.push(await plan(session, unpacked.name, unpacked, dtype));
    else if (!belonging.has(tensor)) found.push(await plan(session, name, tensor, dtype));
  }
  const isChosen = new Set(stored.map(({ tensor }) => tensor));
  for (const tensor of tensors) {
    const place = isChosen.has(tensor) ? undefined : placeIn(tensor);
    const known = place === undefined ? undefined : kept.get(place);
    if (known !== undefined) tied.push([tensor.name, known]);
  }
  const names = renamedTensors(
    found.map(({ name }) => name),
    renames ?? [],
  );
  const planned = found.map((each, at) => ({ ...each, name: names[at] as string }));
  refuseDoubles(planned);
  if (planned.length === 0) {
    const what = only === "all" ? "tensor" : only;
    throw new CheckpointError(
      "NothingToWrite",
      `${file} holds no ${what}.`,
      undefined,
      session.checkpoint.path,
    );
  }
  const bytes = planned.reduce(
    (sum, { tensor: { shape }, dtype: as }) => sum + byteSizeOf({ dtype: as, shape }),
    0,
  );
  return {
    tensors: planned,
    bytes,
    tied,
    // The codes of a packed weight are among what belongs to it, and planned as the weight.
    leftOut:
      tensors.length -
      noArrays.length -
      (isOther ? stored.length : planned.length + tied.length + belonging.size - packed.length),
    noArrays,
    ...(twins === undefined ? {} : { names: { rule: twins.rule, kept: twins.kept } }),
  };
}

/**
 * Writes a checkpoint as safetensors, with its configuration and tokenizer, and reads it back.
 * @throws CheckpointError `OutOfRange` where values are too large for the dtype, and those of `planConversion` and
 * `writeModel`.
 */
export async function convert(request: ConvertRequest): Promise<Converted> {
  const { source, options } = request;
  const made = await planConversion(source, options);
  const reader = source.tensorReader();
  const cost = noCost();
  const read: ReadTensorRange = (...range) => reader.readRange(...range);
  const output = {
    metadata: metadataOf(source, options),
    tensors: made.tensors.map((planned) => outputOf(planned, read, cost)),
    carried: carriedFiles(source.folder, configChange(made, options.dtype)),
    stem: weightsStem(source),
  };
  try {
    const written = await writeModel({
      ...request,
      output,
      sources: [source],
      check: () => refuseOverflow(cost, options.dtype),
      stageText: (path) => stageText(request, path),
    });
    return { ...written, plan: made, cost };
  } finally {
    await reader.close();
  }
}

/** A conversion is at the stage of what it was made from. */
function stageText(
  { source, options: { dtype, only }, toolVersion, now }: ConvertRequest,
  path: string,
): string {
  const provenance = {
    stage: source.stage?.stage ?? "converted",
    note: "saved as safetensors",
    createdBy: `checkpoint-explorer ${toolVersion}`,
    createdAt: now,
    parent: source.identity,
    method: { name: "convert", only, ...(dtype === undefined ? {} : { dtype }) },
  };
  return stageFileText(provenance, path);
}

/** Hashes of the old contents would be wrong. */
const hashKeys = ["sshs_model_hash", "sshs_legacy_hash"];

function metadataOf(
  { checkpoint }: CheckpointSession,
  { metadata: given = new Map() }: ConvertOptions,
): ReadonlyMap<string, string> {
  const metadata = new Map(checkpoint.format === "safetensors" ? checkpoint.metadata : []);
  for (const key of hashKeys) metadata.delete(key);
  metadata.set("format", "pt");
  for (const [key, value] of given) {
    if (value === "") metadata.delete(key);
    else metadata.set(key, value);
  }
  return metadata;
}

/** Undefined where the weights are as the configuration says. */
export function configChange(
  { tensors }: ConvertPlan,
  dtype: WritableDtype | undefined,
  isUntied = false,
): ConfigChange | undefined {
  const isUnpacked = tensors.some(({ tensor }) => tensor.packed !== undefined);
  const isCast = dtype !== undefined || isUnpacked;
  if (!isCast && !isUntied) return undefined;
  return { ...(isCast ? { dtype: dtype ?? "F32" } : {}), isUnpacked, isUntied };
}

interface Chosen {
  readonly name: string;
  readonly tensor: Tensor;
}

const wrapper = "module.";

/** A model that a file keeps under a key is written under the names that it has itself. */
function chooseTensors(
  { checkpoint, inside }: CheckpointSession,
  only: ConvertOptions["only"],
  isUntied: boolean,
): readonly Chosen[] {
  const all = checkpoint.tensors.map((tensor) => ({ name: tensor.name, tensor }));
  if (only === "all") return all;
  const states = new Set(
    (inside?.optimizers ?? []).flatMap(({ parameters }) =>
      parameters.flatMap(({ tensors }) => [...tensors.values()].map(({ name }) => name)),
    ),
  );
  if (only === "optimizer") return all.filter(({ name }) => states.has(name));
  const models = (inside?.models ?? []).filter(({ aside }) => aside === undefined);
  const [model] = models;
  if (model === undefined) {
    // DeepSpeed keeps a weight twice, in 16 bits under `module.` and as its F32 master: the exact one is written.
    const names = new Set(all.map(({ name }) => name));
    const isCopy = (name: string) => name.startsWith(wrapper) && names.has(name.slice(wrapper.length));
    return all.filter(({ name }) => !states.has(name) && !isCopy(name));
  }
  const isOnly = models.length === 1;
  return models.flatMap(({ path, tensors }) => {
    const places = new Set(isUntied ? tensors.map(({ tensor }) => placeOf(tensor)) : []);
    places.delete(undefined);
    const own = new Set(tensors.map(({ tensor }) => tensor));
    const others = checkpoint.tensors.filter((each) => !own.has(each) && places.has(placeOf(each)));
    return [...own, ...others].map((tensor) => ({
      name: isOnly ? below(tensor.name, path) : tensor.name,
      tensor,
    }));
  });
}

function below(name: string, path: string): string {
  return path !== "" && name.startsWith(`${path}.`) ? name.slice(path.length + 1) : name;
}

async function plan(
  session: CheckpointSession,
  name: string,
  tensor: Tensor,
  dtype: WritableDtype | undefined,
): Promise<PlannedTensor> {
  // Rows of plain floats in another order keep their dtype.
  const [kept] = tensor.packed?.stored ?? [];
  if (kept !== undefined && dtype === undefined && isWritableDtype(kept.dtype))
    return { name, tensor, dtype: kept.dtype };
  const missing = unreadablePart(tensor);
  if (missing !== undefined) throw notConvertible(session, `${name} cannot be read whole: ${missing}`);
  if (tensor.layout?.quantisation === undefined && dtypeBits.has(tensor.dtype)) {
    const isFloat = isWritableDtype(tensor.dtype) || /^F[468]/.test(tensor.dtype);
    const as = dtype !== undefined && isFloat ? dtype : tensor.dtype;
    return { name, tensor, dtype: as };
  }
  // Blocks of ggml and torch's quantised tensors have no dtype in safetensors.
  const packed = await session.packedWeight(tensor);
  if (packed === undefined)
    throw notConvertible(session, `${name} is ${storedType(tensor)}, which safetensors cannot hold.`);
  return { name, tensor: unpackedTensor(tensor, packed), dtype: dtype ?? "F32" };
}

/** @throws CheckpointError `NotConvertible` where two tensors would have one name. */
function refuseDoubles(planned: readonly PlannedTensor[]): void {
  const names = new Set<string>();
  for (const { name } of planned) {
    if (names.has(name)) throw new CheckpointError("NotConvertible", `Two tensors would be called ${name}.`);
    names.add(name);
  }
}

export function outputOf(
  { name, tensor, dtype }: PlannedTensor,
  read: ReadTensorRange,
  cost: CastCost,
): OutputTensor {
  const isCast = dtype !== tensor.dtype && isWritableDtype(dtype);
  return {
    name,
    dtype,
    shape: tensor.shape,
    pieces: (signal) =>
      isCast ? castPieces(tensor, dtype, read, cost, signal) : storedPieces(tensor, read, signal),
  };
}

/** @throws CheckpointError `OutOfRange`: an infinite weight is no rounding. */
export function refuseOverflow({ overflowed }: CastCost, dtype: WritableDtype | undefined): void {
  if (overflowed === 0) return;
  const message = `${plural(overflowed, "value")} would become infinite in ${dtype ?? "their dtype"}. Choose BF16 or F32.`;
  throw new CheckpointError("OutOfRange", message);
}
