import type { Files } from "../bytes/files";
import { limitedFiles, ReadAllowance, ReadLimitError } from "../bytes/limitedFiles";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { contentKind } from "../checkpoint/contentKind";
import { openCheckpoint } from "../checkpoint/openCheckpoint";
import { progressInside } from "../checkpoint/progressInside";
import { readScalars } from "../checkpoint/readScalars";
import { TensorReader } from "../checkpoint/tensorReader";
import { FormatError } from "../formats/formatError";
import { maxPeekBytes } from "../formats/limits";
import type { WeightsPeek } from "../formats/safetensors/peekWeights";
import type { Problem } from "../problem";

/** Endings of files that torch.load is used on. */
export const torchFile = /\.(?:pt|pth|bin|ckpt|pkl)$/i;

/** Problems that one row of a list can carry. */
const maxPeekProblems = 3;

const nothing: WeightsPeek = { metadata: undefined, problems: [] };

/**
 * Looks into a torch file for a list of many: what Python would import from it, whether it is whole, and how far the
 * training was where the file says so. Gives up where that takes more reading than a look may; never rejects for
 * what is in the file.
 * @throws ReadLimitError where `allowance`, which many looks share, is used up.
 */
export async function peekTorch(
  files: Files,
  path: string,
  allowance: ReadAllowance,
  signal?: AbortSignal,
): Promise<WeightsPeek> {
  const own = new ReadAllowance(maxPeekBytes);
  const limited = limitedFiles(files, own, allowance);
  try {
    const checkpoint = await openCheckpoint(limited, path, signal);
    const progress = await progressOf(limited, checkpoint, signal);
    return {
      metadata: undefined,
      problems: checkpoint.problems.filter(isForRow).slice(0, maxPeekProblems),
      ...(progress === undefined ? {} : { progress }),
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ReadLimitError && error.allowance === allowance) throw error;
    return error instanceof FormatError && isTold(error)
      ? { metadata: undefined, problems: [error.toProblem()] }
      : nothing;
  }
}

/** Files of another kind under such a name, token files for one, are no fault of a checkpoint; sizes tell empty ones. */
function isTold({ code }: FormatError): boolean {
  return code !== "UnknownFormat" && code !== "UnsupportedFormat" && code !== "EmptyFile";
}

function isForRow({ severity, code }: Problem): boolean {
  return severity === "error" || code === "UnknownImports";
}

async function progressOf(
  files: Files,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<WeightsPeek["progress"]> {
  const { content } = checkpoint;
  const kind = content === undefined ? undefined : contentKind(content);
  if (content === undefined || (kind !== "training-checkpoint" && kind !== undefined)) return undefined;
  const reader = new TensorReader(files, checkpoint);
  try {
    return await progressInside(content, async (tensor) =>
      (await readScalars(reader, [tensor], signal)).get(tensor),
    );
  } finally {
    await reader.close();
  }
}
