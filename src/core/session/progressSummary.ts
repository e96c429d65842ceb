import { baseName, parentPath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import type { ProgressSummary } from "../checkpoint/summary";
import type { Problem } from "../problem/problem";
import { parseStageFileName, parseStepFolder } from "../progress/checkpointNames";
import { metadataProgress } from "../progress/metadataProgress";
import type { LogEntry, TrainerState } from "../progress/trainerState";
import { trainingFaults } from "../progress/trainingFaults";
import { capitalised } from "../text/capitalised";

/** Where the training stands: the last values that were logged. */
export function latestProgress(state: TrainerState): ProgressSummary {
  return {
    step: state.globalStep,
    epoch: state.epoch,
    maxSteps: state.maxSteps,
    learningRate: lastValue(state.log, "learning_rate"),
    loss: lastValue(state.log, "loss"),
    evalLoss: lastValue(state.log, "eval_loss"),
    bestMetric: state.bestMetric,
    bestCheckpoint: state.bestModelCheckpoint,
    ...(state.isStoppedEarly ? { stoppedEarly: true as const } : {}),
  };
}

export const noProgress: ProgressSummary = {
  step: undefined,
  epoch: undefined,
  maxSteps: undefined,
  learningRate: undefined,
  loss: undefined,
  evalLoss: undefined,
  bestMetric: undefined,
  bestCheckpoint: undefined,
};

/** Names of files that say nothing of a moment: that of their folder does. */
const plainName = /^(?:adapter_model|adapters|model|pytorch_model|pytorch_lora_weights|consolidated)[.-]/;

/** The moment that the metadata of a file tells, its name or its folder's, as the list of runs reads them. */
export function namedProgress({
  name,
  folder,
  metadata,
}: Pick<Checkpoint, "name" | "folder" | "metadata">): Pick<ProgressSummary, "step" | "epoch"> | undefined {
  // verl keeps the parts of a step in folders of their own.
  const place = /[\\/](?:actor|critic)$/.test(folder) ? parentPath(folder) : folder;
  const isOfFolder = plainName.test(name) || name === baseName(folder);
  const moment = isOfFolder ? parseStepFolder(baseName(place)) : parseStageFileName(name);
  const written = metadataProgress(metadata);
  const [step, epoch] = [moment?.step ?? written.step, moment?.epoch ?? written.epoch];
  return step === undefined && epoch === undefined ? undefined : { step, epoch };
}

function lastValue(log: readonly LogEntry[], key: string): number | undefined {
  return log.findLast(({ values }) => values.has(key))?.values.get(key);
}

/** What the log beside the weights tells of the training up to them. */
export function faultsLogged({ trainerState, trainerStatePath: file }: FolderContext): Problem[] {
  const { log, maxSteps, globalStep = Number.POSITIVE_INFINITY } = trainerState ?? {};
  const known = trainingFaults(
    (log ?? []).filter(({ step }) => step <= globalStep),
    maxSteps,
  );
  return known.map(({ code, what, told }) => ({
    severity: "warning",
    code,
    message: `${capitalised(what)}: ${told}.`,
    ...(file === undefined ? {} : { file }),
  }));
}
