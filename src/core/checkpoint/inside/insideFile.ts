import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import type { FileContent } from "../../formats/format";
import { matchOptimizers } from "../../optimizer/matchOptimizers";
import { type ModelTensors, modelIn } from "../../optimizer/modelParameters";
import { findModels, type ModelInside } from "../../optimizer/modelsInside";
import { nameParameters } from "../../optimizer/nameParameters";
import { type OptimizerState, optimizerStates } from "../../optimizer/optimizerState";
import { holdsArraysOnly } from "../../optimizer/plainData";
import { modelOf } from "../../parts/namesakes";
import { decodeTensor } from "../../tensors/decode";
import type { Tensor } from "../../tensors/tensor";
import type { Checkpoint } from "../checkpoint";
import { contentKind, isBesideModels } from "../contentKind";
import type { FolderContext } from "../folderContext";
import type { OpenedFiles } from "../openedFiles";
import type { CheckpointKind, ProgressSummary } from "../summary";
import { TensorReader } from "../tensorReader";
import { progressInside, type ToldProgress } from "./progressInside";

/** What a file that is more than a list of tensors says about itself. */
export interface InsideFile {
  readonly kind: CheckpointKind | undefined;
  readonly progress: ProgressSummary | undefined;
  /** The same with the keys under which it is said. */
  readonly told: ToldProgress | undefined;
  readonly optimizers: readonly OptimizerState[];
  readonly models: readonly ModelInside[];
  /** Tensors that one of the optimizers trains. */
  readonly trained: ReadonlySet<Tensor>;
}

const arraysOnly: InsideFile = {
  kind: "data",
  progress: undefined,
  told: undefined,
  optimizers: [],
  models: [],
  trained: new Set(),
};

/**
 * Reads what a torch file or pickle tells besides its tensors; undefined for other files. Reads at most some
 * tensors of one element, and the header of the weights beside an optimizer, for the names of its parameters.
 */
export async function readInsideFile(
  opened: OpenedFiles,
  checkpoint: Checkpoint,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<InsideFile | undefined> {
  const { content } = checkpoint;
  if (content === undefined) return holdsArraysOnly(checkpoint) ? arraysOnly : undefined;
  const kind = contentKind(content) ?? (holdsObjectsOnly(checkpoint, content) ? "data" : undefined);
  const isForeign = kind === "data" && isBesideModels(content.root);
  const told =
    hasProgress(kind) && !isForeign
      ? await readProgress(opened.files, checkpoint, content, signal)
      : undefined;
  const models = kind === "history" || kind === "data" ? [] : findModels(content);
  const { states, trained } = matchOptimizers(optimizerStates(content), content);
  const optimizers = models.length > 0 ? states : await withNames(states, opened, checkpoint, folder, signal);
  return { kind, progress: told?.summary, told, optimizers, models, trained };
}

function hasProgress(kind: CheckpointKind | undefined): boolean {
  return kind !== "scheduler" && kind !== "rng-state" && kind !== "scaler" && kind !== "training-args";
}

/** An array of objects, as people save the results of their experiments: no model by its name or its parts. */
function holdsObjectsOnly(checkpoint: Checkpoint, content: FileContent): boolean {
  return checkpoint.format === "npy" && findModels(content).length === 0 && holdsArraysOnly(checkpoint);
}

async function readProgress(
  files: Files,
  checkpoint: Checkpoint,
  content: FileContent,
  signal?: AbortSignal,
): Promise<ToldProgress | undefined> {
  const reader = new TensorReader(files, checkpoint);
  try {
    return await progressInside(content, (tensor) => readNumber(reader, tensor, signal));
  } finally {
    await reader.close();
  }
}

async function readNumber(
  reader: TensorReader,
  tensor: Tensor,
  signal?: AbortSignal,
): Promise<number | undefined> {
  try {
    return decodeTensor(await reader.read(tensor, signal), tensor.dtype, 1)[0];
  } catch {
    signal?.throwIfAborted();
    // Its bytes are missing, or it is no number: then there is nothing to tell.
    return undefined;
  }
}

async function withNames(
  optimizers: readonly OptimizerState[],
  opened: OpenedFiles,
  checkpoint: Checkpoint,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<readonly OptimizerState[]> {
  if (!optimizers.some(isUnknown) || checkpoint.layout !== undefined) return optimizers;
  const own = ownWeights(checkpoint, optimizers);
  const beside = own ?? (await tensorsBeside(opened, checkpoint, folder, signal));
  return optimizers.map((optimizer) => nameParameters(optimizer, beside.tensors, beside.inModelOrder));
}

/** Keras keeps the model beside its optimizer, and not below a key of its own. */
function ownWeights(
  { format, tensors }: Checkpoint,
  optimizers: readonly OptimizerState[],
): ModelTensors | undefined {
  if (format !== "hdf5" && format !== "keras" && format !== "tf-bundle") return undefined;
  const kept = new Set(
    optimizers.flatMap(({ parameters }) =>
      parameters.flatMap((parameter) => [...parameter.tensors.values()]),
    ),
  );
  const isOther = ({ name }: Tensor) => /^_?optimizer(?:_weights)?\//.test(name);
  return { tensors: tensors.filter((tensor) => !kept.has(tensor) && !isOther(tensor)), inModelOrder: false };
}

/** What the model would tell is not known yet: a name, or what the parameter itself takes. */
function isUnknown({ parameters, emptyState }: OptimizerState): boolean {
  return !emptyState && parameters.some(({ name, dtype }) => name === undefined || dtype === undefined);
}

const noModel: ModelTensors = { tensors: [], inModelOrder: false };

/** The weights that the folder is a checkpoint of; none where they cannot be read, which they tell themselves. */
async function tensorsBeside(
  opened: OpenedFiles,
  checkpoint: Checkpoint,
  { files: entries, folder }: FolderContext,
  signal?: AbortSignal,
): Promise<ModelTensors> {
  const name = modelOf(checkpoint.name, entries);
  const path = name === undefined ? undefined : joinPath(folder, name);
  if (path === undefined || path === checkpoint.path) return noModel;
  try {
    return modelIn(await opened.open(path, signal));
  } catch {
    signal?.throwIfAborted();
    return noModel;
  }
}
