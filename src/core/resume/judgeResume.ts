import { mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { modelParameters } from "../optimizer/modelParameters";
import { classifyEntry } from "../parts/parts";
import { finishedAt } from "../progress/finished";
import { formatCount } from "../text/quantities";
import { checkAverage } from "./averageCheck";
import { gatherFromFile, gatherFromFolder, type ResumeSubject } from "./collectResumeInputs";
import { forInference } from "./forInference";
import { checkOptimizerFits } from "./optimizerCheck";
import type { BrokenFile, ResumeInputs } from "./resumeInputs";
import {
  type ResumeCheck,
  type ResumeReport,
  type ResumeTopic,
  type Standing,
  weighChecks,
} from "./resumeReport";
import {
  checkOptimizerState,
  checkParameters,
  checkProgress,
  checkRandomState,
  checkScaler,
  checkSchedule,
  checkShards,
  withoutParameters,
} from "./stateChecks";
import { checkSteps } from "./stepCheck";

/**
 * Whether training can be resumed from a checkpoint, judged by what its files hold and not by their names alone.
 * Reads directories, pickles and some numbers, of tensors a few values. Does not reject for what is in the files.
 */
export async function judgeResume(subject: ResumeSubject, signal?: AbortSignal): Promise<ResumeReport> {
  const { content, isPiece, name, wholeModelPath } = subject.checkpoint;
  if (isPiece === true) {
    const told =
      wholeModelPath === undefined
        ? "training can be resumed with the files of all ranks alone, which these names do not tell"
        : "whether training can be resumed is told of the folder";
    const reason = `${name} is one rank's part: ${told}.`;
    return weighChecks([{ what: "Parameters", verdict: "unknown", reason }], undefined);
  }
  if (content !== undefined && !subject.openedFolder && isSharedPart(name, content)) {
    const reason =
      `${name} is what all ranks of a Megatron checkpoint share; parameters and moments belong in the .distcp files ` +
      "beside it. Whether training can be resumed is told of the folder.";
    return weighChecks([{ what: "Parameters", verdict: "unknown", reason }], undefined);
  }
  // Whatever lies beside a file of arrays is no part of it.
  if (content === undefined && !subject.openedFolder && subject.inside?.kind === "data")
    return weighChecks([withoutParameters(name, "file")], undefined);
  const inputs =
    content !== undefined && isJudgedAlone(subject, content)
      ? await gatherFromFile(subject, content, signal)
      : await gatherFromFolder(subject, signal);
  const reason = forInference(subject.checkpoint, inputs.optimizer !== undefined);
  if (reason !== undefined)
    return weighChecks([{ what: "Parameters", verdict: "missing", reason }], undefined);
  return judgeResumeInputs(inputs);
}

/** A file that holds everything, and one that belongs to no folder of parts. Files beside it are not meant then. */
function isJudgedAlone({ checkpoint, inside, openedFolder }: ResumeSubject, content: FileContent): boolean {
  if (checkpoint.layout !== undefined || isShardName(checkpoint.name)) return false;
  if (openedFolder) return inside?.kind === "training-checkpoint" && hasModel(content);
  switch (inside?.kind) {
    case "history":
    case "data":
      return true;
    case "training-checkpoint":
    case "optimizer":
    case "scheduler":
      return (inside.kind === "training-checkpoint" && hasModel(content)) || !isPart(checkpoint.name);
    default:
      // Values without a tensor have nothing to do with the weights beside them.
      return inside !== undefined && checkpoint.tensors.length === 0 && !isPart(checkpoint.name);
  }
}

function hasModel(content: FileContent): boolean {
  return modelParameters(content).length > 0;
}

/** The name is that of a part which trainers write into a folder of parts. */
function isPart(name: string): boolean {
  return !["other", "weights", "adapter", "log"].includes(classifyEntry({ name, kind: "file" }).part);
}

/** Megatron's `common.pt`: arguments, step, schedule and the optimizer's groups, all without tensors of a model. */
function isSharedPart(name: string, content: FileContent): boolean {
  const dict = mappingOf(content.root);
  const isMegatrons = dict?.has("checkpoint_version") === true || dict?.has("content_metadata") === true;
  return name === "common.pt" && isMegatrons && !hasModel(content);
}

/** One file of many that only together are a checkpoint: DeepSpeed's and Megatron's. */
export function isShardName(name: string): boolean {
  return /_model_states\.pt$|^model_optim_rng\.pt$/.test(name);
}

export function judgeResumeInputs(inputs: ResumeInputs): ResumeReport {
  const { model, optimizer, layout, kind, broken } = inputs;
  // What a cut file still tells is of no use to whoever loads it.
  if (kind === "file" && broken.some(({ role }) => role === "parameters")) {
    return weighChecks([checkParameters(inputs), checkProgress(inputs)], undefined);
  }
  if (kind === "file" && model === undefined && optimizer === undefined && inputs.schedulers.length === 0) {
    return weighChecks([checkParameters(inputs)], undefined);
  }
  const hasState = optimizer !== undefined && optimizer.states.length > 0;
  const fits = hasState && model !== undefined ? checkOptimizerFits(optimizer, model) : undefined;
  const usual: readonly (ResumeCheck | undefined)[] = [
    checkParameters(inputs),
    checkAverage(inputs),
    checkShards(inputs),
    checkOptimizerState(inputs),
    fits,
    checkSchedule(inputs),
    checkRandomState(inputs),
    checkScaler(inputs),
    checkProgress(inputs),
    hasState || inputs.schedulers.length > 0 || layout !== undefined || isNamedOtherwise(inputs)
      ? checkSteps(inputs)
      : undefined,
  ];
  const checks = topics.flatMap((topic) => {
    const own = layout?.checks.find(({ what }) => what === topic);
    const usually = usual.find((check) => check?.what === topic);
    // A layout judges its files, and not the values in them.
    const isWorse = own?.verdict !== "error" && broken.some((file) => outweighsLayout(file, topic));
    return (isWorse ? usually : (own ?? usually)) ?? [];
  });
  const unneeded = broken.flatMap(({ role, name }) => (role === "other" ? [name] : []));
  return weighChecks(checks, whereItStands(inputs), unneeded);
}

const topics: readonly ResumeTopic[] = [
  "Parameters",
  "Moving average",
  "Shards",
  "Optimizer state",
  "Optimizer fits the parameters",
  "Schedule",
  "Random state",
  "Gradient scaler",
  "Progress",
  "Steps agree",
];

function outweighsLayout({ role, isDiverged, stopsLoader }: BrokenFile, topic: ResumeTopic): boolean {
  const of = role === "parameters" ? "Parameters" : role === "optimizer" ? "Optimizer state" : undefined;
  return of === topic && (isDiverged === true || stopsLoader === true);
}

/** The name says another step than the progress: one of the two was copied or renamed. */
function isNamedOtherwise({ progress, namedStep }: ResumeInputs): boolean {
  return namedStep !== undefined && progress?.step !== undefined && progress.step !== namedStep;
}

function whereItStands({ progress, namedStep }: ResumeInputs): Standing | undefined {
  if (progress?.step === undefined && progress?.episode !== undefined)
    return { at: `episode ${formatCount(progress.episode)}`, finished: undefined };
  const step = progress?.step ?? namedStep;
  if (step !== undefined && progress?.stoppedEarly === true) {
    const planned = progress.planned === undefined ? "" : ` of ${formatCount(progress.planned)}`;
    const at = `ended the training at step ${formatCount(step)}${planned}`;
    const { callback, why } = progress.stoppedBy ?? {};
    const finished =
      callback === undefined ? `a callback, such as early stopping, ${at}` : `${callback} ${at}: ${why}`;
    return { at: `step ${formatCount(step)}`, finished, stoppedEarly: true };
  }
  if (step !== undefined) return { at: `step ${formatCount(step)}`, finished: finishedAt(progress) };
  return progress?.epoch === undefined
    ? undefined
    : { at: `epoch ${formatCount(Math.floor(progress.epoch))}`, finished: finishedAt(progress) };
}
