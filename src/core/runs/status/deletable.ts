import { baseName, joinPath, parentPath } from "../../bytes/paths";
import { classifyEntry, type Part, type PartEntry } from "../../parts/parts";
import { worstSeverity } from "../../problem/problem";
import { parseStepFolder } from "../../progress/checkpointNames";
import { trainerStateName } from "../../progress/readTrainerState";
import { formatNumber } from "../../text/quantities";
import type { Run, RunCheckpoint } from "../run";
import { isBeingSaved } from "./liveness";

/** What a run could do without, and why it needs the rest. */
export interface Deletable {
  readonly deletable: readonly { readonly checkpoint: RunCheckpoint; readonly reason: string }[];
  readonly kept: readonly { readonly checkpoint: RunCheckpoint; readonly reason: string }[];
}

/**
 * The checkpoints of a run that are neither the best, nor the last, nor the last in which no fault was found, nor the
 * final model, nor a stage, nor anything that the user has said something about. Of a run with a single checkpoint that is none.
 */
export function findDeletable(run: Run, nowMs: number): Deletable {
  const deletable: Deletable["deletable"][number][] = [];
  const kept: Deletable["kept"][number][] = [];
  const sound = lastSound(run);
  for (const checkpoint of run.checkpoints) {
    const keep =
      reasonToKeep(run, checkpoint, nowMs) ?? (checkpoint === sound ? "the last without a fault" : undefined);
    if (keep === undefined) deletable.push({ checkpoint, reason: reasonToDelete(checkpoint) });
    else kept.push({ checkpoint, reason: keep });
  }
  return { deletable, kept };
}

/** A training that diverged goes on saving: what it can go back to is an earlier checkpoint. */
function lastSound({ checkpoints }: Run): RunCheckpoint | undefined {
  return checkpoints.findLast((one) => !one.final && !isFaulty(one));
}

function isFaulty({ incomplete, problems, loss = 0, evalLoss = 0 }: RunCheckpoint): boolean {
  return incomplete || worstSeverity(problems) === "error" || !Number.isFinite(loss + evalLoss);
}

function reasonToKeep(run: Run, checkpoint: RunCheckpoint, nowMs: number): string | undefined {
  const { stage } = checkpoint;
  if (run.checkpoints.length === 1) return "the only checkpoint of its run";
  if (checkpoint.best) return "the best";
  if (checkpoint.last) return "the last";
  if (checkpoint.final) return "the final model";
  if (isBeingSaved(checkpoint, nowMs)) return "being saved";
  if (stage !== undefined && !stage.inferred) return `marked as ${stage.stage}`;
  if (stage !== undefined && isOnlyOfStage(run, checkpoint)) return `the only one of stage ${stage.stage}`;
  if (run.logFiles.includes(joinPath(checkpoint.path, trainerStateName)) && run.logFiles.length > 1)
    return "holds a part of the log that no other one has";
  // Not one of a series: a model in a folder of its own, which the training does not write again.
  if (!isOneOfMany(checkpoint)) return "no step of the training";
  return undefined;
}

function isOnlyOfStage({ checkpoints }: Run, { stage }: RunCheckpoint): boolean {
  return checkpoints.filter((other) => other.stage?.stage === stage?.stage).length === 1;
}

function isOneOfMany({ kind, ownsFolder, step, epoch }: RunCheckpoint): boolean {
  return kind === "folder" ? ownsFolder : step !== undefined || epoch !== undefined;
}

function reasonToDelete({ incomplete, evalLoss, loss }: RunCheckpoint): string {
  if (incomplete) return "incomplete: its save did not finish";
  if (evalLoss !== undefined) return `eval loss ${formatNumber(evalLoss)}`;
  return loss === undefined ? "neither best nor last" : `loss ${formatNumber(loss)}`;
}

/** What goes when a checkpoint goes: its own folder whole, else just the files that are its parts. */
export interface Removal {
  readonly path: string;
  readonly kind: "folder" | "file";
  /** Another file with the same bytes, which stays. */
  readonly sameAs?: string;
}

/** They tell of the training, which others may still need when a model of it goes. */
const keptParts: ReadonlySet<Part> = new Set<Part>(["other", "log", "trainer-state"]);

/**
 * The folder of a checkpoint that has it for itself; of one that lies in somebody's folder (a repository, an output
 * folder) only its own files. Empty for what is not recognised as a checkpoint.
 */
export function removalsOf({ path, kind, ownsFolder, parts }: RunCheckpoint): readonly Removal[] {
  if (kind === "folder" && ownsFolder) {
    const isStep = parseStepFolder(baseName(path), true) !== undefined;
    return isStep ? [{ path, kind: "folder" }] : [];
  }
  const folder = kind === "folder" ? path : parentPath(path);
  return parts
    .filter((one) => one.kind === "file" && !keptParts.has(one.part) && parentPath(one.path) === folder)
    .map((one) => ({ path: one.path, kind: "file" }));
}

/** What training is resumed with, and nothing else needs. */
const resumeParts: ReadonlySet<Part> = new Set<Part>(["optimizer", "scheduler", "rng-state", "scaler"]);

/**
 * Checkpoints of a run that nobody will resume from while its last one is whole, but that hold what that takes: all
 * but the last, and what is being saved. None where no last one is known to be whole.
 */
export function holdersOfState(run: Run, nowMs: number): readonly RunCheckpoint[] {
  if (!run.checkpoints.some((one) => one.last && !isFaulty(one))) return [];
  return run.checkpoints.filter(
    (one) => !one.last && !isBeingSaved(one, nowMs) && stateRemovalsOf(one).length > 0,
  );
}

/** The files of a step's folder that hold its state for resuming alone: without them it can still be evaluated. */
export function stateRemovalsOf({ path, kind, ownsFolder, parts }: RunCheckpoint): readonly Removal[] {
  const holdsWeights = parts.some(({ part }) => part === "weights" || part === "adapter");
  if (kind !== "folder" || !ownsFolder || !holdsWeights) return [];
  return parts
    .filter(
      (one) =>
        one.kind === "file" &&
        resumeParts.has(one.part) &&
        one.alsoHolds.every((part) => resumeParts.has(part)) &&
        parentPath(one.path) === path,
    )
    .map((one) => ({ path: one.path, kind: "file" }));
}

/** Whether a folder that was just listed still holds what makes it a checkpoint. */
export function holdsCheckpointFiles(entries: readonly PartEntry[]): boolean {
  return entries.some((entry) => !keptParts.has(classifyEntry(entry).part));
}

/** Names in a checkpoint's folder that no trainer writes there: the user hears of them before they go. */
export function unrecognisedNames(entries: readonly PartEntry[]): readonly string[] {
  return entries
    .filter((entry) => entry.kind === "directory" && classifyEntry(entry).part === "other")
    .map(({ name }) => name);
}
