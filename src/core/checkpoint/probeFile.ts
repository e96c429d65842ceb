import type { Files } from "../bytes/files";
import { type ReadAllowance, ReadLimitError } from "../bytes/limitedFiles";
import { baseName } from "../bytes/paths";
import { agentArchive, isTorchFile } from "../formats/fileKinds";
import { probeTorch } from "./probeTorch";
import { probeWeights, type WeightsProbe } from "./probeWeights";

/**
 * Looks into a file of a checkpoint, of whatever kind, or into a folder that is one. Undefined where the search has read as much as it may: then
 * nothing is known, and the next search can look.
 */
export async function probeFile(
  files: Files,
  path: string,
  allowance: ReadAllowance,
  signal?: AbortSignal,
): Promise<WeightsProbe | undefined> {
  const isTorchs = isTorchFile(path) || agentArchive.test(baseName(path));
  const isFolder = !isTorchs && (await files.stat(path))?.kind === "directory";
  if (!isFolder && !isTorchs) return probeWeights(files, path, signal);
  try {
    return await probeTorch(files, path, allowance, signal);
  } catch (error) {
    if (error instanceof ReadLimitError) return undefined;
    throw error;
  }
}
