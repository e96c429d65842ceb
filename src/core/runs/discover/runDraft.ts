import type { Problem } from "../../problem/problem";
import { compareNames } from "../../tensors/nameOrder";
import type { LogFile } from "../logs/logFormat";
import type { CheckpointFacts } from "./checkpointFacts";
import { type LogDigest, relateLogs } from "./logDigest";
import type { Folder } from "./walkFolders";

/** A run while it is being put together. */
export interface RunDraft {
  /** `log`: a training that left a log and no checkpoint. */
  readonly kind: "training" | "model" | "files" | "stages" | "log";
  readonly folder: Folder;
  /** What the run is called before it is compared with its neighbours. */
  name: string;
  /** Tells the runs of one folder apart, at every search alike. */
  readonly key: string;
  readonly members: RunMember[];
  /** The output folder's log, where the folder itself is no checkpoint. */
  readonly extraLog: { readonly path: string; readonly log: LogDigest } | undefined;
  readonly maxSteps: number | undefined;
  readonly numTrainEpochs: number | undefined;
  readonly problems: Problem[];
  /** Logs other than its checkpoints' trainer_state.json. */
  readonly logs?: LogFile[];
}

export interface RunMember {
  readonly facts: CheckpointFacts;
  readonly name: string;
  readonly final: boolean;
  /** Folder name of its stage, in a run of stages. */
  readonly stageFolder: string;
  readonly problems: Problem[];
}

export function member(facts: CheckpointFacts, options: Partial<Omit<RunMember, "facts">> = {}): RunMember {
  return { facts, name: facts.candidate.name, final: false, stageFolder: "", problems: [], ...options };
}

/**
 * The base model of a run of stages first, then by stage and by step; what has no step comes after what has, the
 * final model last. Never by time.
 */
export function compareMembers(a: RunMember, b: RunMember): number {
  return (
    Number(isBase(b)) - Number(isBase(a)) ||
    compareNames(a.stageFolder, b.stageFolder, "/") ||
    Number(a.final) - Number(b.final) ||
    compareMaybe(a.facts.step, b.facts.step) ||
    compareMaybe(a.facts.candidate.moment.index, b.facts.candidate.moment.index) ||
    compareMaybe(a.facts.epoch, b.facts.epoch) ||
    compareNames(versioned(a.name), versioned(b.name), "/")
  );
}

/** `x.ckpt` before its twin `x-v1.ckpt`. */
function versioned(name: string): string {
  return name.replace(
    /^(.+?)(?:-v(\d{1,4}))?\.ckpt$/,
    (_, stem: string, copy = "0") => `${stem}.ckpt ${copy}`,
  );
}

/** Every stage begins with it, whatever its folder is called. */
function isBase({ stageFolder, facts }: RunMember): boolean {
  return stageFolder !== "" && facts.stage?.stage === "base";
}

function compareMaybe(a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a - b;
}

/** The members' logs and the output folder's, newest first; the final model's before an equal one. */
export function logsOf(draft: RunDraft): { path: string; log: LogDigest }[] {
  const finalFirst = [...draft.members].sort((a, b) => Number(b.final) - Number(a.final));
  const own = finalFirst.flatMap(({ facts: { trainerStatePath: path, log } }) =>
    path === undefined || log === undefined ? [] : [{ path, log }],
  );
  const all = draft.extraLog === undefined ? own : [draft.extraLog, ...own];
  return all.sort((a, b) => (b.log.globalStep ?? -1) - (a.log.globalStep ?? -1));
}

/** The fewest trainer_state.json files that hold the whole log, oldest first. */
export function logFilesOf(draft: RunDraft): string[] {
  const logs = logsOf(draft);
  // Stages that were trained separately have logs that do not continue each other.
  if (draft.kind === "stages" && draft.maxSteps === undefined && logs.length > 1) return [];
  const kept: { path: string; log: LogDigest }[] = [];
  for (const candidate of logs) {
    const { log } = candidate;
    const isBeginning = kept.some(
      (newer) => newer.log.hashes.length >= log.hashes.length && relateLogs(newer.log, log).kind === "prefix",
    );
    if (!isBeginning) kept.push(candidate);
  }
  return kept.map(({ path }) => path).reverse();
}
