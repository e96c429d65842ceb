import type { Problem } from "../../problem/problem";
import type { CheckpointFacts } from "./checkpointFacts";
import { type LogDigest, relateLogs } from "./logDigest";

/** The checkpoints of one training among those of an output folder. */
export interface Training {
  readonly members: CheckpointFacts[];
  /** The longest log of them: the others' are its beginnings. */
  newestLog: LogDigest | undefined;
  maxSteps: number | undefined;
  numTrainEpochs: number | undefined;
  /** Key and label of the adapter they train. */
  adapter: { readonly key: string; readonly label: string } | undefined;
  readonly problems: Problem[];
}

/**
 * Tells apart the trainings whose checkpoints share one output folder (formats.md §4: seen in real folders).
 * Two checkpoints are of one training when what they know agrees: planned steps and epochs, adapter, and a
 * log that is the beginning of the other's, or shares a beginning from which the training was resumed.
 */
export function splitTrainings(members: readonly CheckpointFacts[]): Training[] {
  const inOrder = [...members].sort((a, b) => (a.step ?? 0) - (b.step ?? 0));
  const trainings: Training[] = [];
  for (const member of inOrder) {
    if (member.log === undefined) continue;
    const home = findHome(trainings, member, member.log) ?? startTraining(trainings);
    addMember(home, member, member.log);
  }
  for (const member of inOrder) {
    if (member.log !== undefined) continue;
    const home = findHomeWithoutLog(trainings, member) ?? startTraining(trainings);
    home.members.push(member);
    home.adapter ??= member.adapter;
  }
  return trainings;
}

/** The training that the output folder's own model or log belongs to. */
export function trainingOfOutput(
  trainings: readonly Training[],
  output: CheckpointFacts,
): Training | undefined {
  const fitting = trainings.filter((training) => {
    if (!adapterFits(training, output)) return false;
    return output.log === undefined || planFits(training, output.log);
  });
  const { log } = output;
  if (log === undefined) return fitting.length === 1 ? fitting[0] : undefined;
  return fitting.find(({ newestLog }) => newestLog !== undefined && belongTogether(newestLog, log).together);
}

function startTraining(trainings: Training[]): Training {
  const training: Training = {
    members: [],
    newestLog: undefined,
    maxSteps: undefined,
    numTrainEpochs: undefined,
    adapter: undefined,
    problems: [],
  };
  trainings.push(training);
  return training;
}

function findHome(
  trainings: readonly Training[],
  member: CheckpointFacts,
  log: LogDigest,
): Training | undefined {
  const fitting = trainings.filter((training) => adapterFits(training, member) && planFits(training, log));
  let resumed: { training: Training; step: number } | undefined;
  for (const training of fitting) {
    const { together, resumedAt } = belongTogether(training.newestLog, log);
    if (together && resumedAt === undefined) return training;
    if (together && resumedAt !== undefined && resumedAt > (resumed?.step ?? -1)) {
      resumed = { training, step: resumedAt };
    }
  }
  if (resumed === undefined) return undefined;
  const message =
    `The log of ${member.candidate.name} differs from the others after step ${resumed.step}: ` +
    "the training was resumed from there. The newest values are shown.";
  resumed.training.problems.push({
    severity: "info",
    code: "ResumedTraining",
    message,
    file: member.candidate.path,
  });
  return resumed.training;
}

function addMember(training: Training, member: CheckpointFacts, log: LogDigest): void {
  training.members.push(member);
  training.maxSteps ??= log.maxSteps;
  training.numTrainEpochs ??= log.numTrainEpochs;
  training.adapter ??= member.adapter;
  if (log.hashes.length >= (training.newestLog?.hashes.length ?? 0)) training.newestLog = log;
}

/** Logs that part ways after a checkpoint could have been saved: one training, resumed from there. */
function belongTogether(
  known: LogDigest | undefined,
  log: LogDigest,
): { together: boolean; resumedAt?: number } {
  if (known === undefined) return { together: true };
  const relation = relateLogs(known, log);
  if (relation.kind !== "forked") return { together: relation.kind === "prefix" };
  const saveSteps = log.saveSteps ?? known.saveSteps ?? 0;
  const { lastCommonStep } = relation;
  return saveSteps >= 1 && lastCommonStep >= saveSteps
    ? { together: true, resumedAt: lastCommonStep }
    : { together: false };
}

function planFits(training: Training, log: LogDigest): boolean {
  const agree = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined || a === b;
  return agree(training.maxSteps, log.maxSteps) && agree(training.numTrainEpochs, log.numTrainEpochs);
}

function adapterFits(training: Training, member: CheckpointFacts): boolean {
  const { adapter } = training;
  return adapter === undefined || member.adapter === undefined || adapter.key === member.adapter.key;
}

/** Without a log only the adapter and the step say where a checkpoint belongs. */
function findHomeWithoutLog(trainings: readonly Training[], member: CheckpointFacts): Training | undefined {
  const fitting = trainings.filter((training) => adapterFits(training, member));
  const { step } = member;
  if (step === undefined || fitting.length < 2) return fitting[0];
  const planned = fitting.filter(({ maxSteps }) => step <= (maxSteps ?? Number.POSITIVE_INFINITY));
  const distance = ({ members }: Training) =>
    members.reduce(
      (least, other) => Math.min(least, Math.abs((other.step ?? 0) - step)),
      Number.POSITIVE_INFINITY,
    );
  return planned.sort((a, b) => distance(a) - distance(b))[0];
}
