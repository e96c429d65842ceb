import type { Run } from "../run";
import type { RunDraft } from "./runDraft";

/** One name for each run: names that occur twice get the folders above them until they differ. */
export function uniqueNames(drafts: readonly RunDraft[]): string[] {
  const prefixes = drafts.map(() => 0);
  const nameOf = (draft: RunDraft, index: number) => {
    const above = draft.folder.lineage.slice(1, 1 + (prefixes[index] ?? 0));
    return [...above.reverse(), draft.name].join("/");
  };
  for (;;) {
    const names = drafts.map(nameOf);
    const indexes = new Map<string, number[]>();
    names.forEach((name, index) => {
      indexes.set(name, [...(indexes.get(name) ?? []), index]);
    });
    let grew = false;
    for (const same of indexes.values()) {
      if (same.length < 2) continue;
      for (const index of same) {
        const room = (drafts[index]?.folder.lineage.length ?? 1) - 1;
        if ((prefixes[index] ?? 0) >= room) continue;
        prefixes[index] = (prefixes[index] ?? 0) + 1;
        grew = true;
      }
    }
    if (!grew) return names;
  }
}

/** One id for each run, the same at the next search. */
export function uniqueIds(drafts: readonly RunDraft[]): string[] {
  const used = new Map<string, number>();
  return drafts.map(({ folder, key }) => {
    const id = `${folder.path}#${key}`;
    const count = (used.get(id) ?? 0) + 1;
    used.set(id, count);
    return count === 1 ? id : `${id}-${count}`;
  });
}

/**
 * The run of an id that was given out earlier. A training that had only a log gets another id with its first
 * checkpoint, and again when that is whole: the only run of the same folder is then meant.
 */
export function findRun<T extends Pick<Run, "id" | "path">>(runs: readonly T[], id: string): T | undefined {
  const same = runs.find((run) => run.id === id);
  if (same !== undefined) return same;
  const ofFolder = runs.filter(({ path }) => id.startsWith(`${path}#`));
  return ofFolder.length === 1 ? ofFolder[0] : undefined;
}
