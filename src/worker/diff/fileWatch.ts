import { CheckpointError } from "../../core/problem/checkpointError";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { fileIdentity } from "../numbers/fileIdentity";

/** The files of checkpoints as they were when long work on them began. */
export class FileWatch {
  private constructor(private readonly identities: ReadonlyMap<string, string | undefined>) {}

  static async over(sessions: readonly (CheckpointSession | undefined)[]): Promise<FileWatch> {
    const paths = new Set(
      sessions.flatMap((session) => session?.checkpoint.files.map(({ path }) => path) ?? []),
    );
    const identities = new Map<string, string | undefined>();
    for (const path of paths) identities.set(path, await fileIdentity(path));
    return new FileWatch(identities);
  }

  /** @throws CheckpointError when one of them is another file by now, was written to or is gone. */
  async check(): Promise<void> {
    for (const [path, before] of this.identities) {
      if ((await fileIdentity(path)) !== before) throw fileChanged(path);
    }
  }
}

export function fileChanged(path: string): CheckpointError {
  const message =
    "The file changed while it was read, so that its numbers would mix two contents. Compare again.";
  return new CheckpointError("FileChanged", message, undefined, path);
}
