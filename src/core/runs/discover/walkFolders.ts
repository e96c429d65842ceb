import type { BrokenLink, FileEntry, Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { joinPath } from "../../bytes/paths";
import { parseTemporaryName } from "../../bytes/temporaryName";
import { lostParts } from "../../parts/brokenLinks";
import { isPointerName } from "../../parts/lostPointers";
import { classifyEntry } from "../../parts/parts";
import { messageOf } from "../../problem/messageOf";
import type { Problem } from "../../problem/problem";
import { compareNames } from "../../tensors/nameOrder";
import { plural } from "../../text/quantities";
import { isWandbRunFolder, logOfName } from "../logs/logNames";

export interface WalkRoot {
  readonly path: string;
  /** As people call it: the name of the workspace folder. */
  readonly name: string;
}

export interface WalkOptions {
  /** Given a path relative to its root, with `/` on every platform; of a folder or a checkpoint file. */
  readonly exclude: (relativePath: string) => boolean;
  /** Levels below a root: 0 looks into the root alone. */
  readonly maxDepth: number;
  readonly maxFolders: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: WalkProgress) => void) | undefined;
}

export interface WalkProgress {
  readonly foldersSearched: number;
}

/** A folder that was listed. */
export interface Folder {
  readonly path: string;
  readonly name: string;
  readonly root: WalkRoot;
  readonly parent: Folder | undefined;
  /** Names above this folder up to its root, nearest first, its own first. */
  readonly lineage: readonly string[];
  /** Files that a checkpoint may have; empty where none is one. In natural order. */
  readonly files: readonly FileEntry[];
  /** In natural order. */
  readonly folders: Folder[];
  /** Links to checkpoints and their parts that lead nowhere. */
  readonly brokenLinks: readonly BrokenLink[];
  /** Names of files that name the checkpoint to go on from. */
  readonly pointers: readonly string[];
  /** A run of MLflow's file store: what it holds beside artifacts is one log, and is not listed. */
  readonly isMlflowRun: boolean;
}

export interface Walk {
  readonly tops: readonly Folder[];
  readonly foldersSearched: number;
  readonly truncated: boolean;
  readonly problems: readonly Problem[];
}

/** Enough to hide the latency of a network disk, few enough to leave the disk to others. */
const parallelLists = 8;

/** Folders full of other people's files, where a checkpoint would be a test fixture of theirs. */
const skipped: ReadonlySet<string> = new Set(["node_modules", "venv", "site-packages", "__pycache__"]);

interface Pending {
  readonly path: string;
  readonly name: string;
  readonly relative: string;
  readonly root: WalkRoot;
  readonly parent: Folder | undefined;
  readonly depth: number;
  /** The folder's path without links; undefined for a link that is still to be resolved. */
  readonly realPath: string | undefined;
}

/**
 * Lists folders breadth first, so that a bound cuts the deepest. No folder is listed twice, whatever links
 * lead to it; links are followed after all real folders, and never to a folder above a root.
 */
export async function walkFolders(
  files: Files,
  roots: readonly WalkRoot[],
  options: WalkOptions,
): Promise<Walk> {
  return await new Walker(files, options).walk(roots);
}

class Walker {
  private readonly visited = new Set<string>();
  private readonly links: Pending[] = [];
  private readonly problems: Problem[] = [];
  private rootRealPaths: string[] = [];
  private foldersSearched = 0;
  private foldersTooDeep = 0;
  private truncated = false;

  constructor(
    private readonly files: Files,
    private readonly options: WalkOptions,
  ) {}

  async walk(roots: readonly WalkRoot[]): Promise<Walk> {
    const realPaths = await mapParallel(roots, parallelLists, (root) => this.resolve(root.path));
    this.rootRealPaths = realPaths.map((path, index) => path ?? roots[index]?.path ?? "");
    const tops = roots.map((root, index): Pending => {
      const realPath = this.rootRealPaths[index];
      return { path: root.path, name: root.name, relative: "", root, parent: undefined, depth: 0, realPath };
    });
    const found = await this.walkLevels(tops);
    while (this.links.length > 0 && !this.truncated) await this.walkLevels(await this.resolveLinks());
    this.tellBounds();
    const { foldersSearched, truncated, problems } = this;
    return { tops: found.filter(({ parent }) => parent === undefined), foldersSearched, truncated, problems };
  }

  /** Returns the folders of the first level. */
  private async walkLevels(first: readonly Pending[]): Promise<Folder[]> {
    let level: readonly Pending[] = this.unvisited(first);
    let firstFolders: Folder[] | undefined;
    while (level.length > 0) {
      const room = this.options.maxFolders - this.foldersSearched;
      if (level.length > room) {
        this.truncated = true;
        level = level.slice(0, Math.max(0, room));
      }
      const listed = await mapParallel(level, parallelLists, (pending) => this.list(pending));
      const folders = listed.flatMap((result) => (result === undefined ? [] : [result.folder]));
      // Here and not when each is listed: lists end in any order.
      for (const folder of folders) folder.parent?.folders.push(folder);
      firstFolders ??= folders;
      level = this.unvisited(listed.flatMap((result) => result?.below ?? []));
      this.options.onProgress?.({ foldersSearched: this.foldersSearched });
    }
    return firstFolders ?? [];
  }

  private unvisited(level: readonly Pending[]): Pending[] {
    return level.filter(({ realPath }) => {
      if (realPath === undefined || this.visited.has(realPath)) return false;
      this.visited.add(realPath);
      return true;
    });
  }

  private async list(pending: Pending): Promise<{ folder: Folder; below: Pending[] } | undefined> {
    this.options.signal?.throwIfAborted();
    this.foldersSearched++;
    let entries: readonly FileEntry[];
    const links: BrokenLink[] = [];
    try {
      entries = await this.files.list(pending.path, (link) => links.push(link));
    } catch (error) {
      this.tellUnreadable(pending, error);
      return undefined;
    }
    const { path, name, root, parent } = pending;
    const named = entries.filter((entry) => parseTemporaryName(entry.name) === undefined);
    const inOrder = named.sort((a, b) => compareNames(a.name, b.name, "/"));
    const lineage = [name, ...(parent?.lineage ?? [])];
    const folder: Folder = {
      path,
      name,
      root,
      parent,
      lineage,
      files: this.filesOf(pending, inOrder),
      folders: [],
      brokenLinks: lostParts(links),
      pointers: inOrder.filter(isFile).flatMap(({ name }) => (isPointerName(name) ? [name] : [])),
      isMlflowRun: isMlflowRun(inOrder),
    };
    return { folder, below: this.foldersBelow(pending, folder, inOrder) };
  }

  /** Most folders of a workspace hold source or data: nothing of them is kept. */
  private filesOf(pending: Pending, entries: readonly FileEntry[]): FileEntry[] {
    const mayMatter = (entry: FileEntry) =>
      classifyEntry(entry).part !== "other" || logOfName(entry.name) !== undefined;
    if (!entries.some((entry) => isFile(entry) && mayMatter(entry))) return [];
    return entries.filter((entry) => isFile(entry) && !this.options.exclude(below(pending, entry.name)));
  }

  private foldersBelow(pending: Pending, folder: Folder, entries: readonly FileEntry[]): Pending[] {
    const found: Pending[] = [];
    for (const { name, kind, link } of entries) {
      if (kind !== "directory" || skipped.has(name) || name.startsWith(".")) continue;
      if (isPartOfLog(folder, name)) continue;
      const relative = below(pending, name);
      if (this.options.exclude(relative)) continue;
      if (pending.depth >= this.options.maxDepth) {
        this.foldersTooDeep++;
        continue;
      }
      const { root, depth } = pending;
      const path = joinPath(pending.path, name);
      const realPath = link || pending.realPath === undefined ? undefined : joinPath(pending.realPath, name);
      const next: Pending = { path, name, relative, root, parent: folder, depth: depth + 1, realPath };
      if (link) this.links.push(next);
      else found.push(next);
    }
    return found;
  }

  private async resolveLinks(): Promise<Pending[]> {
    const links = this.links.splice(0);
    const resolved = await mapParallel(links, parallelLists, async (link) => {
      this.options.signal?.throwIfAborted();
      const realPath = await this.resolve(link.path);
      const aboveRoot = this.rootRealPaths.some((root) => realPath !== undefined && contains(realPath, root));
      return realPath === undefined || aboveRoot ? [] : [{ ...link, realPath }];
    });
    return resolved.flat();
  }

  private async resolve(path: string): Promise<string | undefined> {
    try {
      return await this.files.realPath(path);
    } catch {
      return undefined;
    }
  }

  private tellUnreadable({ path, parent }: Pending, error: unknown): void {
    const cause = messageOf(error);
    const severity = parent === undefined ? "error" : "warning";
    this.problems.push({
      severity,
      code: "FolderUnreadable",
      message: `The folder cannot be read: ${cause}`,
      file: path,
    });
  }

  private tellBounds(): void {
    if (this.truncated) {
      const searched = plural(this.foldersSearched, "folder");
      const message = `The search stopped after ${searched}. Exclude folders, or raise the limit.`;
      this.problems.push({ severity: "warning", code: "SearchTruncated", message });
    }
    if (this.foldersTooDeep > 0) {
      const tooDeep = plural(this.foldersTooDeep, "folder");
      const message = `Not searched: ${tooDeep} deeper than ${this.options.maxDepth} levels.`;
      this.problems.push({ severity: "info", code: "SearchDepth", message });
    }
  }
}

function isFile({ kind }: FileEntry): boolean {
  return kind === "file";
}

/** A store of a thousand runs has five folders in each, which would use up the search. */
const mlflowParts: ReadonlySet<string> = new Set([
  "metrics",
  "params",
  "tags",
  "inputs",
  "outputs",
  "traces",
  "datasets",
]);

function isMlflowRun(entries: readonly FileEntry[]): boolean {
  const has = (name: string, kind: FileEntry["kind"]) =>
    entries.some((entry) => entry.name === name && entry.kind === kind);
  return has("meta.yaml", "file") && (has("metrics", "directory") || has("params", "directory"));
}

/** Folders that no checkpoint can be in: pictures and tables that wandb keeps, MLflow's files of one line. */
function isPartOfLog(folder: Folder, name: string): boolean {
  if (folder.isMlflowRun) return mlflowParts.has(name);
  if (name === "media" || name === "tmp" || name === "logs") {
    return isWandbRunFolder(folder.name) || isWandbRunFolder(folder.parent?.name ?? "");
  }
  return false;
}

function below({ relative }: Pending, name: string): string {
  return relative === "" ? name : `${relative}/${name}`;
}

function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(/[\\/]$/.test(folder) ? folder : joinPath(folder, ""));
}
