import type { Files } from "../../bytes/files";
import { baseName, joinPath, parentPath } from "../../bytes/paths";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { Problem } from "../../problem/problem";
import { parseStepFolder } from "../../progress/checkpointNames";
import { listOrNothing } from "../../resume/layoutFindings";
import { printable } from "../../text/printable";

/** The Trainer writes into `tmp-checkpoint-N` and renames it: where both are there, some ranks did not end. */
export async function stagingBeside(
  files: Files,
  { folder }: Pick<FolderContext, "folder">,
): Promise<readonly Problem[]> {
  const name = baseName(folder);
  if (!/^checkpoint-\d+$/.test(name) || parseStepFolder(name) === undefined) return [];
  const path = joinPath(parentPath(folder), `tmp-${name}`);
  if ((await listOrNothing(files, path)).length === 0) return [];
  const message = printable(
    `tmp-${name} lies beside it, into which the Trainer writes before it renames the folder: what is missing here may be there, of a process that had not ended.`,
  );
  return [{ severity: "warning", code: "StagingBeside", message, file: path }];
}
