import { joinPath } from "../../../bytes/paths";
import type { LogFile } from "../../logs/logFormat";
import { isSplitFolder, isWandbRunFolder, logOfName } from "../../logs/logNames";
import type { Folder } from "../walkFolders";

/** A folder with logs. */
export interface LogFolder {
  readonly folder: Folder;
  readonly logs: readonly LogFile[];
  /** At least one of them is a log for sure, and not a table that is called like one. */
  readonly certain: boolean;
}

/** The logs in listed folders, by their names alone. */
export function findLogFolders(tops: readonly Folder[]): LogFolder[] {
  const found: LogFolder[] = [];
  const pending = [...tops].reverse();
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const here = logsOf(folder);
    if (here !== undefined) found.push(here);
    pending.push(...[...folder.folders].reverse());
  }
  return found;
}

function logsOf(folder: Folder): LogFolder | undefined {
  if (folder.isMlflowRun) return { folder, logs: [{ path: folder.path, format: "mlflow" }], certain: true };
  const scope = scopeOf(folder);
  const logs: LogFile[] = [];
  let certain = false;
  for (const { name } of folder.files) {
    const named = logOfName(name);
    if (named === undefined || isWandbCopy(folder, name) || isMmengineCopy(folder, name)) continue;
    certain ||= named.certain;
    const path = joinPath(folder.path, name);
    logs.push({ path, format: named.format, ...(scope === undefined ? {} : { scope }) });
  }
  if ((isWandbFiles(folder) || isOfDetectron2(folder)) && holds(folder, "config.yaml")) {
    logs.push({ path: joinPath(folder.path, "config.yaml"), format: "config" });
  }
  return logs.length === 0 ? undefined : { folder, logs, certain };
}

/** Its parent's log goes on here, under the same metric names, or beside it. */
export function isMoreOfItsParent(folder: Folder): boolean {
  return scopeOf(folder) !== undefined || isWandbFiles(folder);
}

/**
 * Keras writes into `train` and `validation`, torch's `add_scalars` into a folder for each line of a picture.
 */
function scopeOf(folder: Folder): string | undefined {
  const { parent, name } = folder;
  if (parent === undefined || !hasEvents(folder)) return undefined;
  const isSplit =
    isSplitFolder(name) &&
    parent.folders.filter((one) => isSplitFolder(one.name) && hasEvents(one)).length > 1;
  return isSplit || hasEvents(parent) ? name : undefined;
}

function hasEvents({ files }: Folder): boolean {
  return files.some(({ name }) => logOfName(name)?.format === "tensorboard");
}

/** Its trainer writes its settings, with the planned steps, beside its points. */
function isOfDetectron2(folder: Folder): boolean {
  return holds(folder, "metrics.json") && folder.files.some(({ name }) => /^model_.+\.pth$/.test(name));
}

function holds({ files }: Folder, name: string): boolean {
  return files.some((file) => file.name === name);
}

function isWandbFiles({ name, parent }: Folder): boolean {
  return name === "files" && isWandbRunFolder(parent?.name ?? "");
}

/** What wandb printed and summed up is in its own log too, where that is there. */
function isWandbCopy(folder: Folder, name: string): boolean {
  if (!isWandbFiles(folder)) return false;
  const hasLog = folder.parent?.files.some((file) => logOfName(file.name)?.format === "wandb") === true;
  return hasLog && (name === "wandb-summary.json" || name === "output.log");
}

/** MMEngine writes the same lines under the time at which it began and as `scalars.json`. */
function isMmengineCopy(folder: Folder, name: string): boolean {
  return /^\d{8}_\d{6}\.json$/.test(name) && holds(folder, "scalars.json");
}
