import type { Files } from "../../../bytes/files";
import { lostOf } from "../../../parts/lostPointers";
import type { Problem } from "../../../problem/problem";
import { ProblemList } from "../../../problem/problemList";
import type { RunDraft } from "../runDraft";
import type { Folder } from "../walkFolders";

/** What is told of folders that belong to no run. */
const maxHomeless = 20;

/**
 * Tells of links that lead nowhere and of files that name a checkpoint which is gone, where they lie: in a run, in one
 * of its checkpoints.
 * @returns what lies in no run, such as a folder of which nothing else is left.
 */
export async function tellLost(
  files: Files,
  tops: readonly Folder[],
  drafts: readonly RunDraft[],
  signal: AbortSignal | undefined,
): Promise<readonly Problem[]> {
  const owners = new Owners(drafts);
  const homeless = new ProblemList(maxHomeless);
  for (const folder of withLost(tops)) {
    signal?.throwIfAborted();
    const { path, brokenLinks, pointers } = folder;
    const places = owners.of(folder);
    for (const problem of await lostOf(files, path, brokenLinks, pointers, signal)) {
      for (const problems of places) problems.push(problem);
      if (places.length === 0) homeless.add({ ...problem, message: `${path}: ${problem.message}` });
    }
  }
  return homeless.toArray();
}

function* withLost(folders: readonly Folder[]): Generator<Folder> {
  for (const folder of folders) {
    if (folder.brokenLinks.length > 0 || folder.pointers.length > 0) yield folder;
    yield* withLost(folder.folders);
  }
}

/** Whose problems those of a folder are: a checkpoint's, else the runs' that have checkpoints in it. */
class Owners {
  private readonly ofCheckpoint = new Map<Folder, Problem[]>();
  private readonly ofRun = new Map<Folder, Set<Problem[]>>();

  constructor(drafts: readonly RunDraft[]) {
    for (const { folder, members, problems } of drafts) {
      this.addRun(folder, problems);
      for (const { facts, problems: own } of members) {
        const { kind, folder: place, partFolders } = facts.candidate;
        const isRunItself = place === folder;
        this.addRun(kind === "file" ? place : place.parent, problems);
        if (kind === "folder" && !isRunItself)
          for (const one of [place, ...partFolders]) this.ofCheckpoint.set(one, own);
      }
    }
  }

  of(folder: Folder): readonly Problem[][] {
    const own = this.ofCheckpoint.get(folder);
    return own === undefined ? [...(this.ofRun.get(folder) ?? [])] : [own];
  }

  private addRun(folder: Folder | undefined, problems: Problem[]): void {
    if (folder === undefined) return;
    const known = this.ofRun.get(folder) ?? new Set();
    this.ofRun.set(folder, known.add(problems));
  }
}
