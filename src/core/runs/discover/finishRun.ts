import { given } from "../../lists/given";
import { formatCount } from "../../text/quantities";
import type { LogFile } from "../logs/logFormat";
import type { MetricValue, Run, RunCheckpoint } from "../run";
import type { LoggedValue } from "../series/lastLogged";
import { evalLossKeyOf, lossKeyOf } from "../series/runProgress";
import { chooseBest } from "./bestCheckpoint";
import type { CheckpointFacts } from "./checkpointFacts";
import { compareMembers, logFilesOf, logsOf, type RunDraft, type RunMember } from "./runDraft";
import { tellFaults } from "./tell/tellFaults";
import { tellStaleLast } from "./tell/tellStaleLast";

/** What the run's log says about a checkpoint that has no trainer_state.json of its own. */
export interface BorrowedMetrics {
  readonly epoch: number | undefined;
  readonly loss: LoggedValue | undefined;
  readonly evalLoss: LoggedValue | undefined;
  readonly learningRate: LoggedValue | undefined;
  readonly metrics: readonly MetricValue[];
}

export interface FinishOptions {
  readonly id: string;
  readonly name: string;
  readonly borrowed: ReadonlyMap<CheckpointFacts, BorrowedMetrics>;
}

/** Puts the checkpoints in order and marks the best, the last and the final one. */
export function finishRun(draft: RunDraft, { id, name, borrowed }: FinishOptions): Run {
  const members = [...draft.members].sort(compareMembers);
  const { best, reason, problem } = chooseBest(draft);
  const logFiles = logFilesOf(draft);
  const { logs = [] } = draft;
  tellFaults(draft);
  tellShortenedPlan(draft);
  tellStaleLast(draft);
  const last = lastOf(members);
  const checkpoints = members.map((one) =>
    finishCheckpoint(one, { best: one === best, last: one === last }, borrowed.get(one.facts)),
  );
  return {
    id,
    name,
    path: draft.folder.path,
    rootName: draft.folder.root.name,
    checkpoints,
    ...given({ maxSteps: draft.maxSteps, numTrainEpochs: draft.numTrainEpochs }),
    ...(logsOf(draft)[0]?.log.isStoppedEarly === true ? { stoppedEarly: true as const } : {}),
    ...given({ best: best?.facts.candidate.path, bestReason: reason }),
    logFiles,
    logs: [...logFiles.map((path): LogFile => ({ path, format: "trainer-state" })), ...logs],
    problems: problem === undefined ? draft.problems : [...draft.problems, problem],
  };
}

/** A training that was resumed with a shorter plan than it had gone already ends at once, or never tells its end. */
function tellShortenedPlan(draft: RunDraft): void {
  const { path, log } = logsOf(draft)[0] ?? {};
  const { globalStep: step, maxSteps: planned } = log ?? {};
  if (step === undefined || planned === undefined || planned <= 0 || step <= planned) return;
  const message = `trainer_state.json counts step ${formatCount(step)} of ${formatCount(planned)} planned: the plan was shortened (max_steps) as the training was resumed, which has nothing left to do.`;
  draft.problems.push({
    severity: "warning",
    code: "StepsBeyondPlan",
    message,
    ...(path === undefined ? {} : { file: path }),
  });
}

/**
 * The highest step that was saved completely; the final model only where it is the only one with a step. What the
 * trainer calls last is, where it keeps no step that could tell otherwise: a stripped `last.pt` of YOLO.
 */
function lastOf(members: readonly RunMember[]): RunMember | undefined {
  const moment = ({ facts }: RunMember) => facts.step ?? facts.candidate.moment.index ?? facts.epoch;
  const called = members.find(
    (one) => /(?:^|[-_])last(?:$|[-_.])/i.test(one.name) && moment(one) === undefined,
  );
  if (called !== undefined && !called.facts.incomplete) return called;
  const saved = members.filter((one) => !one.facts.incomplete && moment(one) !== undefined);
  const trained = saved.filter(({ final }) => !final);
  const highest = (best: RunMember | undefined, one: RunMember) =>
    best === undefined || (moment(one) ?? 0) >= (moment(best) ?? 0) ? one : best;
  return (trained.length > 0 ? trained : saved).reduce<RunMember | undefined>(highest, undefined);
}

function finishCheckpoint(
  { facts, name, final, problems }: RunMember,
  marks: { readonly best: boolean; readonly last: boolean },
  borrowed: BorrowedMetrics | undefined,
): RunCheckpoint {
  const {
    candidate,
    mainFile,
    step,
    stepIsOptimizers,
    stage,
    byteSize,
    modifiedMs,
    incomplete,
    parts,
    log,
    inside,
  } = facts;
  const named = (key: string) => namedLoss(candidate.moment.metrics, key);
  return {
    path: candidate.path,
    name,
    kind: candidate.kind,
    ownsFolder: facts.ownsFolder,
    ...given({ mainFile, step, stepIsOptimizers, stage }),
    ...given({
      epoch: facts.epoch ?? borrowed?.epoch,
      loss: log?.loss ?? borrowed?.loss?.value ?? inside?.loss ?? named("loss"),
      evalLoss: log?.evalLoss ?? borrowed?.evalLoss?.value ?? inside?.evalLoss ?? named("eval_loss"),
      learningRate: log?.learningRate ?? borrowed?.learningRate?.value ?? inside?.learningRate,
      metrics: someOf(log?.metrics ?? borrowed?.metrics ?? candidate.moment.metrics),
    }),
    byteSize,
    modifiedMs,
    ...marks,
    final,
    incomplete,
    parts,
    problems: [...facts.problems, ...problems],
  };
}

/** A loss that the file's name tells, by any of the names that it goes by. */
function namedLoss(metrics: readonly MetricValue[] | undefined, key: string): number | undefined {
  const names = metrics?.map(([name]) => name) ?? [];
  const found = key === "loss" ? lossKeyOf(names) : evalLossKeyOf(names);
  return metrics?.find(([name]) => name === found)?.[1];
}

function someOf<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}
