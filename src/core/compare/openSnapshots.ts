import type { Files } from "../bytes/files";
import { checkpointIdentity } from "../checkpoint/identity";
import type { TensorReader } from "../checkpoint/tensorReader";
import { CheckpointError } from "../problem/checkpointError";
import { messageOf } from "../problem/messageOf";
import type { Problem } from "../problem/problem";
import { CheckpointSession } from "../session/checkpointSession";
import type { UserStage } from "../session/stageOf";
import type { Tensor } from "../tensors/tensor";
import { snapshotLabels } from "./snapshotLabels";

/** One of the snapshots: open, or the reason why it is not. */
export interface Snapshot {
  readonly path: string;
  readonly label: string;
  readonly session: CheckpointSession | undefined;
  /** The session's tensors, packed weights as the values they stand for. */
  readonly weights: readonly Tensor[];
  readonly failure: Problem | undefined;
}

/** Opens each of the paths. Never rejects for one that can't be read, only when cancelled. */
export async function openSnapshots(
  files: Files,
  paths: readonly string[],
  userStage: UserStage,
  signal?: AbortSignal,
): Promise<Snapshot[]> {
  const labels = snapshotLabels(paths.map(checkpointIdentity));
  return Promise.all(
    paths.map(async (path, index): Promise<Snapshot> => {
      const about = { path: checkpointIdentity(path), label: labels[index] ?? path };
      try {
        const session = await CheckpointSession.open(files, path, userStage, signal);
        return { ...about, session, weights: await session.weights(signal), failure: undefined };
      } catch (error) {
        signal?.throwIfAborted();
        const failure =
          error instanceof CheckpointError ? error : new CheckpointError("Unreadable", messageOf(error));
        return { ...about, session: undefined, weights: [], failure: failure.toProblem() };
      }
    }),
  );
}

/** Reads with one reader for each snapshot, undefined for those that could not be opened, and closes them after it. */
export async function withReaders<T>(
  snapshots: readonly (Snapshot | undefined)[],
  read: (readers: readonly (TensorReader | undefined)[]) => Promise<T>,
): Promise<T> {
  const readers = snapshots.map((snapshot) => snapshot?.session?.tensorReader());
  try {
    return await read(readers);
  } finally {
    await Promise.all(readers.map((reader) => reader?.close()));
  }
}
