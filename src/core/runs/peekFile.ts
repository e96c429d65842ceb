import type { Files } from "../bytes/files";
import { type ReadAllowance, ReadLimitError } from "../bytes/limitedFiles";
import { peekWeights, type WeightsPeek } from "../formats/safetensors/peekWeights";
import { peekTorch, torchFile } from "./peekTorch";

/**
 * Looks into a file of a checkpoint, of whatever kind. Undefined where the search has read as much as it may: then
 * nothing is known, and the next search can look.
 */
export async function peekFile(
  files: Files,
  path: string,
  allowance: ReadAllowance,
  signal?: AbortSignal,
): Promise<WeightsPeek | undefined> {
  if (!torchFile.test(path)) return peekWeights(files, path, signal);
  try {
    return await peekTorch(files, path, allowance, signal);
  } catch (error) {
    if (error instanceof ReadLimitError) return undefined;
    throw error;
  }
}
