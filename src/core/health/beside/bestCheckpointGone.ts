import type { Files } from "../../bytes/files";
import { baseName, parentPath } from "../../bytes/paths";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { Problem } from "../../problem/problem";
import { parseStepFolder } from "../../progress/checkpointNames";
import { listOrNothing } from "../../resume/layoutFindings";
import { printable } from "../../text/printable";

/**
 * The Trainer names the best checkpoint of a training in each: where that one is gone, nothing is loaded at the end
 * (`load_best_model_at_end`). Only of a checkpoint that lies among others: a copy of one alone has none beside it.
 */
export async function bestCheckpointGone(
  files: Files,
  { folder, trainerState }: Pick<FolderContext, "folder" | "trainerState">,
): Promise<readonly Problem[]> {
  const named = trainerState?.bestModelCheckpoint;
  if (named === undefined || parseStepFolder(baseName(folder)) === undefined) return [];
  const best = baseName(named.replace(/[\\/]+$/, "").replace(/\\/g, "/"));
  if (best === baseName(folder) || parseStepFolder(best) === undefined) return [];
  const beside = (await listOrNothing(files, parentPath(folder))).map(({ name }) => name);
  const isAmongOthers = beside.some(
    (name) => name !== baseName(folder) && parseStepFolder(name) !== undefined,
  );
  if (beside.includes(best) || !isAmongOthers) return [];
  const message = printable(
    `The best checkpoint of its training was ${best}, and no folder of that name lies beside this one: load_best_model_at_end has nothing to load.`,
  );
  return [{ severity: "info", code: "BestElsewhere", message, file: folder }];
}
