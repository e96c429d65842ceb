import { baseName, parentPath } from "../bytes/paths";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import { checkpointIdentity } from "../checkpoint/identity";
import { detectStage, type StageLabel } from "../stage/stage";

/** How stages that the user set are looked up: by the checkpoint's identity. */
export type UserStage = (path: string) => string | undefined;

/** The stage by the user's word, labels, settings and names; undefined where nothing tells it. */
export function stageOf(
  checkpoint: Checkpoint,
  folder: FolderContext,
  { userStage, isAdapter }: { readonly userStage: UserStage; readonly isAdapter: boolean },
): StageLabel | undefined {
  const identity = checkpointIdentity(checkpoint.path);
  const isFolder = identity === checkpoint.folder;
  const own = isFolder ? identity : checkpoint.folder;
  return detectStage({
    userStage: userStage(identity),
    // A label beside several files of their own cannot mean each of them.
    stageFile: isFolder ? folder.stageFile?.value : undefined,
    metadata: checkpoint.metadata,
    adapterConfig: folder.adapterConfig?.value,
    step: folder.trainerState?.globalStep,
    folderNames: [baseName(own), baseName(parentPath(own))],
    fileName: isFolder ? undefined : checkpoint.name,
    // A net of its own, as far as anything here says.
    standsAlone: !isAdapter && folder.config === undefined,
    isNoAdapter: !isAdapter,
  });
}
