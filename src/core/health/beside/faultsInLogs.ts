import type { Files } from "../../bytes/files";
import { baseName, parentPath } from "../../bytes/paths";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import type { Problem } from "../../problem/problem";
import { parseStepFolder } from "../../progress/checkpointNames";
import { faultOfCheckpoint } from "../../progress/trainingFaults";
import { discoverRuns } from "../../runs/discover/discover";
import { isCheckpointFolder } from "../../runs/discover/homeFolder";
import { isVersionFolder } from "../../runs/logs/logNames";
import { LogStore } from "../../runs/merge/logStore";
import { loggedRun } from "../../runs/status/loggedRun";
import { RunStatusReader } from "../../runs/status/runStatusReader";

/** Levels below the run's folder, and folders in all: event files lie in `logs`, `lightning_logs/version_0`. */
const bounds = { maxDepth: 2, maxFolders: 40 };

/** Folders of checkpoints in a run's folder: `run/checkpoints/step_100`. */
const maxFoldersUp = 3;

/**
 * What event files, tables and other logs of a checkpoint's run tell of a training that no longer learnt when it was
 * saved, as the list of runs tells it.
 */
export async function faultsInLogs(
  files: Files,
  checkpoint: Pick<Checkpoint, "path" | "folder">,
  step: number,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const root = runFolderOf(checkpoint.folder);
  const { runs } = await discoverRuns(files, [{ path: root, name: baseName(root) }], {
    ...bounds,
    exclude: () => false,
    signal,
  });
  const own = new Set([checkpoint.path, checkpoint.folder]);
  const run = runs.find(({ checkpoints }) => checkpoints.some(({ path }) => own.has(path)));
  if (run === undefined || run.checkpoints.some(({ path, final }) => final && own.has(path))) return [];
  const news = await new RunStatusReader(new LogStore(files)).read(loggedRun(run), [], signal);
  return (news?.status.faults ?? [])
    .filter(({ from }) => step >= from)
    .map((fault) => faultOfCheckpoint(fault, checkpoint.path));
}

/** The folder in which a training keeps its log, above the folders that it makes for checkpoints. */
function runFolderOf(folder: string): string {
  let path = folder;
  for (let up = 0; up < maxFoldersUp; up++) {
    const name = baseName(path);
    const parent = parentPath(path);
    const isBelow = parseStepFolder(name) !== undefined || isCheckpointFolder(name);
    if (!isBelow || isVersionFolder(name) || parent === path) break;
    path = parent;
  }
  return path;
}
