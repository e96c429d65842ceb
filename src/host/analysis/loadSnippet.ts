import { pythonLoadSnippet } from "../../core/session/loadSnippet";
import type { WorkerClient } from "./workerClient";

/**
 * Python that loads a checkpoint. Of a folder that several processes saved it is what its reader advises; where no
 * program is known that loads it, a comment that says so.
 * @param path what is opened of the checkpoint
 * @param mainFile holds the weights
 */
export async function loadSnippetOf(
  worker: Pick<WorkerClient, "call">,
  path: string,
  mainFile: string,
): Promise<string> {
  const opened = await worker
    .call("open", { location: { kind: "path", path }, userStages: [] })
    .catch(() => undefined);
  if (opened === undefined) return pythonLoadSnippet(mainFile);
  void worker.call("close", { handle: opened.handle }).catch(() => undefined);
  const { distributed } = opened.summary;
  if (distributed === undefined) return pythonLoadSnippet(mainFile);
  const { sentence, snippet } = distributed.load ?? { sentence: "No program is known here that loads it." };
  return snippet ?? `# ${sentence}`;
}
