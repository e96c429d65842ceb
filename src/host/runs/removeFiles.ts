import { messageOf } from "../../core/problem/messageOf";
import type { PlannedRemoval, RefusedRemoval } from "./removalPlan";

/** How files are deleted; VS Code's own in the extension. */
export interface FileRemover {
  /** What speaks against deleting it, by a look at the disk now: a dialog may have stood open for long. */
  lookAgain(one: PlannedRemoval): Promise<string | undefined>;
  /** @throws where there is no trash for this file, as on most remote machines. */
  moveToTrash(path: string): Promise<void>;
  deleteForGood(path: string): Promise<void>;
  /** The trash has refused; true where the user wants the files gone all the same. */
  askForGood(reason: string): Promise<boolean>;
}

export interface RemovalOutcome {
  readonly removed: readonly PlannedRemoval[];
  readonly failed: readonly RefusedRemoval[];
  readonly forGood: boolean;
  /** The user decided against it when the trash had refused. */
  readonly cancelled: boolean;
}

/** Into the trash; where there is none, for good once the user has said so. What fails does not stop the rest. */
export async function removeFiles(
  planned: readonly PlannedRemoval[],
  remover: FileRemover,
): Promise<RemovalOutcome> {
  const removed: PlannedRemoval[] = [];
  const failed: RefusedRemoval[] = [];
  let forGood = false;
  for (const one of planned) {
    try {
      await mustBeAsShown(one, remover);
      for (const [at, { path }] of one.removals.entries()) {
        if (forGood) {
          await remover.deleteForGood(path);
          continue;
        }
        const reason = await failureOf(remover.moveToTrash(path));
        if (reason === undefined) continue;
        // Asked once: what holds for the first file of a machine holds for the others.
        if (!(await remover.askForGood(reason))) return { removed, failed, forGood, cancelled: true };
        forGood = true;
        if (at === 0) await mustBeAsShown(one, remover);
        await remover.deleteForGood(path);
      }
      removed.push(one);
    } catch (error) {
      failed.push({ checkpoint: one.checkpoint, reason: messageOf(error) });
    }
  }
  return { removed, failed, forGood, cancelled: false };
}

async function mustBeAsShown(one: PlannedRemoval, remover: FileRemover): Promise<void> {
  const reason = await remover.lookAgain(one);
  if (reason !== undefined) throw new Error(reason);
}

async function failureOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
