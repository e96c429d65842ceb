import { baseName, joinPath, parentPath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext, FolderFile } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import { mixedRanks } from "../checkpoint/mixedSteps";
import type { OpenedFiles } from "../checkpoint/openedFiles";
import { mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { modelIn, modelParameters } from "../optimizer/modelParameters";
import { ownModels } from "../optimizer/modelsInside";
import { optimizerStates } from "../optimizer/optimizerState";
import { findHalfWritten } from "../parts/halfWritten";
import { optimizersOf } from "../parts/namesakes";
import { classifyEntry, isMovingAverage, mainFile } from "../parts/parts";
import { isReadingError, type Problem } from "../problem/problem";
import { parseStageFileName, parseStepFolder } from "../progress/checkpointNames";
import { readTrainerState } from "../progress/readTrainerState";
import type { TrainerState } from "../progress/trainerState";
import { uncapitalised } from "../text/uncapitalised";
import { maxOpened, openRandomStates, openRegistered, randomRank } from "./accelerateState";
import { progressDoubts } from "./doubts/progressDoubts";
import { findLayout } from "./findLayout";
import { isJoined, joinedInputs } from "./joinedFolder";
import { momentTensors } from "./lookForNotFinite";
import { isModelItself, modelName } from "./modelName";
import { PartOpener } from "./openedParts";
import { readAllSteps } from "./readSteps";
import type { ModelInputs, OptimizerInputs, PartRole, ProgressInputs, ResumeInputs } from "./resumeInputs";
import type { ResumeTopic } from "./resumeReport";
import { statedProgress } from "./statedProgress";
import {
  precisionInside,
  randomInside,
  scalerInside,
  scalerScale,
  schedulerState,
  schedulersInside,
  type TrainingSettings,
  trainingSettings,
} from "./stateInside";
import { unloadable } from "./unloadable";
import { rejectStateFolders } from "./valuesBeside";

/** What is open, and where it lies. */
export interface ResumeSubject {
  /** The checkpoint among them. */
  readonly opened: OpenedFiles;
  readonly checkpoint: Checkpoint;
  readonly folder: FolderContext;
  readonly inside: InsideFile | undefined;
  readonly isAdapter: boolean;
  /** Whether the folder is meant, and not the file that stands for it. */
  readonly openedFolder: boolean;
  /** What makes the open weights useless, although the file can be read: no values, one process's slice. */
  readonly faults: readonly Problem[];
}

/** A folder in which each part is a file of its own, as the trainers of transformers and accelerate write it. */
export async function gatherFromFolder(subject: ResumeSubject, signal?: AbortSignal): Promise<ResumeInputs> {
  const { opened, checkpoint, folder } = subject;
  const opener = new PartOpener(opened, signal);
  opener.broken.push(...unloadable(subject));
  const of = (part: FolderFile["part"]) =>
    folder.files.filter((file) => file.part === part && file.kind === "file");
  const joined = isJoined(checkpoint) ? await joinedInputs(subject, opener, signal) : undefined;
  const layout = joined === undefined ? await findLayout(opened.files, folder, opener) : undefined;
  const answers = (what: ResumeTopic) => layout?.checks.some((check) => check.what === what) === true;
  if (answers("Parameters"))
    await opener.rejectNotFinite(checkpoint, checkpoint.tensors, checkpoint.name, "parameters");
  const model = answers("Parameters") ? undefined : (joined ?? (await openModel(subject, opener)));
  const optimizer = answers("Optimizer state")
    ? undefined
    : (joined?.optimizer ??
      (await openOptimizer(subject, optimizersOf(modelName(subject), of("optimizer")), opener, signal)));
  if (answers("Optimizer state")) await rejectStateFolders(opened, folder, opener, signal);
  const schedulers = [...(joined?.schedulers ?? [])];
  for (const { path, name } of of("scheduler").slice(0, maxOpened)) {
    const opened = await opener.open(path, name, "scheduler");
    const state = opened?.content === undefined ? undefined : schedulerState(opened.content.root, name);
    if (state !== undefined) schedulers.push(state);
  }
  const settings = await openSettings(of("training-args"), opener);
  const randomFiles = of("rng-state").sort((a, b) => randomRank(a.name) - randomRank(b.name));
  const beside = await openRandomStates(randomFiles, opener);
  const { isAccelerate } = beside;
  schedulers.push(...(schedulers.length === 0 ? beside.schedulers : []));
  const registered = isAccelerate ? await openRegistered(of("other"), opener) : undefined;
  schedulers.push(...(registered?.schedulers ?? []));
  const progress = (await readProgress(subject, opener, settings?.batch, signal)) ?? registered?.progress;
  const shards = findHalfWritten("", folder.files).problems.filter(({ code }) => code === "MissingShards");
  return {
    name: baseName(folder.folder),
    kind: "folder",
    model: model && (await withOtherModels(subject, model.inputs, opener)),
    average: model && (await openAverage(subject, model.inputs, opener)),
    optimizer,
    schedulers,
    random: {
      ranks: randomFiles.map(({ name }) => randomRank(name)),
      places: randomFiles.map(({ name }) => name),
    },
    scaler: await openScaler(of("scaler"), opener),
    precision: settings?.precision,
    warmup: settings?.warmup,
    asked: settings?.asked,
    worldSize: settings?.worldSize ?? layout?.worldSize,
    progress: progress ?? layout?.progress ?? joined?.progress,
    layout,
    namedStep: parseStepFolder(baseName(folder.folder), isAccelerate)?.step,
    goesByName: isAccelerate,
    broken: opener.broken,
    whole: opener.whole,
    mixedSteps: await mixedRanks(opened.files, checkpoint, signal),
    missingShards: shards.map(({ message }) => message),
    shardCount: model?.shardCount ?? 0,
  };
}

async function openModel(
  subject: ResumeSubject,
  opener: PartOpener,
): Promise<{ inputs: ModelInputs; shardCount: number } | undefined> {
  const { checkpoint, folder, isAdapter } = subject;
  const isModel = isModelItself(subject);
  const name = modelName(subject);
  if (name === "") return undefined;
  const path = isModel ? checkpoint.path : joinPath(folder.folder, name);
  const opened = await opener.open(path, name, "parameters");
  if (opened === undefined || opened.tensors.length === 0) return undefined;
  const adapterFile = /adapter|lora/.test(name) || (isModel && isAdapter);
  const model = modelIn(opened);
  await opener.rejectNotFinite(opened, model.tensors, name, "parameters");
  const hasModules = folder.files.some((file) => file.name === "modules.json");
  const moduleFolders = folder.files
    .filter((file) => file.kind === "directory" && /^\d+_[A-Z]/.test(file.name))
    .map((file) => file.name);
  return {
    inputs: {
      place: name,
      ...model,
      isAdapter: adapterFile,
      ...(hasModules ? { moduleFolders } : {}),
    },
    shardCount: opened.files.filter(({ status }) => status === "ok").length,
  };
}

/** With the models in other folders of the checkpoint: one optimizer trains `unet` and `text_encoder`. */
async function withOtherModels(
  subject: ResumeSubject,
  model: ModelInputs,
  opener: PartOpener,
): Promise<ModelInputs> {
  const { folder, checkpoint } = subject;
  const own = baseName(parentPath(checkpoint.path));
  const others = folder.files.filter(
    ({ name, kind, part }) =>
      kind === "directory" &&
      part === "weights" &&
      name !== own &&
      !isMovingAverage(name) &&
      classifyEntry({ name, kind }).part === "other",
  );
  let joined = model;
  for (const other of others) {
    const opened = await openIn(subject, other, "parameters", opener);
    if (opened === undefined) continue;
    const { place, tensors } = joined;
    joined = {
      ...joined,
      place: `${place === model.place ? own : place} and ${other.name}`,
      tensors: [...tensors, ...opened.tensors],
      inModelOrder: false,
    };
  }
  return joined;
}

/** From a folder that its name calls a moving average: `unet_ema` of diffusers' scripts, `ema` of SimpleTuner. */
async function openAverage(
  subject: ResumeSubject,
  of: ModelInputs,
  opener: PartOpener,
): Promise<ResumeInputs["average"]> {
  const found = subject.folder.files.find(({ name, kind }) => kind === "directory" && isMovingAverage(name));
  const opened = found && (await openIn(subject, found, "average", opener));
  return opened && found && { place: found.name, tensors: opened.tensors, of };
}

/** The main file of a folder in the checkpoint's. */
async function openIn(
  { opened: { files } }: ResumeSubject,
  { path, name: folder }: FolderFile,
  role: PartRole,
  opener: PartOpener,
): Promise<Checkpoint | undefined> {
  const name = mainFile(await files.list(path).catch(() => []));
  return name === undefined ? undefined : opener.open(joinPath(path, name), `${folder}/${name}`, role);
}

async function openOptimizer(
  { opened: { files } }: ResumeSubject,
  entries: readonly FolderFile[],
  opener: PartOpener,
  signal?: AbortSignal,
): Promise<OptimizerInputs | undefined> {
  const found: OptimizerInputs[] = [];
  for (const { path, name } of entries.slice(0, maxOpened)) {
    const opened = await opener.open(path, name, "optimizer");
    if (opened?.content === undefined) continue;
    const states = optimizerStates(opened.content);
    const doubt = await opener.rejectNotFinite(opened, momentTensors(states), name, "optimizer", states);
    const steps = await readAllSteps(files, opened, states, undefined, signal);
    found.push({ place: name, states, steps, doubt });
  }
  const [first] = found;
  if (first === undefined || found.length === 1) return first;
  return {
    place: `${first.place} and ${found.length - 1} more`,
    states: found.flatMap(({ states }) => states),
    steps: found.flatMap(({ steps }) => steps),
    doubt: found.find(({ doubt }) => doubt !== undefined)?.doubt,
  };
}

async function openSettings(
  [file]: readonly FolderFile[],
  opener: PartOpener,
): Promise<TrainingSettings | undefined> {
  if (file === undefined || !file.name.endsWith(".bin")) return undefined;
  const opened = await opener.open(file.path, file.name, "other");
  return trainingSettings(opened?.content?.root, file.name);
}

async function openScaler(
  entries: readonly FolderFile[],
  opener: PartOpener,
): Promise<ResumeInputs["scaler"]> {
  const [file] = entries;
  const opened = file && (await opener.open(file.path, file.name, "scaler"));
  return opened && { place: file.name, scale: scalerScale(mappingOf(opened.content?.root)) };
}

async function readProgress(
  { opened: { files }, folder }: ResumeSubject,
  opener: PartOpener,
  batch: number | undefined,
  signal?: AbortSignal,
): Promise<ProgressInputs | undefined> {
  const { trainerStatePath } = folder;
  if (trainerStatePath === undefined) return undefined;
  const name = baseName(trainerStatePath);
  const state: TrainerState =
    folder.trainerState ?? (await readTrainerState(files, trainerStatePath, signal));
  const failure = state.problems.find(
    (problem) => isReadingError(problem) || /Truncated|Invalid/.test(problem.code),
  );
  if (failure !== undefined) {
    const reason = `cannot be loaded: ${uncapitalised(failure.message)}`;
    opener.broken.push({ name, role: "progress", reason });
  }
  return {
    place: name,
    step: state.globalStep,
    epoch: state.epoch,
    planned: state.maxSteps,
    doubts: progressDoubts(state, batch),
    ...(state.isStoppedEarly ? { stoppedEarly: true as const } : {}),
    loggedRate: rateAtEnd(state),
  };
}

/** Undefined where it did not change: then it says nothing of the step. */
function rateAtEnd({ globalStep, log }: TrainerState): number | undefined {
  const rates = log.flatMap(({ step, values }) => {
    const rate = values.get("learning_rate");
    return rate === undefined ? [] : [{ step, rate }];
  });
  const [before, last] = rates.slice(-2);
  return last?.step === globalStep && before?.rate !== last?.rate ? last?.rate : undefined;
}

/** One file that holds everything: Lightning, nanoGPT, and dicts that people write by hand. */
export async function gatherFromFile(
  { opened, checkpoint, inside }: ResumeSubject,
  content: FileContent,
  signal?: AbortSignal,
): Promise<ResumeInputs> {
  const opener = new PartOpener(opened, signal);
  await opener.open(checkpoint.path, checkpoint.name, "parameters");
  const states = inside?.optimizers ?? [];
  const tensors = modelParameters(content);
  await opener.rejectNotFinite(checkpoint, tensors, checkpoint.name, "parameters");
  const moments = momentTensors(states);
  const doubt = await opener.rejectNotFinite(checkpoint, moments, checkpoint.name, "optimizer", states);
  const random = randomInside(content);
  const models = ownModels(content);
  const moment = parseStageFileName(checkpoint.name);
  return {
    name: checkpoint.name,
    kind: "file",
    model:
      tensors.length === 0
        ? undefined
        : {
            place: placesText(models.map(({ path }) => path)),
            tensors,
            inModelOrder: true,
            isAdapter: false,
          },
    optimizer:
      states.length === 0
        ? undefined
        : {
            place: placesText(states.map(({ path }) => path)),
            states,
            steps: await readAllSteps(opened.files, checkpoint, states, inside?.progress, signal),
            doubt,
          },
    schedulers: schedulersInside(content).map((one) => ({ ...one, place: placesText([one.place]) })),
    random: { ranks: random.length > 0 ? [0] : [], places: random },
    scaler: scalerInside(content),
    precision: precisionInside(content),
    worldSize: undefined,
    progress: statedProgress(inside?.told, content),
    layout: undefined,
    namedStep: moment.step,
    broken: opener.broken,
    whole: opener.whole,
    missingShards: [],
    shardCount: 0,
  };
}

/** Names in the file as a sentence lists them. */
function placesText(paths: readonly string[]): string {
  const named = paths.map((path) => (path === "" ? "the file" : path));
  const [first = "", ...rest] = named;
  if (rest.length > 3) return `${first} and ${rest.length} more`;
  return rest.length === 0 ? first : `${named.slice(0, -1).join(", ")} and ${named.at(-1)}`;
}
