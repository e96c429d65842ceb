import { isVersionFolder, logOfName } from "../logs/logNames";
import type { Folder } from "./walkFolders";

/** Folders that a training makes for its checkpoints, beside its log. */
const checkpointFolders = /^(?:checkpoints|weights|ckpts?)$/i;

export function isCheckpointFolder(name: string): boolean {
  return checkpointFolders.test(name);
}

/** The settings of a YOLO training, in the folder of its run. */
const yoloSettings = /^(?:args|opt|hyp)\.ya?ml$/;

/**
 * The folder that is the run of some checkpoints: Lightning and YOLO keep them in a folder beside the log, MLflow
 * among the artifacts of its run.
 */
export function homeOf(folder: Folder): Folder {
  const mlflow = mlflowRunAround(folder);
  if (mlflow !== undefined) return mlflow;
  const { name, parent } = folder;
  if (parent === undefined || !isCheckpointFolder(name)) return folder;
  const isRun =
    isVersionFolder(parent.name) ||
    parent.files.some((file) => logOfName(file.name) !== undefined || yoloSettings.test(file.name));
  return isRun ? parent : folder;
}

/** The run of MLflow's file store that a folder lies in. */
export function mlflowRunAround(folder: Folder): Folder | undefined {
  for (let at: Folder | undefined = folder; at !== undefined; at = at.parent) if (at.isMlflowRun) return at;
  return undefined;
}
