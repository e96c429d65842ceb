import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { mapParallel } from "../../core/bytes/mapParallel";
import { messageOf } from "../../core/problem/messageOf";
import type { RunCheckpoint } from "../../core/runs/run";
import {
  holdsCheckpointFiles,
  type Removal,
  removalsOf,
  stateRemovalsOf,
  unrecognisedNames,
} from "../../core/runs/status/deletable";

/** All of a checkpoint, its state for resuming alone, or files whose bytes stay in another one. */
export type RemovedWhat = "checkpoint" | "state" | "copies";

/** A checkpoint that can be deleted, with what would go, measured on disk. */
export interface PlannedRemoval {
  readonly checkpoint: RunCheckpoint;
  readonly removals: readonly Removal[];
  readonly files: number;
  /** Of the files themselves; what links point to stays and does not count. */
  readonly bytes: number;
  /** Folders in it that are no part of a checkpoint. */
  readonly unrecognised: readonly string[];
  readonly what: RemovedWhat;
  /** Of its entries: which they are on the disk, and when the last of them was written. */
  readonly mark: string;
}

export interface RefusedRemoval {
  readonly checkpoint: RunCheckpoint;
  readonly reason: string;
}

export interface RemovalPlan {
  readonly planned: readonly PlannedRemoval[];
  readonly refused: readonly RefusedRemoval[];
}

const parallelPlans = 4;

/** A checkpoint of a large sharded model has some hundred files; a folder with more is something else. */
const maxEntries = 20_000;

/**
 * Looks at checkpoints on disk before they are deleted. What is a link, lies outside of the roots behind one, or is
 * no checkpoint any more is refused with the reason.
 * @param roots the open folders.
 * @param what goes of each; which `copies`, `copiesOf` says.
 */
export async function planRemovals(
  checkpoints: readonly RunCheckpoint[],
  roots: readonly string[],
  what: RemovedWhat = "checkpoint",
  copiesOf: (checkpoint: RunCheckpoint) => readonly Removal[] = () => [],
): Promise<RemovalPlan> {
  const removalsIn = { checkpoint: removalsOf, state: stateRemovalsOf, copies: copiesOf }[what];
  const realRoots = (await Promise.all(roots.map(realPathOf))).filter((root) => root !== undefined);
  const results = await mapParallel(checkpoints, parallelPlans, (checkpoint) =>
    plan(checkpoint, realRoots, removalsIn(checkpoint), what),
  );
  const planned: PlannedRemoval[] = [];
  const refused: RefusedRemoval[] = [];
  for (const result of results) {
    if ("reason" in result) refused.push(result);
    else planned.push(result);
  }
  return { planned, refused };
}

/** Why what was shown and confirmed is not to be deleted any more, by another look; undefined where all is as it was. */
export async function changeSinceShown(
  shown: PlannedRemoval,
  roots: readonly string[],
): Promise<string | undefined> {
  const { planned, refused } = await planRemovals(
    [shown.checkpoint],
    roots,
    shown.what,
    () => shown.removals,
  );
  const [now] = planned;
  if (now === undefined) return refused[0]?.reason ?? "it is gone";
  const isSame = now.bytes === shown.bytes && now.files === shown.files && now.mark === shown.mark;
  return isSame ? undefined : "it has changed since it was shown";
}

async function plan(
  checkpoint: RunCheckpoint,
  realRoots: readonly string[],
  removals: readonly Removal[],
  what: RemovedWhat,
): Promise<PlannedRemoval | RefusedRemoval> {
  if (removals.length === 0) return { checkpoint, reason: "it is not recognised as a checkpoint" };
  const measure = new Measure();
  try {
    for (const removal of removals) {
      const reason = await reasonToRefuse(removal, realRoots);
      if (reason !== undefined) return { checkpoint, reason };
      await measure.add(removal.path);
      if (removal.sameAs !== undefined) await measure.mustStay(removal.sameAs);
    }
    const unrecognised = await unrecognisedIn(removals);
    const { files, bytes, mark } = measure;
    return { checkpoint, removals, files, bytes, mark, unrecognised, what };
  } catch (error) {
    return { checkpoint, reason: messageOf(error) };
  }
}

async function reasonToRefuse(
  { path, kind, sameAs }: Removal,
  realRoots: readonly string[],
): Promise<string | undefined> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined) return `${path} is gone`;
  if (stat.isSymbolicLink()) return `${path} is a link: what it points to may belong to others`;
  if (kind === "folder" ? !stat.isDirectory() : !stat.isFile()) return `${path} is not what it was`;
  const real = join((await realPathOf(dirname(path))) ?? dirname(path), basename(path));
  if (!realRoots.some((root) => real.startsWith(root.endsWith(sep) ? root : root + sep)))
    return `it lies outside of the open folders, in ${dirname(real)}, and is seen here through a link`;
  if (sameAs !== undefined) {
    const twin = await lstat(sameAs).catch(() => undefined);
    if (twin?.isFile() !== true || twin.size !== stat.size)
      return `${sameAs} is not what it was compared with`;
    if (twin.ino === stat.ino && twin.dev === stat.dev)
      return `${path} is another name of ${sameAs}: nothing would be free`;
  }
  if (kind === "folder" && !holdsCheckpointFiles(await entriesOf(path)))
    return `${path} holds no checkpoint any more`;
  return undefined;
}

async function unrecognisedIn(removals: readonly Removal[]): Promise<readonly string[]> {
  const folders = removals.filter(({ kind }) => kind === "folder");
  const names = await Promise.all(folders.map(async ({ path }) => unrecognisedNames(await entriesOf(path))));
  return names.flat();
}

async function entriesOf(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.map((entry) => ({
    name: entry.name,
    kind: entry.isDirectory() ? ("directory" as const) : ("file" as const),
  }));
}

async function realPathOf(path: string): Promise<string | undefined> {
  return await realpath(path).catch(() => undefined);
}

/** Counts files and their bytes, without following any link. */
class Measure {
  files = 0;
  bytes = 0;
  private entries = 0;
  private nodes = 0n;
  private newestNs = 0n;

  get mark(): string {
    return `${this.nodes} ${this.newestNs}`;
  }

  /** What does not go, and may not change. */
  async mustStay(path: string): Promise<void> {
    const { ino, mtimeNs } = await lstat(path, { bigint: true });
    this.nodes += ino;
    if (mtimeNs > this.newestNs) this.newestNs = mtimeNs;
  }

  async add(path: string): Promise<void> {
    this.entries++;
    if (this.entries > maxEntries) throw new Error(`it has more than ${maxEntries} files`);
    const stat = await lstat(path, { bigint: true });
    this.nodes += stat.ino;
    if (stat.mtimeNs > this.newestNs) this.newestNs = stat.mtimeNs;
    if (!stat.isDirectory()) {
      this.files++;
      this.bytes += Number(stat.size);
      return;
    }
    for (const name of await readdir(path)) await this.add(join(path, name));
  }
}
