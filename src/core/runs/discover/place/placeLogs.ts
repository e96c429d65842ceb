import type { Files } from "../../../bytes/files";
import { mapParallel } from "../../../bytes/mapParallel";
import { addTo } from "../../../lists/addTo";
import { plural } from "../../../text/quantities";
import type { LogFile, LogFormatId } from "../../logs/logFormat";
import {
  isGroupingFolder,
  isSplitFolder,
  isStartFolder,
  isVersionFolder,
  isWandbRunFolder,
} from "../../logs/logNames";
import { readMlflowFacts } from "../../logs/mlflow/mlflow";
import type { RunDraft } from "../runDraft";
import type { Folder } from "../walkFolders";
import { findLogFolders, isMoreOfItsParent, type LogFolder } from "./logFolders";
import { joinMlflowModels } from "./mlflowModels";

/** A run with more is a folder that everybody logs into. */
const maxLogsOfRun = 500;

/** Names of MLflow runs are in a small file each. */
const maxNamedRuns = 500;
const parallelNames = 8;

/** Kinds that several trainings write side by side into one folder. The others are written by the newest. */
const sharedFormats: ReadonlySet<LogFormatId> = new Set<LogFormatId>(["tensorboard", "wandb", "config"]);

/**
 * Gives the logs that were found to the runs they belong to, and makes a run of each training that left
 * nothing but a log. Goes by where they lie and what they are called; of a log nothing is read.
 */
export async function placeLogs(
  files: Files,
  tops: readonly Folder[],
  drafts: readonly RunDraft[],
  signal: AbortSignal | undefined,
): Promise<RunDraft[]> {
  const folders = findLogFolders(tops);
  const placed = new Map<RunDraft, LogFile[]>();
  const alone = new Map<Folder, LogFolder[]>();
  const places = new DraftPlaces(drafts, folders);
  for (const found of folders) {
    const owners = places.ownersOf(found);
    if (owners.length === 0) addTo(alone, runFolderOf(found.folder), found);
    const newest = owners.length > 1 ? newestOf(owners) : owners[0];
    for (const owner of owners) {
      for (const log of found.logs) {
        if (owner === newest || sharedFormats.has(log.format)) addTo(placed, owner, log);
      }
    }
  }
  const withLogs = drafts.map((draft) => addLogs(draft, placed.get(draft) ?? []));
  const unowned = [...alone].filter(([, found]) => found.some(({ certain }) => certain));
  const own = unowned.map(([folder, found]) => draftLog(folder, found));
  const joined = await joinMlflowModels(files, [...withLogs, ...own], signal);
  await nameMlflowRuns(files, joined, signal);
  return joined;
}

/** Where the runs are, to find the one that a log lies in. */
class DraftPlaces {
  private readonly byFolder = new Map<Folder, RunDraft[]>();
  private readonly byParent = new Map<Folder, RunDraft[]>();
  private readonly logFoldersBelow = new Map<Folder, number>();

  constructor(drafts: readonly RunDraft[], logFolders: readonly LogFolder[]) {
    for (const draft of drafts) {
      addTo(this.byFolder, draft.folder, draft);
      if (draft.folder.parent !== undefined) addTo(this.byParent, draft.folder.parent, draft);
      if (draft.kind !== "stages") continue;
      // The folders of its stages hold their own logs.
      for (const { facts } of draft.members) {
        for (
          let at: Folder | undefined = facts.candidate.folder;
          at !== undefined && at !== draft.folder;
          at = at.parent
        ) {
          if (!this.byFolder.get(at)?.includes(draft)) addTo(this.byFolder, at, draft);
        }
      }
    }
    for (const { folder } of logFolders) {
      for (let at = folder.parent; at !== undefined; at = at.parent) {
        this.logFoldersBelow.set(at, (this.logFoldersBelow.get(at) ?? 0) + 1);
      }
    }
  }

  /** The runs of the nearest folder around a log, with only folders between that group logs. */
  ownersOf({ folder }: LogFolder): readonly RunDraft[] {
    let at = folder;
    for (;;) {
      const here = this.byFolder.get(at);
      if (here !== undefined) return here;
      if (!this.isBetween(at) || at.parent === undefined) break;
      at = at.parent;
    }
    return at === folder ? [] : this.onlyRunBeside(at);
  }

  /** `logs` beside `results`: the Trainer's `logging_dir` is often not in its output folder. */
  private onlyRunBeside(folder: Folder): readonly RunDraft[] {
    const beside = this.byParent.get(folder) ?? [];
    const trainings = beside.filter(({ kind }) => kind === "training");
    const [only, ...more] = trainings.length > 0 ? trainings : beside;
    if (only === undefined || more.length > 0) return [];
    // Without a trainer_state.json nothing would tell several trainings apart.
    const canTell = only.members.some(({ facts }) => facts.log !== undefined) || only.extraLog !== undefined;
    return canTell || this.logFoldersBelow.get(folder) === 1 ? [only] : [];
  }

  private isBetween(folder: Folder): boolean {
    const { name, parent } = folder;
    if (isGroupingFolder(name) || isStartFolder(name) || isMoreOfItsParent(folder)) return true;
    if (isSplitFolder(name)) return true;
    // Of several each is a training of its own.
    const isOnly = (is: (one: Folder) => boolean) => (parent?.folders.filter(is).length ?? 0) === 1;
    if (folder.isMlflowRun) {
      const store = parent?.parent;
      const count = store?.folders.reduce(
        (sum, one) => sum + one.folders.filter((run) => run.isMlflowRun).length,
        0,
      );
      return count === 1;
    }
    // An experiment of MLflow's store.
    if (folder.folders.some((run) => run.isMlflowRun)) return true;
    if (isVersionFolder(name)) return isOnly((one) => isVersionFolder(one.name));
    return isWandbRunFolder(name) && isOnly((one) => isWandbRunFolder(one.name));
  }
}

/** The folder that is the run: Keras splits one log over two, wandb keeps what it was given in `files`. */
function runFolderOf(folder: Folder): Folder {
  let at = folder;
  while (at.parent !== undefined && isMoreOfItsParent(at)) at = at.parent;
  return at;
}

function draftLog(folder: Folder, found: readonly LogFolder[]): RunDraft {
  const { name, parent } = folder;
  const draft: RunDraft = {
    kind: "log",
    folder,
    name: isGroupingFolder(name) && parent !== undefined ? `${parent.name}/${name}` : name,
    key: "log",
    members: [],
    extraLog: undefined,
    maxSteps: undefined,
    numTrainEpochs: undefined,
    problems: [],
  };
  return addLogs(
    draft,
    found.flatMap(({ logs }) => logs),
  );
}

function addLogs(draft: RunDraft, found: readonly LogFile[]): RunDraft {
  if (found.length === 0) return draft;
  const logs = withScopes(found.slice(-maxLogsOfRun));
  const omitted = found.length - logs.length;
  if (omitted > 0) {
    const message = `The folder holds ${plural(omitted, "older log file")} more; they are not read.`;
    draft.problems.push({ severity: "info", code: "MoreLogs", message, file: draft.folder.path });
  }
  return { ...draft, logs };
}

/** Several tables of one training have the same columns: `train.csv` and `val.csv`. */
function withScopes(logs: readonly LogFile[]): LogFile[] {
  return logs.map((log) => {
    const { format, path, scope } = log;
    const isTable = format === "csv" || format === "jsonl";
    if (!isTable || scope !== undefined || logs.filter((other) => other.format === format).length < 2)
      return log;
    const stem = /([^\\/]+)\.\w+$/.exec(path)?.[1] ?? path;
    return { ...log, scope: stem };
  });
}

function newestOf(drafts: readonly RunDraft[]): RunDraft | undefined {
  const modified = ({ members }: RunDraft) => Math.max(0, ...members.map(({ facts }) => facts.modifiedMs));
  return [...drafts].sort((a, b) => modified(b) - modified(a))[0];
}

async function nameMlflowRuns(
  files: Files,
  drafts: readonly RunDraft[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const runs = drafts.filter(({ folder }) => folder.isMlflowRun).slice(0, maxNamedRuns);
  await mapParallel(runs, parallelNames, async (draft) => {
    const facts = await readMlflowFacts(files, draft.folder.path, signal).catch(() => undefined);
    signal?.throwIfAborted();
    if (facts?.name !== undefined) draft.name = facts.name;
  });
}
