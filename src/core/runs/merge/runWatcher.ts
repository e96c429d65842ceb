import type { FileEntry, Files } from "../../bytes/files";
import { baseName, joinPath, parentPath, relativePath } from "../../bytes/paths";
import { classifyEntry } from "../../parts/parts";
import { parseStageFileName, parseStepFolder } from "../../progress/checkpointNames";
import { trainerStateName } from "../../progress/readTrainerState";
import type { LogFile } from "../logs/logFormat";
import { isStartFolder, logOfName } from "../logs/logNames";

/** A checkpoint as its name alone shows it. */
export interface NamedCheckpoint {
  readonly path: string;
  readonly name: string;
  readonly step?: number;
  readonly epoch?: number;
  /** The trainer says by the name that it is still writing it. */
  readonly temporary: boolean;
}

export interface FolderNews {
  readonly added: readonly NamedCheckpoint[];
  /** Paths. */
  readonly removed: readonly string[];
  /** Logs that were not there before. */
  readonly logs: readonly LogFile[];
}

/** Checkpoints of a run lie in one folder, or in a few. */
const maxFolders = 4;
const maxEventFolders = 8;

/**
 * Notices what appears in the folders of a run, by names alone. A look costs one list call for each folder
 * that checkpoints lie in, which is one; folders of event files are looked at only when asked for. What was
 * there at the first look may be of another training in the same folder, and is no news.
 */
export class RunWatcher {
  private readonly folders: readonly string[];
  /** Paths of checkpoints of the run. */
  private readonly known: Set<string>;
  /** Names in each folder at the look before. */
  private readonly seen = new Map<string, ReadonlySet<string>>();

  constructor(
    private readonly files: Files,
    private readonly run: {
      readonly path: string;
      readonly checkpoints: readonly { readonly path: string }[];
    },
  ) {
    const paths = run.checkpoints.map(({ path }) => path);
    this.known = new Set(paths);
    this.folders = [...new Set([run.path, ...paths.map(parentPath)])].slice(0, maxFolders);
  }

  async lookFirst(signal?: AbortSignal): Promise<void> {
    for (const folder of this.folders) {
      const entries = await this.list(folder, signal);
      if (entries !== undefined) this.seen.set(folder, new Set(entries.map(({ name }) => name)));
    }
  }

  async look(logs: readonly LogFile[], withEvents: boolean, signal?: AbortSignal): Promise<FolderNews> {
    const added: NamedCheckpoint[] = [];
    const removed: string[] = [];
    const news: LogFile[] = [];
    const knownLogs = new Set(logs.map(({ path }) => path));
    for (const folder of this.folders) {
      const entries = await this.list(folder, signal);
      if (entries === undefined) continue;
      const names = new Set(entries.map(({ name }) => name));
      const before = this.seen.get(folder);
      this.seen.set(folder, names);
      for (const path of [...this.known]) {
        if (parentPath(path) !== folder || names.has(baseName(path))) continue;
        this.known.delete(path);
        removed.push(path);
      }
      for (const entry of entries) {
        if (before?.has(entry.name) === true) continue;
        const path = joinPath(folder, entry.name);
        const checkpoint = this.known.has(path) ? undefined : this.asCheckpoint(path, entry);
        if (checkpoint !== undefined) {
          this.known.add(path);
          added.push(checkpoint);
        }
        const log = entry.kind === "file" && !knownLogs.has(path) ? asLog(path, entry.name) : undefined;
        if (log !== undefined) news.push(log);
      }
    }
    if (withEvents) news.push(...(await this.newEventFiles(logs, knownLogs, signal)));
    return { added, removed, logs: news };
  }

  /** A training that is started again writes another event file, in the same folder or in one beside it. */
  private async newEventFiles(
    logs: readonly LogFile[],
    known: ReadonlySet<string>,
    signal: AbortSignal | undefined,
  ): Promise<LogFile[]> {
    const events = logs.filter(({ format }) => format === "tensorboard");
    const scopes = new Map(events.map(({ path, scope }) => [parentPath(path), scope]));
    const folders = [...scopes.keys()].slice(-maxEventFolders);
    // A folder of many trainings' logs is not this run's.
    const isOwn = (folder: string) => relativePath(this.run.path, folder) !== folder;
    const starts = new Set(
      folders
        .filter((folder) => isStartFolder(baseName(folder)))
        .map(parentPath)
        .filter(isOwn),
    );
    for (const parent of starts) {
      for (const { name, kind } of (await this.list(parent, signal)) ?? []) {
        const path = joinPath(parent, name);
        if (kind === "directory" && isStartFolder(name) && !scopes.has(path)) folders.push(path);
      }
    }
    const found: LogFile[] = [];
    for (const folder of folders) {
      const scope = scopes.get(folder);
      for (const { name, kind } of (await this.list(folder, signal)) ?? []) {
        const path = joinPath(folder, name);
        if (kind !== "file" || known.has(path) || logOfName(name)?.format !== "tensorboard") continue;
        found.push({ path, format: "tensorboard", ...(scope === undefined ? {} : { scope }) });
      }
    }
    return found;
  }

  private asCheckpoint(path: string, { name, kind }: FileEntry): NamedCheckpoint | undefined {
    if (kind === "directory") {
      const step = parseStepFolder(name);
      return step === undefined ? undefined : { path, name, ...step };
    }
    const { part } = classifyEntry({ name, kind });
    if (part !== "weights" && part !== "adapter") return undefined;
    // A single file is a checkpoint only where others of the run are.
    if (![...this.known].some((other) => parentPath(other) === parentPath(path) && /\.\w+$/.test(other)))
      return undefined;
    const { series: _, ...moment } = parseStageFileName(name);
    return { path, name, ...moment, temporary: false };
  }

  private async list(
    folder: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly FileEntry[] | undefined> {
    signal?.throwIfAborted();
    return await this.files.list(folder).catch(() => undefined);
  }
}

function asLog(path: string, name: string): LogFile | undefined {
  if (name === trainerStateName) return { path, format: "trainer-state" };
  const named = logOfName(name);
  return named === undefined ? undefined : { path, format: named.format };
}
