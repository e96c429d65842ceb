import type { FolderOutput } from "../bytes/fileSink";

/** Does the work, then gives the output its name; takes back what was written where the work fails. */
export async function finishOutput<T>(
  output: Pick<FolderOutput, "commit" | "discard">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    const result = await work();
    await output.commit();
    return result;
  } catch (error) {
    await output.discard();
    throw error;
  }
}
