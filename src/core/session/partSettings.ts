import type { SettingsGroup } from "../content/settingsSections";
import { CheckpointError } from "../problem/checkpointError";
import type { CheckpointSession } from "./checkpointSession";

/** What a file of a checkpoint's folder holds besides tensors, in tables. Plain data. */
export interface PartSettings {
  readonly file: string;
  readonly path: string;
  /** e.g. "scheduler state" */
  readonly label: string;
  readonly groups: readonly SettingsGroup[];
  /** Why it cannot be read: one sentence. */
  readonly failure?: string;
}

/** Of a checkpoint of many ranks the random states are alike. */
const maxFiles = 12;

/** Reads the small files of a checkpoint's folder. The optimizer has a tab of its own. */
export async function partSettings(
  session: CheckpointSession,
  signal?: AbortSignal,
): Promise<readonly PartSettings[]> {
  const files = session.contents().filter(({ label }) => label !== "optimizer state");
  const found: PartSettings[] = [];
  for (const { name: file, path, label } of files.slice(0, maxFiles)) {
    try {
      found.push({ file, path, label, groups: (await session.part(file, signal)).settings() });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof CheckpointError)) throw error;
      found.push({ file, path, label, groups: [], failure: error.message });
    }
  }
  return found;
}
