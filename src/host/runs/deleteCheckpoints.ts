import { basename } from "node:path";
import * as vscode from "vscode";
import type { Run, RunCheckpoint } from "../../core/runs/run";
import { findDeletable, holdersOfState } from "../../core/runs/status/deletable";
import { isBeingSaved } from "../../core/runs/status/liveness";
import {
  type AlikeFiles,
  alikeFiles,
  bytesToCompare,
  type RepeatedFiles,
} from "../../core/runs/status/repeatedFiles";
import { formatBytes } from "../../core/text/quantities";
import type { WorkerClient } from "../analysis/workerClient";
import type { StageStore } from "../files/stageStore";
import type { Log } from "../log";
import { confirm, createPick, plainItem, showInformation, showWarning } from "../messages";
import { plainText } from "../plainText";
import { changeSinceShown, type PlannedRemoval, planRemovals, type RefusedRemoval } from "./removalPlan";
import { removalQuestion, removedText, totalBytes } from "./removalText";
import { removeFiles } from "./removeFiles";
import type { RunsModel } from "./runsModel";
import { lookForCopies, searchCopies } from "./searchCopies";

export interface DeleteServices {
  readonly runs: RunsModel;
  readonly stages: StageStore;
  readonly log: Log;
  readonly worker: Pick<WorkerClient, "call">;
}

interface DeletableItem extends vscode.QuickPickItem {
  readonly planned: PlannedRemoval;
}

/**
 * Shows what a run could do without, all of it chosen, and deletes what the user leaves chosen and confirms. Files that
 * lie in several checkpoints are compared only where that is asked for.
 */
export async function askWhatToDelete(
  services: DeleteServices,
  run: Run,
  copies?: readonly RepeatedFiles[],
): Promise<void> {
  const { deletable, kept } = findDeletable(run, Date.now());
  const keptText = keptReasons(kept);
  const alike = copies === undefined ? alikeFiles(run) : [];
  const search = async () => {
    const found = await searchCopies(services.worker, run, alike);
    if (found !== undefined) await askWhatToDelete(services, run, found);
  };
  const { planned, refused, states, repeated } = await planParts(services, run, copies);
  if (planned.length + states.length + repeated.length === 0) {
    if (deletable.length > 0) return tellRefused(refused);
    const why = kept.length === 0 ? "it has no checkpoints." : `${namedReasons(kept)}.`;
    const buttons = alike.length > 0 ? [lookForCopies] : [];
    if ((await showInformation(`Nothing to delete in ${run.name}: ${why}`, ...buttons)) !== undefined)
      await search();
    return;
  }
  const reasons = new Map(deletable.map(({ checkpoint, reason }) => [checkpoint, reason]));
  const keptIn = new Map(copies?.map((one) => [one.checkpoint, one.keptIn.join(", ")]));
  const itemOf = (one: PlannedRemoval, label: string, loss: string | undefined): DeletableItem => ({
    label,
    description: `${formatBytes(one.bytes)} · ${loss ?? ""}`,
    planned: one,
  });
  const items = [
    ...planned.map((one) => itemOf(one, one.checkpoint.name, reasons.get(one.checkpoint))),
    ...states.map((one) =>
      itemOf(
        one,
        `State for resuming in ${one.checkpoint.name}`,
        "it cannot be resumed from then on; its weights stay",
      ),
    ),
    ...repeated.map((one) =>
      itemOf(
        one,
        `${one.removals.map(({ path }) => basename(path)).join(", ")} in ${one.checkpoint.name}`,
        `stays in ${keptIn.get(one.checkpoint)}; does not load alone without it`,
      ),
    ),
  ];
  const chosen = await pickDeletable(run, items, keptText, alike);
  if (chosen === lookForCopies) await search();
  else if (chosen !== undefined && chosen.length > 0) await confirmAndDelete(services, chosen, refused);
}

/** What could go, looked at on the disk: checkpoints, the state of others, and copies of files that stay. */
async function planParts({ runs }: DeleteServices, run: Run, copies: readonly RepeatedFiles[] | undefined) {
  const roots = runs.rootPaths();
  const whole = findDeletable(run, Date.now()).deletable.map(({ checkpoint }) => checkpoint);
  const holders = holdersOfState(run, Date.now()).filter((one) => !whole.includes(one));
  const repeatedIn = new Map(copies?.map((one) => [one.checkpoint, one.copies]));
  const states = await planRemovals(holders, roots, "state");
  const repeated = await planRemovals(
    [...repeatedIn.keys()],
    roots,
    "copies",
    (one) => repeatedIn.get(one) ?? [],
  );
  const { planned, refused } = await planRemovals(whole, roots);
  return {
    planned,
    states: states.planned,
    repeated: repeated.planned,
    refused: [...refused, ...repeated.refused],
  };
}

/** Deletes some checkpoints once the user has confirmed it. */
export async function deleteCheckpoints(
  services: DeleteServices,
  checkpoints: readonly RunCheckpoint[],
): Promise<void> {
  if (checkpoints.length === 0) return;
  const nowMs = Date.now();
  const saving = checkpoints.filter((one) => isBeingSaved(one, nowMs));
  const whole = checkpoints.filter((one) => !saving.includes(one));
  const { planned, refused } = await planRemovals(whole, services.runs.rootPaths());
  const all = [...refused, ...saving.map((checkpoint) => ({ checkpoint, reason: "it is being saved" }))];
  if (planned.length === 0) return tellRefused(all);
  await confirmAndDelete(services, planned, all);
}

/** How VS Code puts it for a machine on which the extension runs remotely. */
const noTrash = /via trash because provider does not support it/;

/** What goes of a checkpoint that goes whole is not counted again. */
function withoutParts(chosen: readonly PlannedRemoval[]): readonly PlannedRemoval[] {
  const whole = new Set(
    chosen.flatMap(({ what, checkpoint }) => (what === "checkpoint" ? [checkpoint] : [])),
  );
  return chosen.filter(({ what, checkpoint }) => what === "checkpoint" || !whole.has(checkpoint));
}

/** The title always says how much would go. */
async function pickDeletable(
  run: Run,
  items: readonly DeletableItem[],
  keptText: string,
  alike: readonly AlikeFiles[],
): Promise<readonly PlannedRemoval[] | typeof lookForCopies | undefined> {
  const pick = createPick<DeletableItem>();
  const shown = items.map(plainItem);
  // What is kept was kept for a reason: parts of it go only where that is asked for.
  const proposed = shown.filter(({ own }) => own.planned.what === "checkpoint");
  const plannedOf = (chosen: readonly { readonly own: DeletableItem }[]) =>
    withoutParts(chosen.map(({ own }) => own.planned));
  const titleOf = (chosen: readonly PlannedRemoval[]) =>
    plainText(`Delete from ${run.name}: ${removedText(chosen)}, ${formatBytes(totalBytes(chosen))}`);
  try {
    pick.canSelectMany = true;
    pick.items = shown;
    pick.selectedItems = proposed;
    pick.title = titleOf(plannedOf(proposed));
    pick.placeholder = keptText === "" ? "Nothing else is here" : `Kept: ${keptText}`;
    if (alike.length > 0) {
      const tooltip = plainText(`${lookForCopies} (reads up to ${formatBytes(bytesToCompare(alike))})`);
      pick.buttons = [{ iconPath: new vscode.ThemeIcon("files"), tooltip }];
    }
    pick.onDidChangeSelection((chosen) => {
      pick.title = titleOf(plannedOf(chosen));
    });
    return await new Promise((resolve) => {
      pick.onDidTriggerButton(() => resolve(lookForCopies));
      pick.onDidAccept(() => resolve(plannedOf(pick.selectedItems)));
      pick.onDidHide(() => resolve(undefined));
      pick.show();
    });
  } finally {
    pick.dispose();
  }
}

async function confirmAndDelete(
  { runs, stages, log }: DeleteServices,
  planned: readonly PlannedRemoval[],
  refused: readonly RefusedRemoval[],
): Promise<void> {
  const shownPath = (path: string) => vscode.workspace.asRelativePath(path, true);
  const { title, detail } = removalQuestion(planned, refused, shownPath);
  if (!(await confirm(title, detail, "Move to Trash"))) return;
  const outcome = await removeFiles(planned, {
    lookAgain: (one) => changeSinceShown(one, runs.rootPaths()),
    moveToTrash: async (path) =>
      vscode.workspace.fs.delete(vscode.Uri.file(path), { recursive: true, useTrash: true }),
    deleteForGood: async (path) =>
      vscode.workspace.fs.delete(vscode.Uri.file(path), { recursive: true, useTrash: false }),
    askForGood: async (reason) => {
      const why = noTrash.test(reason) ? "This machine has no trash." : `The trash refuses it: ${reason}`;
      const warning = `${why} Deleting permanently cannot be undone:\n\n${detail}`;
      const question = title.replace(/^Delete/, "Permanently delete");
      return confirm(question, warning, "Delete Permanently");
    },
  });
  for (const { removals, bytes } of outcome.removed) {
    const how = outcome.forGood ? "Deleted" : "Moved to the trash";
    log.info(`${how}: ${removals.map(({ path }) => path).join(", ")} (${formatBytes(bytes)})`);
  }
  const gone = outcome.removed.flatMap(({ checkpoint, what }) =>
    what === "checkpoint" ? [checkpoint.path] : [],
  );
  // Another training may use the same name one day.
  await stages.set(
    gone.filter((path) => stages.get(path) !== undefined),
    undefined,
  );
  await runs.refresh();
  if (outcome.failed.length > 0) {
    throw new Error(`Not everything could be deleted. ${namedReasons(outcome.failed)}`);
  }
  if (outcome.removed.length === 0) return;
  const size = formatBytes(totalBytes(outcome.removed));
  const what = removedText(outcome.removed);
  const message = outcome.forGood
    ? `Deleted ${what}: ${size} are free again.`
    : `Moved ${what} to the trash: ${size} are free once it is emptied.`;
  void showInformation(message);
}

function tellRefused(refused: readonly RefusedRemoval[]): void {
  showWarning(`Nothing was deleted. ${namedReasons(refused)}`);
}

/** `the best, the last, 2 marked as merged`: the field it stands in is short. */
function keptReasons(kept: readonly { readonly reason: string }[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of kept) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => (count === 1 ? reason : `${count} ${reason}`)).join(", ");
}

const maxNamedReasons = 5;

function namedReasons(list: readonly RefusedRemoval[]): string {
  const shown = list
    .slice(0, maxNamedReasons)
    .map(({ checkpoint, reason }) => `${checkpoint.name}: ${reason}`);
  const more = list.length - shown.length;
  return more > 0 ? `${shown.join("; ")}; and ${more} more` : shown.join("; ");
}
