import type { Run } from "../../core/runs/run";
import {
  type AlikeFiles,
  bytesToCompare,
  type RepeatedFiles,
  repeatedFiles,
} from "../../core/runs/status/repeatedFiles";
import { formatBytes } from "../../core/text/quantities";
import { isAbortError } from "../../protocol/channel";
import type { WorkerClient } from "../analysis/workerClient";
import { showInformation, withProgress } from "../messages";

export const lookForCopies = "Look for Copies of Weights";

/**
 * Compares files of one size in a run's checkpoints, byte for byte, as a notification that can be cancelled.
 * @returns undefined where that was cancelled, or nothing was found, which is told.
 */
export async function searchCopies(
  worker: Pick<WorkerClient, "call">,
  run: Run,
  alike: readonly AlikeFiles[],
): Promise<readonly RepeatedFiles[] | undefined> {
  const title = `Comparing weights of ${run.name}, up to ${formatBytes(bytesToCompare(alike))}`;
  const found = await withProgress(title, async (report, signal) => {
    let told = 0;
    const onProgress = ({ done, total }: { readonly done: number; readonly total: number }) => {
      const increment = (100 * done) / total - told;
      told += increment;
      report({ increment, message: formatBytes(done) });
    };
    try {
      const same = await worker.call("findRepeated", { alike }, signal, { onProgress });
      return repeatedFiles(run, same, Date.now());
    } catch (error) {
      if (isAbortError(error)) return undefined;
      throw error;
    }
  });
  if (found?.length !== 0) return found;
  void showInformation(`No weights of ${run.name} are the same as those of a checkpoint that is kept.`);
  return undefined;
}
