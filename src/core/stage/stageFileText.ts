import { parentPath } from "../bytes/paths";

/** What is known of how a snapshot was made, for its `checkpoint-stage.json` (schema: stage.ts, `StageFile`). */
export interface Provenance {
  readonly stage: string;
  readonly note: string;
  /** e.g. "checkpoint-explorer 0.2.0" */
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Path of the snapshot it was made from; written relative to the new one. */
  readonly parent: string;
  /** Path of the base model that it stands on as it is now, relative to the new one. */
  readonly base?: string;
  readonly method: Readonly<Record<string, unknown>>;
  /** Share of the energy of the parent's update that was kept, of what keeps a part of it. */
  readonly energyKept?: number;
  /** What it did to each module: its rank and the energy that it kept, or what rounding took of its update. */
  readonly modules?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** @param path of the folder that the text will lie in. */
export function stageFileText(provenance: Provenance, path: string): string {
  const { createdAt, parent, ...rest } = provenance;
  const { stage, note, createdBy, ...numbers } = rest;
  const file = {
    stage,
    note,
    createdBy,
    createdAt: createdAt.toISOString(),
    parent: relativePathFrom(path, parent),
    ...numbers,
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** With `/` on every system, so that a run that is moved whole keeps its references. */
export function relativePathFrom(folder: string, target: string): string {
  const from = parts(folder);
  const to = parts(target);
  let common = 0;
  while (common < Math.min(from.length, to.length) && from[common] === to[common]) common++;
  // Another drive, or two relative paths without a common start.
  if (common === 0) return target;
  const up = from.slice(common).map(() => "..");
  return [...up, ...to.slice(common)].join("/") || ".";
}

function parts(path: string): string[] {
  const root = parentPath(path) === path;
  return root ? [path] : path.replace(/[\\/]+$/, "").split(/[\\/]/);
}
