import { findBaseModel } from "../base/baseModel";
import type { Files } from "../bytes/files";
import { checkpointIdentity } from "../checkpoint/identity";
import type { CheckpointSession } from "../session/checkpointSession";
import type { UserStage } from "../session/stageOf";
import { type Lineage, type LineageSource, lineageOf, originsOf } from "../stage/lineage";
import { openSnapshots, type Snapshot } from "./openSnapshots";
import { snapshotLabels } from "./snapshotLabels";

/** A pipeline has some tens of snapshots; a file that names itself anew for ever is none. */
const maxSnapshots = 64;

/**
 * Where snapshots come from, with those that they name as their parents, and theirs. Reads headers and small files,
 * no tensor.
 * @param paths of the snapshots; a parent that is not among them is looked up.
 */
export async function readLineage(
  files: Files,
  paths: readonly string[],
  userStage: UserStage,
  signal?: AbortSignal,
): Promise<Lineage> {
  const known = new Map<string, LineageSource>();
  let wanted = [...new Set(paths.map(checkpointIdentity))].slice(0, maxSnapshots);
  while (wanted.length > 0) {
    signal?.throwIfAborted();
    const snapshots = await openSnapshots(files, wanted, userStage, signal);
    for (const snapshot of snapshots) known.set(snapshot.path, await sourceOf(files, snapshot));
    const named = [...known.values()].flatMap(({ stageFile, folder, base }) => [
      ...originsOf(stageFile, folder).map(({ path }) => path),
      ...(base !== undefined && "path" in base ? [base.path] : []),
    ]);
    const fresh = [...new Set(named)].filter((path) => !known.has(path));
    wanted = fresh.slice(0, Math.max(0, maxSnapshots - known.size));
  }
  const sources = [...known.values()];
  const labels = snapshotLabels(sources.map(({ path }) => path));
  return lineageOf(sources.map((source, at) => ({ ...source, label: labels[at] ?? source.label })));
}

async function sourceOf(files: Files, { path, label, session, failure }: Snapshot): Promise<LineageSource> {
  if (session === undefined) {
    const about = { path, label, folder: path, isAdapter: false };
    return failure?.code === "NotFound" ? { ...about, isMissing: true } : about;
  }
  const { folder, stage, adapter } = session;
  const step = session.summary().progress?.step;
  const base = await baseOf(files, session);
  const stageFile = folder.stageFile?.value;
  return {
    ...{ path, label, folder: folder.folder, isAdapter: adapter !== undefined },
    ...(stage === undefined ? {} : { stage: stage.stage }),
    ...(step === undefined ? {} : { step }),
    ...(stageFile === undefined ? {} : { stageFile }),
    ...(base === undefined ? {} : { base }),
  };
}

async function baseOf(files: Files, session: CheckpointSession): Promise<LineageSource["base"]> {
  if (session.adapter === undefined) return undefined;
  const path = await findBaseModel(files, session);
  if (path !== undefined) return { path: checkpointIdentity(path) };
  const name = session.adapterConfig?.baseModel;
  return name === undefined || name === "" ? undefined : { name };
}
