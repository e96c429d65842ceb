import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fitFindings } from "../core/base/baseFit";
import { findBaseModel } from "../core/base/baseModel";
import { CheckpointError } from "../core/problem/checkpointError";
import type { Problem } from "../core/problem/problem";
import { CheckpointSession } from "../core/session/checkpointSession";
import { nodeFiles } from "../worker/nodeFiles";
import { noUserStage } from "./command";

/** Where Hugging Face's libraries keep what they downloaded. */
function hubFolders(): readonly string[] {
  const { HF_HUB_CACHE, HF_HOME } = process.env;
  if (HF_HUB_CACHE) return [HF_HUB_CACHE];
  return [join(HF_HOME || join(homedir(), ".cache", "huggingface"), "hub")];
}

/**
 * Whether an adapter fits its base model: the one that is given, else the one that its configuration names, where it
 * is on this disk.
 */
export async function baseProblems(
  session: CheckpointSession,
  given: string | undefined,
): Promise<readonly Problem[]> {
  if (session.adapter === undefined) return [];
  const path = given === undefined ? await findBaseModel(nodeFiles, session, hubFolders()) : resolve(given);
  if (path === undefined) return [];
  try {
    return fitFindings(session, await CheckpointSession.open(nodeFiles, path, noUserStage));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const { message } = error.toProblem();
    const severity = given === undefined ? "warning" : "error";
    return [
      { severity, code: "BaseUnreadable", message: `The base model ${path} cannot be read: ${message}` },
    ];
  }
}
