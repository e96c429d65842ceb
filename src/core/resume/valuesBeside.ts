import { joinPath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext, FolderFile } from "../checkpoint/folderContext";
import type { OpenedFiles } from "../checkpoint/openedFiles";
import { modelIn } from "../optimizer/modelParameters";
import { type OptimizerState, optimizerStates } from "../optimizer/optimizerState";
import type { Part } from "../parts/parts";
import { CheckpointError } from "../problem/checkpointError";
import type { Problem } from "../problem/problem";
import { elementCount, type Tensor } from "../tensors/tensor";
import type { ValueFaults } from "./doubts/momentFaults";
import { lookForNotFinite, momentTensors } from "./lookForNotFinite";
import type { PartOpener } from "./openedParts";

/** Each file is like the others; a training of many optimizers is rare. */
const maxLookedAt = 64;

/** A folder holds the state of a whole training, which more than one need not be opened for. */
const maxFolders = 8;

/** What trainers of many processes write into a folder of its own inside the checkpoint. */
const stateFolder = /^(?:global_step\d+|pytorch_model_fsdp(?:_\d+)?|optimizer(?:_\d+)?|mp_rank_\d+.*)$/;

const looked: ReadonlySet<Part> = new Set<Part>(["optimizer", "weights", "adapter"]);

/** What a look at some of the values beside the weights brought. */
export interface ValuesBeside {
  /** Names of the files and folders that were looked into. */
  readonly places: readonly string[];
  readonly problems: readonly Problem[];
}

/** Looks at some values of the other files and folders of a checkpoint: moments of optimizers, other weights. */
export async function valuesBeside(
  opened: OpenedFiles,
  checkpoint: Checkpoint,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<ValuesBeside> {
  const known = [checkpoint.path, ...checkpoint.files.map(({ path }) => path)];
  // Of a folder whose files were joined to what is open every value is read.
  const isOpen = ({ path }: FolderFile) =>
    known.some((one) => one === path || one.startsWith(joinPath(path, "")));
  const besides = folder.files.filter((file) => holdsState(file) && !isOpen(file));
  const places: string[] = [];
  const problems: Problem[] = [];
  for (const file of besides.slice(0, maxLookedAt)) {
    const found = await lookInto(opened, file, signal);
    if (found === undefined) continue;
    places.push(file.name);
    const { fault, doubt } = found;
    const of = { file: file.path };
    if (fault !== undefined)
      problems.push({ severity: "error", code: "NotFiniteValues", message: `${file.name}: ${fault}`, ...of });
    if (doubt !== undefined)
      problems.push({ severity: "warning", code: "ColdMoments", message: `${file.name}: ${doubt}.`, ...of });
  }
  return { places, problems };
}

/**
 * Counts as broken the folders of a checkpoint in which several processes keep moments and weights that are no
 * numbers: a layout judges whether its files are there.
 */
export async function rejectStateFolders(
  opened: OpenedFiles,
  folder: FolderContext,
  opener: PartOpener,
  signal?: AbortSignal,
): Promise<void> {
  const places = folder.files.filter((file) => file.kind === "directory" && holdsState(file));
  for (const place of places.slice(0, maxFolders)) {
    const fault = (await lookInto(opened, place, signal))?.fault;
    if (fault === undefined) continue;
    const role = /^pytorch_model_fsdp/.test(place.name) ? "parameters" : "optimizer";
    opener.broken.push({ name: place.name, role, reason: `cannot be used: ${fault}`, isDiverged: true });
  }
}

function holdsState({ name, kind, part }: FolderFile): boolean {
  if (kind === "directory") return stateFolder.test(name);
  return looked.has(part) && !/\.(?:json|ya?ml)$/i.test(name);
}

/**
 * What is wrong with the values of a file or folder. Undefined where it could not be looked into: who opens it for its
 * own sake tells why.
 */
async function lookInto(
  opened: OpenedFiles,
  { path, part }: Pick<FolderFile, "path" | "part">,
  signal?: AbortSignal,
): Promise<ValueFaults | undefined> {
  try {
    const checkpoint = await opened.open(path, signal);
    const states = optimizerStatesIn(checkpoint, part);
    const tensors = stateTensors(checkpoint, part, states);
    if (tensors.length === 0) return undefined;
    return await lookForNotFinite(opened.files, checkpoint, tensors, states, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

function optimizerStatesIn({ content }: Checkpoint, part: Part): readonly OptimizerState[] {
  return content === undefined || part === "weights" || part === "adapter" ? [] : optimizerStates(content);
}

function stateTensors(
  checkpoint: Checkpoint,
  part: Part,
  states: readonly OptimizerState[],
): readonly Tensor[] {
  const { tensors } = checkpoint;
  if (part === "weights" || part === "adapter") return modelIn(checkpoint).tensors;
  const moments = momentTensors(states);
  return moments.length > 0 ? moments : tensors.filter(({ shape }) => elementCount(shape) > 1);
}
