import type { CheckpointFacts } from "./checkpointFacts";
import { mlflowRunAround } from "./homeFolder";
import { hashText, relateLogs } from "./logDigest";
import { member, type RunDraft } from "./runDraft";
import { splitTrainings, type Training, trainingOfOutput } from "./splitTrainings";
import type { Folder } from "./walkFolders";

/** What lies in an output folder, read. */
export interface OutputFolder {
  readonly folder: Folder;
  /** Its step folders. */
  readonly steps: readonly CheckpointFacts[];
  /** The folder itself: the final model, or only the log. */
  readonly output: CheckpointFacts | undefined;
  /** Models in folders below it that are called final, best or last. */
  readonly namedModels: readonly CheckpointFacts[];
}

/** One run for each training whose checkpoints lie in the folder; their names say what tells them apart. */
export function draftTrainings({ folder, steps, output, namedModels }: OutputFolder): RunDraft[] {
  const trainings = splitTrainings(steps);
  const labels = labelTrainings(trainings);
  const home = output === undefined ? undefined : trainingOfOutput(trainings, output);
  const drafts = trainings.map((training, index): RunDraft => {
    const label = labels[index];
    const isHome = home === training && output !== undefined;
    const draft: RunDraft = {
      kind: "training",
      folder,
      name: label === undefined ? folder.name : `${folder.name} (${label})`,
      key: keyOf(training),
      members: training.members.map((facts) => member(facts)),
      extraLog: isHome && !hasParameters(output) ? extraLogOf(output) : undefined,
      maxSteps: training.maxSteps,
      numTrainEpochs: training.numTrainEpochs,
      problems: training.problems,
    };
    if (isHome && hasParameters(output)) draft.members.push(member(output, { final: true }));
    return draft;
  });
  const homeless: CheckpointFacts[] = [];
  if (output !== undefined && home === undefined) homeless.push(output);
  for (const facts of namedModels) {
    const training = trainingOfOutput(trainings, facts);
    const draft = training === undefined ? undefined : drafts[trainings.indexOf(training)];
    const final =
      /final/i.test(facts.candidate.name) && draft?.members.every((other) => !other.final) === true;
    if (draft === undefined) homeless.push(facts);
    else draft.members.push(member(facts, { final }));
  }
  tellTrainings(trainings, labels, drafts);
  return [...drafts, ...homeless.map((facts) => draftModel(facts, `${folder.name} (other model)`))];
}

/** A folder that is one checkpoint and belongs to no series. */
export function draftModel(facts: CheckpointFacts, name = facts.candidate.name): RunDraft {
  return {
    kind: "model",
    folder: mlflowRunAround(facts.candidate.folder) ?? facts.candidate.folder,
    name,
    key: "model",
    members: [member(facts)],
    extraLog: undefined,
    maxSteps: facts.log?.maxSteps,
    numTrainEpochs: facts.log?.numTrainEpochs,
    problems: [],
  };
}

function hasParameters({ mainFile }: CheckpointFacts): boolean {
  return mainFile !== undefined;
}

function extraLogOf({ trainerStatePath: path, log }: CheckpointFacts): RunDraft["extraLog"] {
  return path === undefined || log === undefined ? undefined : { path, log };
}

function keyOf({ maxSteps, numTrainEpochs, adapter, newestLog }: Training): string {
  const facts = [
    maxSteps ?? null,
    numTrainEpochs ?? null,
    adapter?.key ?? null,
    newestLog?.hashes[0] ?? null,
  ];
  return hashText(JSON.stringify(facts)).toString(16).padStart(8, "0");
}

/** What tells the trainings apart, as short as is possible. Undefined where there is only one. */
function labelTrainings(trainings: readonly Training[]): (string | undefined)[] {
  if (trainings.length < 2) return trainings.map(() => undefined);
  const attributes: ((training: Training) => string | undefined)[] = [
    ({ maxSteps }) => (maxSteps === undefined ? undefined : `max_steps ${maxSteps}`),
    ({ numTrainEpochs: epochs }) => (epochs === undefined ? undefined : `${epochs} epochs`),
    ({ adapter }) => adapter?.label,
    ({ members }) => stepRange(members),
  ];
  let labels = trainings.map((): string[] => []);
  const joined = () => labels.map((parts) => parts.join(", "));
  for (const attribute of attributes) {
    const values = trainings.map(attribute);
    if (new Set(values).size < 2) continue;
    labels = labels.map((parts, index) => [...parts, values[index] ?? ""].filter((part) => part !== ""));
    if (new Set(joined()).size === trainings.length && !joined().includes("")) break;
  }
  return joined().map((label, index) => label || `training ${index + 1}`);
}

function stepRange(members: readonly CheckpointFacts[]): string | undefined {
  const steps = members.flatMap(({ step }) => step ?? []).sort((a, b) => a - b);
  const first = steps[0];
  const last = steps.at(-1);
  if (first === undefined) return undefined;
  return first === last ? `step ${first}` : `steps ${first} to ${last}`;
}

function tellTrainings(
  trainings: readonly Training[],
  labels: readonly (string | undefined)[],
  drafts: readonly RunDraft[],
): void {
  if (trainings.length < 2) return;
  const shown = labels.slice(0, 5).join("; ") + (labels.length > 5 ? "; …" : "");
  const message =
    `This folder holds the checkpoints of ${trainings.length} trainings (${shown}). ` +
    "They are shown as separate runs; resuming from the folder would take the highest number of all.";
  for (const { problems, folder } of drafts) {
    problems.push({ severity: "warning", code: "SeveralTrainings", message, file: folder.path });
  }
  trainings.forEach((training, index) => {
    const earlier = trainings.findIndex((other) => other !== training && continues(training, other));
    if (earlier < 0) return;
    const continued = `It continues the training "${labels[earlier]}" with another plan: so say their logs.`;
    drafts[index]?.problems.push({ severity: "info", code: "ContinuedTraining", message: continued });
  });
}

function continues({ newestLog: log }: Training, { newestLog: earlier }: Training): boolean {
  if (log === undefined || earlier === undefined || earlier.hashes.length === 0) return false;
  return log.hashes.length > earlier.hashes.length && relateLogs(log, earlier).kind === "prefix";
}
