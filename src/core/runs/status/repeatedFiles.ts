import type { Files } from "../../bytes/files";
import { identicalFiles } from "../../bytes/identicalFiles";
import type { Run, RunCheckpoint } from "../run";
import { findDeletable, type Removal } from "./deletable";

/** Smaller ones are not worth a question. */
const fewestBytes = 1_000_000;

/** Files and bytes that are compared of one run: a look at it, not a day's work of the disk. */
const mostFiles = 256;
const mostBytes = 500e9;

/** Files of weights that lie in several checkpoints of a run and have one size: they may be the same. */
export interface AlikeFiles {
  readonly size: number;
  readonly paths: readonly string[];
}

/** What of a run could be compared byte for byte, the largest first. */
export function alikeFiles({ checkpoints }: Run): readonly AlikeFiles[] {
  const bySize = new Map<number, string[]>();
  for (const { kind, incomplete, parts } of checkpoints) {
    if (kind !== "folder" || incomplete) continue;
    for (const { kind: entry, part, size, path } of parts)
      if (entry === "file" && (part === "weights" || part === "adapter") && size >= fewestBytes)
        bySize.set(size, [...(bySize.get(size) ?? []), path]);
  }
  const alike: AlikeFiles[] = [];
  let [files, bytes] = [0, 0];
  for (const [size, paths] of [...bySize].sort(([a], [b]) => b - a)) {
    files += paths.length;
    bytes += size * paths.length;
    if (paths.length < 2) continue;
    if (files > mostFiles || bytes > mostBytes) break;
    alike.push({ size, paths });
  }
  return alike;
}

/**
 * Sets of files that are the same byte for byte; a file that was written meanwhile is in none.
 * @param report bytes that were read, and how many could be at most.
 */
export async function findRepeated(
  files: Files,
  alike: readonly AlikeFiles[],
  report: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const total = bytesToCompare(alike);
  let [done, passed] = [0, 0];
  const found: string[][] = [];
  for (const { size, paths } of alike) {
    const marks = new Map(
      await Promise.all(paths.map(async (path) => [path, await markOf(files, path)] as const)),
    );
    const onBytes = (bytes: number) => {
      done += bytes;
      report(done, total);
    };
    for (const same of await identicalFiles(files, paths, size, { signal, onBytes })) {
      const still = await Promise.all(
        same.map(async (path) => (await markOf(files, path)) === marks.get(path)),
      );
      found.push(same.filter((_, at) => still[at] === true));
    }
    // What differs was let go early.
    passed += size * paths.length;
    done = passed;
    report(done, total);
  }
  return found;
}

export function bytesToCompare(alike: readonly AlikeFiles[]): number {
  return alike.reduce((sum, { size, paths }) => sum + size * paths.length, 0);
}

async function markOf(files: Files, path: string): Promise<string> {
  const stat = await files.stat(path);
  return `${stat?.size} ${stat?.modifiedMs}`;
}

/** Files of a checkpoint that lie in another one that is kept, where they stay. */
export interface RepeatedFiles {
  readonly checkpoint: RunCheckpoint;
  readonly copies: readonly Removal[];
  /** Names of the checkpoints that keep them. */
  readonly keptIn: readonly string[];
}

/**
 * Which files could go as the same bytes stay in a checkpoint that nobody would delete: in the last one, else in the
 * final model, the best, or another that is kept. Nothing where no such checkpoint has them.
 */
export function repeatedFiles(
  run: Run,
  same: readonly (readonly string[])[],
  nowMs: number,
): readonly RepeatedFiles[] {
  const keepers = findDeletable(run, nowMs)
    .kept.map(({ checkpoint }) => checkpoint)
    .sort((a, b) => rankOf(a) - rankOf(b));
  const holderOf = new Map(
    run.checkpoints.flatMap((checkpoint) => checkpoint.parts.map(({ path }) => [path, checkpoint] as const)),
  );
  const found = new Map<RunCheckpoint, { copies: Removal[]; keptIn: Set<string> }>();
  for (const paths of same) {
    const keeper = keepers.find((one) => paths.some((path) => holderOf.get(path) === one));
    const kept = paths.find((path) => holderOf.get(path) === keeper);
    if (keeper === undefined || kept === undefined) continue;
    for (const path of paths) {
      const checkpoint = holderOf.get(path);
      if (checkpoint === undefined || checkpoint === keeper) continue;
      const own = found.get(checkpoint) ?? { copies: [], keptIn: new Set() };
      own.copies.push({ path, kind: "file", sameAs: kept });
      own.keptIn.add(keeper.name);
      found.set(checkpoint, own);
    }
  }
  return run.checkpoints.flatMap((checkpoint) => {
    const own = found.get(checkpoint);
    return own === undefined ? [] : [{ checkpoint, copies: own.copies, keptIn: [...own.keptIn] }];
  });
}

function rankOf({ last, final, best }: RunCheckpoint): number {
  if (last) return 0;
  if (final) return 1;
  return best ? 2 : 3;
}
