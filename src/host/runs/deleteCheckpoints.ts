import * as vscode from "vscode";
import type { Run, RunCheckpoint } from "../../core/runs/run";
import { findDeletable, holdersOfState } from "../../core/runs/status/deletable";
import { isBeingSaved } from "../../core/runs/status/liveness";
import { formatBytes } from "../../core/text/quantities";
import type { StageStore } from "../files/stageStore";
import type { Log } from "../log";
import { confirm, createPick, plainItem, showInformation, showWarning } from "../messages";
import { plainText } from "../plainText";
import { changeSinceShown, type PlannedRemoval, planRemovals, type RefusedRemoval } from "./removalPlan";
import { removalQuestion, removedText, totalBytes } from "./removalText";
import { removeFiles } from "./removeFiles";
import type { RunsModel } from "./runsModel";

export interface DeleteServices {
  readonly runs: RunsModel;
  readonly stages: StageStore;
  readonly log: Log;
}

interface DeletableItem extends vscode.QuickPickItem {
  readonly planned: PlannedRemoval;
}

/** Shows what a run could do without, all of it chosen, and deletes what the user leaves chosen and confirms. */
export async function askWhatToDelete(services: DeleteServices, run: Run): Promise<void> {
  const { deletable, kept } = findDeletable(run, Date.now());
  const keptText = keptReasons(kept);
  const roots = services.runs.rootPaths();
  const whole = new Set(deletable.map(({ checkpoint }) => checkpoint));
  const holders = holdersOfState(run, Date.now()).filter((one) => !whole.has(one));
  const states = (await planRemovals(holders, roots, true)).planned;
  if (deletable.length === 0 && states.length === 0) {
    const why = kept.length === 0 ? "it has no checkpoints." : `${namedReasons(kept)}.`;
    void showInformation(`Nothing to delete in ${run.name}: ${why}`);
    return;
  }
  const { planned, refused } = await planRemovals(
    deletable.map(({ checkpoint }) => checkpoint),
    roots,
  );
  if (planned.length === 0 && states.length === 0) return tellRefused(refused);
  const reasons = new Map(deletable.map(({ checkpoint, reason }) => [checkpoint, reason]));
  const items = planned.map(
    (one): DeletableItem => ({
      label: one.checkpoint.name,
      description: `${formatBytes(one.bytes)} · ${reasons.get(one.checkpoint) ?? ""}`,
      planned: one,
    }),
  );
  const stateItems = states.map(
    (one): DeletableItem => ({
      label: `State for resuming in ${one.checkpoint.name}`,
      description: `${formatBytes(one.bytes)} · it cannot be resumed from then on; its weights stay`,
      planned: one,
    }),
  );
  const chosen = await pickDeletable(run, [...items, ...stateItems], keptText);
  if (chosen !== undefined && chosen.length > 0) await confirmAndDelete(services, chosen, refused);
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

/** The title always says how much would go. */
async function pickDeletable(
  run: Run,
  items: readonly DeletableItem[],
  keptText: string,
): Promise<readonly PlannedRemoval[] | undefined> {
  const pick = createPick<DeletableItem>();
  const shown = items.map(plainItem);
  // What is kept was kept for a reason: its state goes only where that is asked for.
  const proposed = shown.filter(({ own }) => !own.planned.isStateAlone);
  const titleOf = (chosen: readonly DeletableItem[]) => {
    const bytes = totalBytes(chosen.map(({ planned }) => planned));
    return plainText(
      `Delete from ${run.name}: ${removedText(chosen.map(({ planned }) => planned))}, ${formatBytes(bytes)}`,
    );
  };
  try {
    pick.canSelectMany = true;
    pick.items = shown;
    pick.selectedItems = proposed;
    pick.title = titleOf(proposed.map(({ own }) => own));
    pick.placeholder = keptText === "" ? "Nothing else is here" : `Kept: ${keptText}`;
    pick.onDidChangeSelection((chosen) => {
      pick.title = titleOf(chosen.map(({ own }) => own));
    });
    return await new Promise((resolve) => {
      pick.onDidAccept(() => resolve(pick.selectedItems.map(({ own }) => own.planned)));
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
  const gone = outcome.removed.flatMap(({ checkpoint, isStateAlone }) =>
    isStateAlone ? [] : [checkpoint.path],
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
